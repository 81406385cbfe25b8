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
    tally, stop = Tally(), threading.Event()
    works = [
        threading.Thread(target=_call, args=(home.path, city, tally, stop))
        for home, city in ((first, cities[1]), (second, cities[0]))
    ]
    for work in works:
        work.start()
    try:
        yield tally
    finally:
        stop.set()
        for work in works:
            work.join()


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
