"""What the tests of the exchange share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.node.conformance.sender import Sender
from tests.integration.support.guests import Host, hosting
from tests.integration.support.nodes import SHANGHAI, make_node
from tests.integration.support.records import bodies


@pytest.fixture(scope="package")
def shanghai(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """Shanghai alone, serving, with guests; shared, so no test may break it."""
    folder = tmp_path_factory.mktemp("host")
    with make_node(folder, SHANGHAI) as node, hosting(node, folder) as host:
        yield host


@pytest.fixture
def guest(shanghai: Host) -> Sender:
    """A city of this test's own whose stream to Shanghai was never opened."""
    return shanghai.guest()


@pytest.fixture(scope="module")
def regular(shanghai: Host, first_bodies: list[bytes]) -> Sender:
    """A city whose first batch of three records is applied; shared by a module's tests, which keep it right."""
    city = shanghai.guest()
    sealed = city.seal(first_bodies)
    assert len(city.send(sealed).receipts) == 1
    city.moved(sealed)
    return city


@pytest.fixture
def sender(guest: Sender, first_bodies: list[bytes]) -> Sender:
    """A city of this test's own whose first batch of three records is applied."""
    sealed = guest.seal(first_bodies)
    assert len(guest.send(sealed).receipts) == 1
    guest.moved(sealed)
    return guest


@pytest.fixture(scope="session")
def first_bodies() -> list[bytes]:
    """Three good records."""
    return bodies(3, seed=11)
