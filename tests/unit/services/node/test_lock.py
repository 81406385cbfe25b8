from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from services.node.home import Home, HomeMissing
from services.node.lock import HomeBusy, NodeLock, held_by, holder_of


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home."""
    home = Home(tmp_path)
    home.settings.write_text("")
    return home


def test_the_second_node_on_a_home_is_told_who_serves_it(home: Home) -> None:
    """One home has one node, and the message names the first one's pid."""
    with NodeLock(home, serving=True), pytest.raises(HomeBusy, match=f"served by process {os.getpid()}"):
        NodeLock(home, serving=True, wait_s=0.05).__enter__()


def test_a_serving_node_is_seen_and_a_command_is_not_taken_for_one(home: Home) -> None:
    """Commands call a node that serves, and wait for another command."""
    assert held_by(home) is None
    with NodeLock(home, serving=True):
        assert held_by(home) == os.getpid()
    with NodeLock(home):
        assert held_by(home) is None
        assert holder_of(home) == (os.getpid(), False)
    assert holder_of(home) is None


def test_a_dead_holder_holds_nothing(home: Home) -> None:
    """What a killed node left in the file is not believed: the kernel's lock alone counts."""
    home.lock.write_text("1 serve\n")

    assert held_by(home) is None
    with NodeLock(home):
        assert home.lock.read_text() == f"{os.getpid()} command\n"


def test_a_command_waits_for_another_one(home: Home) -> None:
    """Two commands at once run one after the other."""
    first = NodeLock(home)
    first.__enter__()
    threading.Timer(0.1, first.__exit__, (None, None, None)).start()
    began = time.monotonic()

    with NodeLock(home, wait_s=5):
        assert time.monotonic() - began >= 0.05


def test_a_command_that_lasts_is_named(home: Home) -> None:
    """The message tells a command from a node."""
    with NodeLock(home), pytest.raises(HomeBusy, match=f"in use by a command, process {os.getpid()}"):
        NodeLock(home, wait_s=0.05).__enter__()


def test_the_lock_is_released_when_the_work_fails(home: Home) -> None:
    """An error inside does not leave a home locked."""
    with pytest.raises(RuntimeError), NodeLock(home, serving=True):
        raise RuntimeError

    assert held_by(home) is None


def test_a_folder_that_is_no_home_gets_no_lock_file(tmp_path: Path) -> None:
    """A mistyped --home leaves no trace."""
    with pytest.raises(HomeMissing):
        NodeLock(Home(tmp_path)).__enter__()

    assert list(tmp_path.iterdir()) == []
