"""Refuse: records that were receipted as accepted, and break a rule once this node knows all rules of their standard.

The receipt stands, whatever it said; so this is a rejection of this city, which an operator settles with the sender.
"""

from __future__ import annotations

from collections.abc import Mapping

from services.domain.batch import BatchHeader
from services.domain.outbox import Source
from services.domain.receipt import Violation
from services.domain.rejection import LocalRejection
from services.domain.stream import Stream
from services.exchange.parts import Parts
from services.ports.store import Transaction


def refuse_received(
    tx: Transaction, parts: Parts, stream: Stream, header: BatchHeader, violations: Mapping[int, Violation]
) -> None:
    """Keep refusals among this city's own, each with the stream as its file and its sequence as its row.

    Args:
        tx: Transaction.
        parts: Ports.
        stream: Inbound stream.
        header: Of the batch.
        violations: What is wrong, by the record's offset in the batch.
    """
    if violations:
        source = tx.add_source(Source(0, stream.id, f"received/{header.epoch}", str(stream.name)))
        rows = [LocalRejection(header.first_sequence + offset, "", why) for offset, why in violations.items()]
        tx.add_local_rejections(stream.id, source.id, rows, now=parts.clock.now())
