"""Load for a drill: partners call each other through their nodes until told to stop; every error is kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from services.domain.errors import ExchangeError
from services.node.home import Home
from services.node.session import open_session
from yrdx.node.v1 import node_pb2

CALLS_OF_A_SESSION: Final = 50
BETWEEN_CALLS_S: Final = 0.005
REACHED_WITHIN_S: Final = 30.0


@dataclass
class Tally:
    """What the load met.

    Attributes:
        calls: Calls that were answered.
        errors: Words of those that were not.
    """

    calls: int = 0
    errors: list[str] = field(default_factory=list)


@contextmanager
def load_between(first: Home, second: Home, cities: tuple[str, str]) -> Iterator[Tally]:
    """Keep both nodes calling each other while the block runs.

    Args:
        first: One home.
        second: The other.
        cities: Their city codes, in that order.
    """
    pairs = ((first.path, cities[1]), (second.path, cities[0]))
    for home, city in pairs:
        _reach(home, city)
    tally, stop = Tally(), threading.Event()
    works = [threading.Thread(target=_call, args=(home, city, tally, stop)) for home, city in pairs]
    for work in works:
        work.start()
    try:
        yield tally
    finally:
        stop.set()
        for work in works:
            work.join()


def _reach(home: Path, city: str) -> None:
    """Get through once: a node that tried its partner before that one served waits before it tries again.

    Raises:
        ExchangeError: The partner does not answer in time.
    """
    deadline = time.monotonic() + REACHED_WITHIN_S
    while True:
        try:
            with open_session(home) as session:
                session.stub.PingPartner(node_pb2.PingPartnerRequest(city=city))
        except ExchangeError:
            if time.monotonic() > deadline:
                raise
            time.sleep(BETWEEN_CALLS_S)
        else:
            return


def _call(home: Path, city: str, tally: Tally, stop: threading.Event) -> None:
    request = node_pb2.PingPartnerRequest(city=city)
    while not stop.is_set():
        with open_session(home) as session:
            for _ in range(CALLS_OF_A_SESSION):
                try:
                    session.stub.PingPartner(request)
                    tally.calls += 1
                except ExchangeError as error:
                    tally.errors.append(f"{city}: [{error.reason}] {error}")
                time.sleep(BETWEEN_CALLS_S)
