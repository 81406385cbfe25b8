"""Errors end a call with a status; faults of ours tell the caller nothing and the log no data."""

from __future__ import annotations

from typing import Any

import pytest
from google.rpc.status_pb2 import Status
from grpc import StatusCode
from grpc.aio import AbortError
from structlog.testing import capture_logs

from services.domain.errors import QuotaExceeded, SequenceGap
from services.ports import calls
from services.rpc.errors import abort_with, verify_request
from services.wire.contract import ContractBroken
from services.wire.status import DETAILS_KEY, error_from
from tests.unit.services.rpc.calls import FakeContext
from tests.unit.services.wire.test_status import Call
from yrdx.node.v1.node_pb2 import PausePartnerRequest

METHOD = "/yrdx.node.v1.NodeService/GetStatus"
CALL = calls.Call(calls.CallSide.SERVER, METHOD, 0.0, "0" * 32, "0" * 16)
SECRET = "320602199002301231"


async def ended_by(error: Exception) -> FakeContext:
    """End a call with an error."""
    context = FakeContext()
    untyped: Any = context
    with pytest.raises(AbortError):
        await abort_with(untyped, CALL, error)
    return context


async def test_our_errors_are_told_with_their_details() -> None:
    """What the caller reads is what was raised."""
    context = await ended_by(QuotaExceeded("slower", retry_after_s=2.0))

    assert context.aborted is not None
    code, text, metadata = context.aborted
    back = error_from(Call(Status.FromString(metadata[DETAILS_KEY]), code, text))
    assert isinstance(back, QuotaExceeded)
    assert (str(back), back.retry_after_s) == ("slower", 2.0)


async def test_a_fault_tells_nothing_but_that_it_happened() -> None:
    """Neither the answer nor the log holds an exception's text, whatever was in it."""
    with capture_logs() as logs:
        try:
            try:
                raise KeyError(SECRET)
            except KeyError as error:
                raise RuntimeError(SECRET) from error
        except RuntimeError as error:
            context = await ended_by(error)

    assert context.aborted is not None
    assert context.aborted[0] is StatusCode.INTERNAL
    assert SECRET not in repr(context.aborted)
    (line,) = logs
    assert (line["event"], line["method"]) == ("rpc.fault", METHOD)
    assert isinstance(
        line["exc_info"], RuntimeError
    )  # the log tells types and places of it: services.node.signals.logs


async def test_an_abort_of_a_servicer_stays_what_it_is() -> None:
    """A call that was ended already is not ended twice."""
    context = FakeContext()
    untyped: Any = context
    abort = AbortError()

    with pytest.raises(AbortError) as caught:
        await abort_with(untyped, CALL, abort)

    assert caught.value is abort
    assert context.aborted is None


def test_requests_are_held_against_the_contract() -> None:
    """A good request is returned, a bad one names its field."""
    good = PausePartnerRequest(city="310000", reason="works")

    assert verify_request(good) is good
    with pytest.raises(ContractBroken, match="city"):
        verify_request(PausePartnerRequest(city="31000"))


async def test_details_travel_with_a_gap() -> None:
    """The sender learns from where to send again."""
    context = await ended_by(SequenceGap(77))

    assert context.aborted is not None
    code, text, metadata = context.aborted
    assert code is StatusCode.OUT_OF_RANGE
    back = error_from(Call(Status.FromString(metadata[DETAILS_KEY]), code, text))
    assert isinstance(back, SequenceGap)
    assert back.expected_sequence == 77
