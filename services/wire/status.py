"""Errors ↔ gRPC status: one table, both directions.

Every status carries ``google.rpc.ErrorInfo{reason, domain: "yrdx"}``; the reason alone says which class it is, and the
code is what a caller that knows no reasons goes by (google.rpc.Code and docs/protocol.md, "Errors").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Protocol

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode

from services.domain import errors
from services.domain.errors import ExchangeError
from services.domain.receipt import Violation
from services.wire.contract import ContractBroken
from yrdx.exchange.v1.exchange_pb2 import Signed

DOMAIN: Final = "yrdx"
DETAILS_KEY: Final = "grpc-status-details-bin"
"""Trailing metadata that carries the serialised ``google.rpc.Status`` (gRPC, "Richer error model")."""

CODES: Final[Mapping[type[ExchangeError], StatusCode]] = {
    ExchangeError: StatusCode.INTERNAL,
    errors.Unauthenticated: StatusCode.UNAUTHENTICATED,
    errors.NotPermitted: StatusCode.PERMISSION_DENIED,
    errors.AgreementMissing: StatusCode.PERMISSION_DENIED,
    errors.PurposeNotAgreed: StatusCode.PERMISSION_DENIED,
    errors.LegalBasisNotAgreed: StatusCode.PERMISSION_DENIED,
    errors.FieldNotAgreed: StatusCode.PERMISSION_DENIED,
    errors.PartnerUnknown: StatusCode.PERMISSION_DENIED,
    errors.StandardIncompatible: StatusCode.PERMISSION_DENIED,
    errors.NotFound: StatusCode.NOT_FOUND,
    errors.SequenceGap: StatusCode.OUT_OF_RANGE,
    # ABORTED: a check-and-set lost; FAILED_PRECONDITION: the state must be mended before a retry makes sense.
    errors.CursorMoved: StatusCode.ABORTED,
    errors.Conflict: StatusCode.ABORTED,
    errors.ContentConflict: StatusCode.ABORTED,
    errors.LeaseLost: StatusCode.ABORTED,
    errors.HeadMismatch: StatusCode.FAILED_PRECONDITION,
    errors.EpochClosed: StatusCode.FAILED_PRECONDITION,
    errors.EpochUnknown: StatusCode.FAILED_PRECONDITION,
    errors.Diverged: StatusCode.FAILED_PRECONDITION,
    errors.Recovering: StatusCode.FAILED_PRECONDITION,
    errors.Rejected: StatusCode.INVALID_ARGUMENT,
    errors.Malformed: StatusCode.INVALID_ARGUMENT,
    ContractBroken: StatusCode.INVALID_ARGUMENT,
    errors.SignatureInvalid: StatusCode.INVALID_ARGUMENT,
    errors.RootInvalid: StatusCode.INVALID_ARGUMENT,
    errors.TooLarge: StatusCode.INVALID_ARGUMENT,
    errors.DatasetUnknown: StatusCode.INVALID_ARGUMENT,
    errors.QuotaExceeded: StatusCode.RESOURCE_EXHAUSTED,
    errors.Unavailable: StatusCode.UNAVAILABLE,
    errors.PartnerPaused: StatusCode.UNAVAILABLE,
    errors.Stopping: StatusCode.UNAVAILABLE,
    errors.StoreUnavailable: StatusCode.UNAVAILABLE,
}
"""Class → code. Complete: tests/unit/services/wire/test_status.py goes through every subclass."""

_GRPC_CODES: Final = {code.value[0]: code for code in StatusCode}
_CLASSES: Final = {kind.reason: kind for kind in CODES}

_FALLBACKS: Final[Mapping[StatusCode, type[ExchangeError]]] = {
    StatusCode.UNAUTHENTICATED: errors.Unauthenticated,
    StatusCode.PERMISSION_DENIED: errors.NotPermitted,
    # An older partner: only its operators can change that.
    StatusCode.UNIMPLEMENTED: errors.NotPermitted,
    StatusCode.NOT_FOUND: errors.NotFound,
    StatusCode.INVALID_ARGUMENT: errors.Malformed,
    StatusCode.OUT_OF_RANGE: errors.Conflict,
    StatusCode.ABORTED: errors.Conflict,
    StatusCode.FAILED_PRECONDITION: errors.Conflict,
    StatusCode.ALREADY_EXISTS: errors.Conflict,
    StatusCode.DATA_LOSS: errors.Conflict,
}
"""What a status without a reason we know means; anything else is `Unavailable`: a cut connection, a deadline, a proxy,
a fault inside the partner. Time mends those, or the partner's operator, who need not tell us."""

_MESSAGE_CHARACTERS_MAX: Final = 500
_NUMBER_DIGITS_MAX: Final = 16
_NANOS: Final = 1_000_000_000


class FinishedCall(Protocol):
    """How a call ended: `grpc.aio.AioRpcError`, or a synchronous call's `grpc.RpcError`."""

    def code(self) -> StatusCode:
        """Return the code."""
        ...

    def details(self) -> str | None:
        """Return the text."""
        ...

    def trailing_metadata(self) -> Iterable[tuple[str, str | bytes]] | None:
        """Return the trailing metadata."""
        ...


def status_of(error: ExchangeError) -> Status:
    """Return the status that tells a caller about an error, with all that the error carries."""
    kind = next(kind for kind in type(error).__mro__ if kind in CODES)
    status = Status(code=CODES[kind].value[0], message=str(error)[:_MESSAGE_CHARACTERS_MAX])
    for detail in _details(kind, error):
        status.details.add().Pack(detail)
    return status


def grpc_code(status: Status) -> StatusCode:
    """Return gRPC's name of a status's code."""
    return _GRPC_CODES[status.code]


def error_from(call: FinishedCall) -> ExchangeError:
    """Return the error that a partner answered.

    Args:
        call: How it ended.

    Its text comes from outside, so it is cut and cleaned; what its details lack is left out, never guessed.
    """
    return _error(call.code(), call.details() or "", _rich_status(call.trailing_metadata() or ()))


def error_of(status: Status) -> ExchangeError:
    """Return the error that `status_of` told, in whichever process."""
    return _error(grpc_code(status), status.message, status)


def _error(code: StatusCode, text: str, status: Status) -> ExchangeError:
    answered, text = _Answered(status), _clean(text)
    kind = _CLASSES.get(answered.info.reason) if answered.info.domain == DOMAIN else None
    return _rebuild(kind, text, answered) if kind else _fallback(code, text)


def _details(kind: type[ExchangeError], error: ExchangeError) -> Iterator[Message]:
    yield ErrorInfo(reason=kind.reason, domain=DOMAIN, metadata=_metadata(error))
    if isinstance(error, errors.Unavailable) and error.retry_after_s is not None:
        seconds, nanos = divmod(round(error.retry_after_s * _NANOS), _NANOS)
        yield RetryInfo(retry_delay=Duration(seconds=seconds, nanos=nanos))
    elif isinstance(error, errors.Malformed):
        violations = error.violations if isinstance(error, ContractBroken) else ()
        yield _bad_request(violations or [Violation("", kind.reason, str(error)[:_MESSAGE_CHARACTERS_MAX])])
    elif isinstance(error, errors.ContentConflict) and error.statement:
        yield Signed.FromString(error.statement)


def _metadata(error: ExchangeError) -> dict[str, str]:
    if isinstance(error, errors.SequenceGap):
        return {"expected_sequence": str(error.expected_sequence)}
    if isinstance(error, errors.CursorMoved):
        return {"position": str(error.position)}
    return {}


def _bad_request(violations: Iterable[Violation]) -> BadRequest:
    return BadRequest(
        field_violations=[
            BadRequest.FieldViolation(field=one.field_path, description=f"{one.rule_id}: {one.reason}")
            for one in violations
        ]
    )


class _Answered:
    """The details of a rich status by type; absent ones are None or empty."""

    def __init__(self, status: Status) -> None:
        self.info, self.retry, self.bad_request = ErrorInfo(), RetryInfo(), BadRequest()
        self.statement = b""
        for packed in status.details:
            if packed.Is(Signed.DESCRIPTOR):
                self.statement = packed.value
            for known in (self.info, self.retry, self.bad_request):
                if packed.Is(known.DESCRIPTOR):
                    _read(known, packed.value)

    @property
    def retry_after_s(self) -> float | None:
        """Seconds after which a retry makes sense."""
        delay = self.retry.retry_delay
        return delay.seconds + delay.nanos / _NANOS if self.retry.HasField("retry_delay") else None

    @property
    def violations(self) -> list[Violation]:
        """The broken rules."""
        parts = [(one.field, *one.description.partition(": ")) for one in self.bad_request.field_violations]
        return [Violation(_clean(field), _clean(rule_id), _clean(reason)) for field, rule_id, _, reason in parts]

    def number(self, name: str) -> int | None:
        """A number from the metadata."""
        text = self.info.metadata.get(name, "")
        return int(text) if text.isascii() and text.isdigit() and len(text) <= _NUMBER_DIGITS_MAX else None


def _rebuild(kind: type[ExchangeError], text: str, answered: _Answered) -> ExchangeError:
    if issubclass(kind, errors.Unavailable):
        return kind(text, retry_after_s=answered.retry_after_s)
    if issubclass(kind, ContractBroken):
        return kind(text, answered.violations)
    if issubclass(kind, errors.ContentConflict):
        return kind(text, answered.statement)
    if issubclass(kind, errors.SequenceGap):
        expected = answered.number("expected_sequence")
        return errors.Conflict(text) if expected is None else kind(expected)
    if issubclass(kind, errors.CursorMoved):
        position = answered.number("position")
        return errors.Conflict(text) if position is None else kind(position)
    return kind(text)


def _fallback(code: StatusCode, text: str) -> ExchangeError:
    text = text or code.name
    if code is StatusCode.RESOURCE_EXHAUSTED:
        # gRPC's own answer to a message over the limit; a quota of ours would carry its reason.
        return errors.TooLarge(text) if "larger than" in text else errors.QuotaExceeded(text)
    return _FALLBACKS.get(code, errors.Unavailable)(text)


def _rich_status(metadata: Iterable[tuple[str, str | bytes]]) -> Status:
    """Return the rich status of a call; an empty one when there is none, or none that can be read."""
    status = Status()
    for key, value in metadata:
        if key == DETAILS_KEY and isinstance(value, bytes):
            _read(status, value)
    return status


def _read(message: Message, content: bytes) -> None:
    """Read details from outside; those that do not parse count as absent, since the code alone is an answer."""
    try:
        message.ParseFromString(content)
    except DecodeError:
        message.Clear()


def _clean(text: str) -> str:
    printable = "".join(character if character.isprintable() else " " for character in text)
    return printable[:_MESSAGE_CHARACTERS_MAX]
