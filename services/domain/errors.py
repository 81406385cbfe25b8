"""Errors of the exchange, split by who must act.

Each class that can cross the wire carries its ``reason`` (``google.rpc.ErrorInfo``); ``services/wire/status.py``
maps classes to gRPC status and back, and a test keeps that table complete. Messages never hold personal data.
"""

from __future__ import annotations

from typing import ClassVar


class ExchangeError(Exception):
    """Root of everything the exchange raises on purpose."""

    reason: ClassVar[str] = "INTERNAL"


class Rejected(ExchangeError):
    """The sender changes what it sends; sending the same again fails the same way."""

    reason: ClassVar[str] = "REJECTED"


class Unavailable(ExchangeError):
    """Nothing is wrong with the request: the same again succeeds later.

    Args:
        message: What happened and what to do.
        retry_after_s: Seconds after which a retry makes sense; None leaves it to the caller's back-off.
    """

    reason: ClassVar[str] = "UNAVAILABLE"

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Conflict(ExchangeError):
    """Two histories disagree; a human looks."""

    reason: ClassVar[str] = "CONFLICT"


class NotPermitted(ExchangeError):
    """The caller is known but may not do this; an operator changes an agreement or a role."""

    reason: ClassVar[str] = "NOT_PERMITTED"


class Unauthenticated(ExchangeError):
    """The caller's certificate does not prove who it claims to be."""

    reason: ClassVar[str] = "CERTIFICATE_REFUSED"


class NotFound(ExchangeError):
    """What was named does not exist here."""

    reason: ClassVar[str] = "NOT_FOUND"


class Malformed(Rejected):
    """Header, signature or root does not verify, or a request breaks the contract."""

    reason: ClassVar[str] = "MALFORMED"


class SignatureInvalid(Malformed):
    """A signature does not verify, or its key is not in the signer's bundle."""

    reason: ClassVar[str] = "SIGNATURE_INVALID"


class RootInvalid(Malformed):
    """The Merkle root does not match the records."""

    reason: ClassVar[str] = "ROOT_INVALID"


class TooLarge(Malformed):
    """A batch or a record is over the receiver's limits."""

    reason: ClassVar[str] = "TOO_LARGE"


class DatasetUnknown(Malformed):
    """The dataset, or this version of its standard, is not known here."""

    reason: ClassVar[str] = "DATASET_UNKNOWN"


class AgreementMissing(NotPermitted):
    """No agreement in force lets this stream exist."""

    reason: ClassVar[str] = "AGREEMENT_MISSING"


class PurposeNotAgreed(NotPermitted):
    """The agreement does not list this purpose."""

    reason: ClassVar[str] = "PURPOSE_NOT_AGREED"


class LegalBasisNotAgreed(NotPermitted):
    """The agreement stands on another legal basis."""

    reason: ClassVar[str] = "LEGAL_BASIS_NOT_AGREED"


class FieldNotAgreed(NotPermitted):
    """The answer would need a field that the agreement does not name."""

    reason: ClassVar[str] = "FIELD_NOT_AGREED"


class StandardIncompatible(NotPermitted):
    """Two cities have no version of a standard in common that would let this stream exist."""

    reason: ClassVar[str] = "STANDARD_INCOMPATIBLE"


class PartnerUnknown(NotPermitted):
    """The calling city is not a confirmed partner of this node."""

    reason: ClassVar[str] = "PARTNER_UNKNOWN"


class SequenceGap(ExchangeError):
    """A batch begins after the next expected sequence.

    Args:
        expected_sequence: First sequence that the receiver still needs.
    """

    reason: ClassVar[str] = "SEQUENCE_GAP"

    def __init__(self, expected_sequence: int) -> None:
        super().__init__(f"expected sequence {expected_sequence}: send again from there")
        self.expected_sequence = expected_sequence


class HeadMismatch(Conflict):
    """The header chain of the sender does not continue the receiver's."""

    reason: ClassVar[str] = "HEAD_MISMATCH"


class ContentConflict(Conflict):
    """The same range was offered with another content.

    Args:
        message: What happened.
        statement: Serialised ``Signed`` conflict statement that holds both signed headers; empty when not known.
    """

    reason: ClassVar[str] = "CONTENT_CONFLICT"

    def __init__(self, message: str, statement: bytes = b"") -> None:
        super().__init__(message)
        self.statement = statement


class EpochClosed(Conflict):
    """The epoch is closed and the batch lies above its watermark."""

    reason: ClassVar[str] = "EPOCH_CLOSED"


class EpochUnknown(Conflict):
    """The epoch is neither the present one nor a correct next one."""

    reason: ClassVar[str] = "EPOCH_UNKNOWN"


class Diverged(Conflict):
    """The stream is DIVERGED and waits for an operator of this side."""

    reason: ClassVar[str] = "DIVERGED"


class Recovering(Conflict):
    """The receiver was restored from a backup and waits for an operator of its side."""

    reason: ClassVar[str] = "RECOVERING"


class LeaseLost(Conflict):
    """Another process took the stream's lease; this one must stop sending."""

    reason: ClassVar[str] = "LEASE_LOST"


class CursorMoved(ExchangeError):
    """A submission does not continue where its source stands.

    Args:
        position: Position up to which the source was submitted.
    """

    reason: ClassVar[str] = "CURSOR_MOVED"

    def __init__(self, position: int) -> None:
        super().__init__(f"the source was submitted up to position {position}: go on after it")
        self.position = position


class QuotaExceeded(Unavailable):
    """The agreement's quota is used up for now."""

    reason: ClassVar[str] = "QUOTA_EXCEEDED"


class PartnerPaused(Unavailable):
    """An operator paused the partner."""

    reason: ClassVar[str] = "PARTNER_PAUSED"


class Stopping(Unavailable):
    """The node is shutting down."""

    reason: ClassVar[str] = "STOPPING"


class StoreUnavailable(Unavailable):
    """The store cannot take the work now: locked, gone or out of space."""

    reason: ClassVar[str] = "STORE_UNAVAILABLE"


class StoreFailed(Exception):
    """A commit reported an I/O error: its outcome is unknown, so the process must end.

    Not an `ExchangeError`: nobody handles it (a retried fsync may report success for lost pages).
    """
