"""What the integration tests share: two cities whose nodes run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.support.pairs import Pair, running


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Nantong and Shanghai, serving; shared by the tests of a module, so none of them may break it."""
    with running(tmp_path_factory.mktemp("cities")) as cities:
        yield cities
