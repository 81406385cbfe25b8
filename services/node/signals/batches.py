"""Batches: one log line for each, on either side, and what it counts for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import structlog

from services.domain.batch import BatchHeader, Signed
from services.domain.errors import ExchangeError
from services.domain.receipt import Rejection
from services.domain.stream import StreamName
from services.domain.tags import RECEIPT
from services.exchange.apply import Applied
from services.exchange.settle import VerifiedReceipt
from services.node.signals.metrics import Metrics

_log = structlog.get_logger("yrdx.batches")

IN: Final = "in"
OUT: Final = "out"


class Batches:
    """Tells of batches, sent and received."""

    def __init__(self, metrics: Metrics) -> None:
        """Begin without a batch."""
        self._metrics = metrics

    def applied(self, header: BatchHeader, applied: Applied) -> None:
        """Tell of a batch that was answered here."""
        _log.info(
            "batch.applied" if applied.conflict is None else "batch.conflict",
            stream=str(header.stream),
            epoch=header.epoch,
            first_sequence=header.first_sequence,
            last_sequence=header.last_sequence,
            record_count=header.record_count,
            accepted_count=applied.accepted,
            rejected_count=len(applied.rejections),
            duplicate=applied.duplicate,
            receipt_hash="" if applied.receipt is None else receipt_hash(applied.receipt),
        )
        if applied.conflict is None and not applied.duplicate:
            self._count(IN, header.stream.from_city, header.stream, applied.accepted, applied.rejections)

    def sending(self, header: BatchHeader) -> None:
        """Count a batch that goes out, for the first time or again."""
        self._metrics.attempts.labels(header.stream.to_city, header.stream.dataset).inc()

    def acknowledged(self, answer: VerifiedReceipt, *, attempts: int) -> None:
        """Tell of a batch that the partner answered.

        Args:
            answer: Its receipt.
            attempts: How often this process sent it; 0 when a former one did.
        """
        receipt = answer.receipt
        _log.info(
            "batch.acknowledged",
            stream=str(receipt.stream),
            epoch=receipt.epoch,
            first_sequence=receipt.first_sequence,
            last_sequence=receipt.last_sequence,
            record_count=receipt.record_count,
            accepted_count=receipt.accepted_count,
            rejected_count=len(receipt.rejections),
            attempts=attempts,
            receipt_hash=receipt_hash(answer.signed),
        )
        self._count(OUT, receipt.stream.to_city, receipt.stream, receipt.accepted_count, receipt.rejections)

    def failed(self, stream: StreamName, error: ExchangeError) -> None:
        """Tell of a session that ended with an error; its text may be the partner's, so it stays out of the log."""
        _log.warning("delivery.failed", stream=str(stream), reason=error.reason)
        self._metrics.failures.labels(stream.to_city, error.reason).inc()

    def _count(
        self, direction: str, partner: str, stream: StreamName, accepted: int, rejections: Sequence[Rejection]
    ) -> None:
        about = (direction, partner, stream.dataset)
        self._metrics.batches.labels(*about).inc()
        self._metrics.records.labels(*about, "accepted").inc(accepted)
        self._metrics.records.labels(*about, "rejected").inc(len(rejections))
        for rejection in rejections:
            self._metrics.rejected(direction, stream.dataset, rejection.violation.rule_id)


def receipt_hash(signed: Signed) -> str:
    """Return the name by which both sides know a receipt: SHA-256 of what was signed, hex."""
    return hashlib.sha256(RECEIPT + signed.content).hexdigest()
