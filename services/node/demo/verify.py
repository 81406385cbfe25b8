"""Verify: what one city's receipts say was accepted stands in the other city's inbox, exactly once, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from services.node.session import NodeSession
from yrdx.node.v1 import node_pb2


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison of both ends of a stream found.

    Attributes:
        acknowledged: Records that the sender holds an accepting receipt for.
        missing: Of those, how many do not stand in the inbox with the same content.
        duplicates: Records in the inbox that stand there twice, or that nobody sent.
    """

    acknowledged: int
    missing: int
    duplicates: int


def compare_ends(sender: NodeSession, receiver: NodeSession, dataset: str) -> Comparison:
    """Compare both ends of a stream record by record, streaming: both come in the order of their sequence.

    Args:
        sender: Session with the sending city's node.
        receiver: Session with the receiving city's node.
        dataset: Dataset.
    """
    sent = _outbox(sender, receiver.settings.city, dataset)
    received = _inbox(receiver, sender.settings.city, dataset)
    acknowledged = missing = duplicates = 0
    there = next(received, None)
    for place, body in sent:
        acknowledged += 1
        while there is not None and there[0] < place:
            duplicates += 1
            there = next(received, None)
        if there is not None and there[0] == place:
            missing += there[1] != body
            there = next(received, None)
        else:
            missing += 1
    duplicates += (there is not None) + sum(1 for _ in received)
    return Comparison(acknowledged, missing, duplicates)


_Place = tuple[int, int]


def _outbox(session: NodeSession, to_city: str, dataset: str) -> Iterator[tuple[_Place, bytes]]:
    request = node_pb2.ExportOutboxRequest(to_city=to_city, dataset=dataset)
    for page in session.stub.ExportOutbox(request):
        yield from (((entry.epoch, entry.sequence), entry.body) for entry in page.entries)


def _inbox(session: NodeSession, from_city: str, dataset: str) -> Iterator[tuple[_Place, bytes]]:
    request = node_pb2.ExportInboxRequest(dataset=dataset, from_city=from_city, history=True)
    for page in session.stub.ExportInbox(request):
        yield from (((entry.epoch, entry.sequence), entry.body) for entry in page.entries)
