"""Two temporary cities on loopback, Nantong sending to Shanghai, and the processes that a bench runs beside them."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from services.node.demo.cities import NANTONG, SHANGHAI, create_city, introduce
from services.node.demo.processes import NodeProcess
from services.node.home import Home

_CONNECT_WITHIN_S: Final = 20.0
_LOADED_S: Final = 3.0


class Pair(NamedTuple):
    """Homes of two cities that know each other.

    Attributes:
        sender: Nantong's.
        receiver: Shanghai's.
    """

    sender: Home
    receiver: Home


class Serving(NamedTuple):
    """The nodes of a pair."""

    sender: NodeProcess
    receiver: NodeProcess


@contextmanager
def bench_folder() -> Iterator[Path]:
    """Yield a folder for a bench, removed in the end."""
    with TemporaryDirectory(prefix="yrdx-bench-") as name:
        yield Path(name)


@contextmanager
def scratch_store(folder: Path) -> Iterator[Path]:
    """Yield where a floor may create its SQLite file, which is removed in the end with those beside it."""
    store = folder / "floor.sqlite"
    try:
        yield store
    finally:
        for file in folder.glob(f"{store.name}*"):
            file.unlink()


def create_pair(folder: Path, store_urls: Sequence[str] = ("", "")) -> Pair:
    """Create both homes and introduce them to each other.

    Args:
        folder: Where they lie; created.
        store_urls: The sender's store and the receiver's; empty: SQLite in the home.
    """
    folder.mkdir(exist_ok=True)
    cities = zip((NANTONG, SHANGHAI), store_urls, strict=True)
    pair = Pair(*(create_city(folder, city, store_url=url) for city, url in cities))
    introduce(pair.sender, pair.receiver)
    introduce(pair.receiver, pair.sender)
    return pair


@contextmanager
def serving(pair: Pair) -> Iterator[Serving]:
    """Run both nodes, once their workers have loaded what they need: they take both cores meanwhile."""
    with NodeProcess(pair.sender) as sender, NodeProcess(pair.receiver) as receiver:
        time.sleep(_LOADED_S)
        yield Serving(sender, receiver)


@contextmanager
def running(command: Sequence[str | Path], address: str) -> Iterator[None]:
    """Run a process for as long as the block lasts, once it takes connections.

    Args:
        command: The process.
        address: Where it listens, "host:port".

    Raises:
        OSError: It does not listen in time, or ended.
    """
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        _wait_for(address, process)
        yield
    finally:
        process.kill()
        process.wait()


def module(name: str, *arguments: object) -> list[str]:
    """Return the command line of a module of ours in a Python of its own."""
    return [sys.executable, "-m", name, *map(str, arguments)]


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    host, _, port = address.rpartition(":")
    deadline = time.monotonic() + _CONNECT_WITHIN_S
    while True:
        try:
            with socket.create_connection((host, int(port)), timeout=1):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
