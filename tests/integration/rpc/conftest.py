"""Shanghai's toy node, with Nantong and Suzhou as partners."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.integration.rpc.cities import NANTONG, SUZHOU, ToyServer, make_server, serving


@pytest.fixture
async def shanghai() -> AsyncIterator[ToyServer]:
    """A running server."""
    async with serving(make_server([NANTONG, SUZHOU])) as server:
        yield server
