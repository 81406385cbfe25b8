"""What other makers' programs need: where they are, and a node to try them on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.support.guests import Host, hosting
from tests.integration.support.nodes import SHANGHAI, make_node

INTEROP = Path(__file__).parents[2] / "build" / "interop"


@pytest.fixture(scope="session")
def tools() -> Path:
    """The folder that `make test-interop` filled."""
    if not (INTEROP / "installed.stamp").exists():
        pytest.skip("`make test-interop` installs what this needs")
    return INTEROP


@pytest.fixture(scope="package")
def shanghai(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """Shanghai, serving, with guests."""
    folder = tmp_path_factory.mktemp("host")
    with make_node(folder, SHANGHAI) as node, hosting(node, folder) as host:
        yield host
