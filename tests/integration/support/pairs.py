"""Nantong and Shanghai, bound by agreements both ways, each reached by the other through a proxy of the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.integration.support.nodes import DATASET, NANTONG, SHANGHAI, Node, agreement, introduce, make_node
from tests.integration.support.proxy import Proxy


@dataclass(frozen=True, slots=True)
class Pair:
    """Two cities.

    Attributes:
        nantong: Its node.
        shanghai: Its node.
        to_nantong: Proxy through which Shanghai calls Nantong.
        to_shanghai: Proxy through which Nantong calls Shanghai.
    """

    nantong: Node
    shanghai: Node
    to_nantong: Proxy
    to_shanghai: Proxy

    @property
    def nodes(self) -> tuple[Node, Node]:
        """Both nodes."""
        return self.nantong, self.shanghai

    @property
    def proxies(self) -> tuple[Proxy, Proxy]:
        """Both proxies."""
        return self.to_nantong, self.to_shanghai


@contextmanager
def acquainted(
    folder: Path,
    *,
    store_urls: tuple[str, str] = ("", ""),
    seed: int = 0,
    datasets: Sequence[str] = (DATASET,),
    prepare: Callable[[Node], object] = lambda _: None,
) -> Iterator[Pair]:
    """Set up both cities without starting their nodes; whatever runs in the end is stopped.

    Args:
        folder: Where their homes are made.
        store_urls: Nantong's and Shanghai's store; empty: SQLite in the home.
        seed: Of the proxies' delays.
        datasets: What they agree on, both ways.
        prepare: Called with each node before the cities learn of each other.
    """
    nantong = make_node(folder, NANTONG, store_url=store_urls[0])
    shanghai = make_node(folder, SHANGHAI, store_url=store_urls[1])
    for node in (nantong, shanghai):
        prepare(node)
    directions = ((NANTONG.code, SHANGHAI.code), (SHANGHAI.code, NANTONG.code))
    agreements = [agreement(a, b, dataset) for dataset in datasets for a, b in directions]
    with ExitStack() as stack:
        to_nantong = stack.enter_context(Proxy(nantong.listen, random=Random(seed)))
        to_shanghai = stack.enter_context(Proxy(shanghai.listen, random=Random(seed + 1)))
        introduce(nantong, shanghai, agreements, endpoint=to_shanghai.address)
        introduce(shanghai, nantong, agreements, endpoint=to_nantong.address)
        for node in (nantong, shanghai):
            stack.callback(node.stop)
        yield Pair(nantong, shanghai, to_nantong, to_shanghai)


@contextmanager
def running(folder: Path, *, datasets: Sequence[str] = (DATASET,)) -> Iterator[Pair]:
    """Set up both cities and serve while the block runs."""
    with acquainted(folder, datasets=datasets) as pair:
        for node in pair.nodes:
            node.start()
        yield pair
