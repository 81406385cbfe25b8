"""What the tests of syncs share: one pair of cities, since every test brings people of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.support.pairs import Pair, running


@pytest.fixture(scope="package")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Nantong and Shanghai, serving; a test that takes something from them gives it back."""
    with running(tmp_path_factory.mktemp("cities")) as cities:
        yield cities
