"""Errors cross the wire and come back as what they were."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode
from grpc.aio import AioRpcError, Metadata
from hypothesis import given
from hypothesis import strategies as st

from services.domain import errors
from services.domain.errors import ExchangeError
from services.domain.receipt import Violation
from services.wire.contract import ContractBroken
from services.wire.status import CODES, DETAILS_KEY, DOMAIN, error_from, grpc_code, status_of
from yrdx.exchange.v1.exchange_pb2 import Signed

STATEMENT = Signed(content=b"both headers", key_id="0" * 32, signature=b"s" * 64).SerializeToString()
VIOLATIONS = [Violation("total_fen", "sum.mismatch", "合计: 不等 (sum: wrong)"), Violation("", "record.key", "x")]

SAMPLES: dict[type[ExchangeError], list[ExchangeError]] = {
    errors.SequenceGap: [errors.SequenceGap(2**53 - 1), errors.SequenceGap(0)],
    errors.CursorMoved: [errors.CursorMoved(12)],
    errors.ContentConflict: [errors.ContentConflict("m", STATEMENT), errors.ContentConflict("m")],
    ContractBroken: [ContractBroken("m", VIOLATIONS), ContractBroken("m", [Violation("a[2].b", "r", "")])],
}


@dataclass
class Call:
    """A finished call with a status."""

    status: Status | None
    status_code: StatusCode
    text: str | None = ""

    def code(self) -> StatusCode:
        """Return the code."""
        return self.status_code

    def details(self) -> str | None:
        """Return the text."""
        return self.text

    def trailing_metadata(self) -> Iterable[tuple[str, str | bytes]] | None:
        """Return the rich status, if there is one."""
        return None if self.status is None else [("other", "x"), (DETAILS_KEY, self.status.SerializeToString())]


def crossed(error: ExchangeError) -> ExchangeError:
    """Send an error over the wire."""
    status = Status.FromString(status_of(error).SerializeToString())
    return error_from(Call(status, grpc_code(status), status.message))


def kinds() -> Iterator[type[ExchangeError]]:
    """Yield every class of error that the exchange has."""
    waiting = [ExchangeError]
    while waiting:
        kind = waiting.pop()
        yield kind
        waiting += kind.__subclasses__()


def samples() -> list[ExchangeError]:
    """Return at least one error of every class."""
    found: list[ExchangeError] = []
    for kind in kinds():
        if issubclass(kind, errors.Unavailable):
            found += [kind("m"), kind("m", retry_after_s=0.25), kind("m", retry_after_s=0.0)]
        else:
            found += SAMPLES.get(kind) or [kind("m")]
    return found


@pytest.mark.parametrize("error", samples(), ids=repr)
def test_every_error_comes_back_with_all_it_carries(error: ExchangeError) -> None:
    """Class, message and attributes survive."""
    back = crossed(error)

    assert type(back) is type(error)
    assert str(back) == str(error)
    assert vars(back) == vars(error)


def test_every_class_is_in_the_table_under_a_reason_of_its_own() -> None:
    """A new error without a place in the table fails here."""
    found = set(kinds())

    assert set(CODES) == found
    assert len({kind.reason for kind in found}) == len(found)


def test_every_status_says_reason_and_domain() -> None:
    """Other languages go by ErrorInfo."""
    for error in samples():
        info = ErrorInfo()
        assert status_of(error).details[0].Unpack(info)
        assert (info.reason, info.domain) == (type(error).reason, DOMAIN)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.Unauthenticated("m"), Code.UNAUTHENTICATED),
        (errors.AgreementMissing("m"), Code.PERMISSION_DENIED),
        (errors.SequenceGap(1), Code.OUT_OF_RANGE),
        (errors.ContentConflict("m"), Code.ABORTED),
        (errors.EpochClosed("m"), Code.FAILED_PRECONDITION),
        (errors.HeadMismatch("m"), Code.FAILED_PRECONDITION),
        (errors.RootInvalid("m"), Code.INVALID_ARGUMENT),
        (errors.QuotaExceeded("m", retry_after_s=1), Code.RESOURCE_EXHAUSTED),
        (errors.StoreUnavailable("m"), Code.UNAVAILABLE),
        (ExchangeError("m"), Code.INTERNAL),
    ],
)
def test_codes_are_those_of_the_protocol(error: ExchangeError, code: int) -> None:
    """The table of docs/protocol.md, "Errors"."""
    assert status_of(error).code == code


def test_details_are_googles_own_types() -> None:
    """RetryInfo says when, BadRequest says where."""
    retry, bad_request = RetryInfo(), BadRequest()
    assert status_of(errors.QuotaExceeded("m", retry_after_s=1.5)).details[1].Unpack(retry)
    assert status_of(ContractBroken("m", VIOLATIONS)).details[1].Unpack(bad_request)

    assert (retry.retry_delay.seconds, retry.retry_delay.nanos) == (1, 500_000_000)
    assert [one.field for one in bad_request.field_violations] == ["total_fen", ""]
    assert status_of(errors.RootInvalid("m")).details[1].Is(BadRequest.DESCRIPTOR)


def test_a_subclass_of_elsewhere_travels_as_its_parent() -> None:
    """A class that only one part of the node knows is told as what everybody knows."""
    local = type("DiskFull", (errors.StoreUnavailable,), {"__module__": "elsewhere"})("m", retry_after_s=3.0)
    status = status_of(local)

    back = error_from(Call(status, grpc_code(status), status.message))

    assert type(back) is errors.StoreUnavailable
    assert back.retry_after_s == 3.0


WITHOUT_REASON: list[tuple[StatusCode, str, type[ExchangeError]]] = [
    (StatusCode.UNAVAILABLE, "Socket closed", errors.Unavailable),
    (StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", errors.Unavailable),
    (StatusCode.CANCELLED, "RST_STREAM", errors.Unavailable),
    (StatusCode.INTERNAL, "RST_STREAM with error code 2", errors.Unavailable),
    (StatusCode.UNKNOWN, "", errors.Unavailable),
    (StatusCode.RESOURCE_EXHAUSTED, "Received message larger than max (9 vs. 4)", errors.TooLarge),
    (StatusCode.RESOURCE_EXHAUSTED, "Sent message larger than max (9 vs. 4)", errors.TooLarge),
    (StatusCode.RESOURCE_EXHAUSTED, "Concurrent RPC limit exceeded!", errors.QuotaExceeded),
    (StatusCode.UNAUTHENTICATED, "", errors.Unauthenticated),
    (StatusCode.PERMISSION_DENIED, "", errors.NotPermitted),
    (StatusCode.UNIMPLEMENTED, "Method not found!", errors.NotPermitted),
    (StatusCode.NOT_FOUND, "", errors.NotFound),
    (StatusCode.INVALID_ARGUMENT, "", errors.Malformed),
    (StatusCode.OUT_OF_RANGE, "", errors.Conflict),
    (StatusCode.ABORTED, "", errors.Conflict),
    (StatusCode.FAILED_PRECONDITION, "", errors.Conflict),
    (StatusCode.ALREADY_EXISTS, "", errors.Conflict),
    (StatusCode.DATA_LOSS, "", errors.Conflict),
]


@pytest.mark.parametrize(("code", "text", "kind"), WITHOUT_REASON)
def test_a_status_without_details_goes_by_its_code(code: StatusCode, text: str, kind: type[ExchangeError]) -> None:
    """GRPC itself, proxies and other implementations give codes only."""
    back = error_from(Call(None, code, text))

    assert type(back) is kind
    assert str(back)


def test_reasons_of_others_go_by_the_code() -> None:
    """A reason we do not know, or of another domain, is no reason of ours."""
    for info in (ErrorInfo(reason="NEW_REASON", domain=DOMAIN), ErrorInfo(reason="NOT_FOUND", domain="example.org")):
        status = Status(code=Code.ABORTED)
        status.details.add().Pack(info)
        assert type(error_from(Call(status, StatusCode.ABORTED, "m"))) is errors.Conflict


@pytest.mark.parametrize("reason", ["SEQUENCE_GAP", "CURSOR_MOVED"])
@pytest.mark.parametrize("number", ["", "x", "-1", "1" * 17, "١"])
def test_a_number_that_is_none_is_not_guessed(reason: str, number: str) -> None:
    """Without the position to go on from, a human looks."""
    status = Status(code=Code.OUT_OF_RANGE)
    status.details.add().Pack(
        ErrorInfo(reason=reason, domain=DOMAIN, metadata={"expected_sequence": number, "position": number})
    )

    assert type(error_from(Call(status, StatusCode.OUT_OF_RANGE, "m"))) is errors.Conflict


@given(st.binary(max_size=200), st.sampled_from(list(StatusCode)))
def test_no_details_make_reading_fail(content: bytes, code: StatusCode) -> None:
    """Whatever a partner puts there, the answer is one of our errors."""
    raw = AioRpcError(code, Metadata(), Metadata((DETAILS_KEY, content)), "m", None)

    assert isinstance(error_from(raw), ExchangeError)


def test_texts_from_outside_are_cut_and_cleaned() -> None:
    """A partner's text cannot flood a log nor write lines into it."""
    back = error_from(Call(None, StatusCode.UNAVAILABLE, "a\nb\x1b[31m" + "x" * 9_999))

    assert str(back).startswith("a b [31m")
    assert len(str(back)) == 500


def test_a_rich_status_fits_into_trailing_metadata() -> None:
    """GRPC takes 8 KiB; the longest answer stays below."""
    long = Violation("rows[15].a_rather_long_name", "string.max_len", "至多 50 个字符 " * 3)

    assert status_of(ContractBroken("m" * 9_999, [long] * 16)).ByteSize() < 6_000
