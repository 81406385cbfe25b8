"""Receivers that break one promise each, as real ones might."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from certs.identity import Identity, identity_of
from certs.pem import certificate_from_pem
from services.domain import errors
from services.domain.receipt import Violation
from services.domain.tags import RECEIPT
from tests.integration.conformance.promises import Applied
from tests.integration.conformance.receiver import Receiver
from yrdx.exchange.v1 import exchange_pb2
from yrdx.types.v1 import types_pb2

COMMITS_AFTER_S: Final = 1.0
EXPIRES_AFTER_S: Final = 4.0


class AcknowledgesBeforeCommit(Receiver):
    """Answers at once and writes later."""

    def commit(self, kind: str, content: bytes) -> None:
        """Write in a while."""
        threading.Timer(COMMITS_AFTER_S, super().commit, (kind, content)).start()


class ExpiresDuplicates(Receiver):
    """Knows a duplicate from a cache that forgets."""

    def again(self, applied: Applied) -> exchange_pb2.Signed:
        """Answer while it remembers."""
        receipt = exchange_pb2.Receipt.FromString(applied.evidence.receipt.content)
        if time.time() - receipt.received_time.ToMicroseconds() / 1e6 > EXPIRES_AFTER_S:
            raise errors.HeadMismatch("never heard of it")
        return super().again(applied)


class SkipsASequence(Receiver):
    """Takes what comes next, whatever its number is."""

    def verify_next(self, header: exchange_pb2.BatchHeader, position: exchange_pb2.StreamPosition) -> None:
        """Look at the hash alone."""
        if header.previous_hash != position.head:
            raise errors.HeadMismatch("another head")


class Overwrites(Receiver):
    """Believes the last who speaks."""

    def contradicted(self, applied: Applied, header: exchange_pb2.BatchHeader, batch: exchange_pb2.Batch) -> Any:
        """Put the new content in the place of the old."""
        applied.evidence = exchange_pb2.ReceiptedBatch(
            header=batch.header, receipt=self.receipt(header, batch, {}), records=batch.records
        )
        return applied.evidence.receipt


class ReceiptsAnew(Receiver):
    """Signs another receipt for each duplicate."""

    def again(self, applied: Applied) -> exchange_pb2.Signed:
        """Sign with the present time."""
        receipt = exchange_pb2.Receipt.FromString(applied.evidence.receipt.content)
        receipt.received_time.GetCurrentTime()
        return self.key.sign(RECEIPT, receipt)


class RefusesTheWholeBatch(Receiver):
    """Lets a bad record block the good ones."""

    def judge(self, header: exchange_pb2.BatchHeader, records: Sequence[Any]) -> dict[int, Violation]:
        """Refuse everything."""
        if super().judge(header, records):
            raise errors.Rejected("a record is bad")
        return {}


class TellsValues(Receiver):
    """Quotes the record in the reason."""

    def judge(self, header: exchange_pb2.BatchHeader, records: Sequence[Any]) -> dict[int, Violation]:
        """Add the message to each reason."""
        found = super().judge(header, records)
        for place, one in found.items():
            try:
                content = types_pb2.RecordBody.FromString(records[place].body).message.value
            except Exception:  # noqa: BLE001 - not readable, so there is nothing to quote
                continue
            quoted = content.decode("utf-8", errors="ignore").encode("utf-8", errors="ignore").decode()[:200]
            found[place] = Violation(one.field_path, one.rule_id, f"{one.reason}: {quoted}")
        return found


class BelievesAnySignature(Receiver):
    """Never looks at signatures."""

    def verify(self, tag: bytes, signed: exchange_pb2.Signed) -> None:
        """Believe it."""


class BelievesAnyRoot(Receiver):
    """Never computes the root."""

    def verify_root(self, root: bytes, leaves: Sequence[bytes]) -> None:
        """Believe it."""


class AdmitsAnyName(Receiver):
    """Takes every certificate of the partner's authority for what it says."""

    def admit(self, pem: bytes) -> Identity:
        """Read the name alone."""
        return identity_of(certificate_from_pem(pem))


class KnowsNoLimits(Receiver):
    """Takes batches of any size."""

    def verify_size(self, records: Sequence[Any]) -> None:
        """Take it."""


class SpeaksTls12(Receiver):
    """Serves TLS 1.2 as well; `double` leaves the environment as gRPC has it."""


FAULTS: Final[Mapping[str, type[Receiver]]] = {
    kind.__name__: kind
    for kind in (
        Receiver,
        AcknowledgesBeforeCommit,
        ExpiresDuplicates,
        SkipsASequence,
        Overwrites,
        ReceiptsAnew,
        RefusesTheWholeBatch,
        TellsValues,
        BelievesAnySignature,
        BelievesAnyRoot,
        AdmitsAnyName,
        KnowsNoLimits,
        SpeaksTls12,
    )
}
