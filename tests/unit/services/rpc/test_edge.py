"""The edge stands around every method of every shape, and in the right order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from grpc import StatusCode
from grpc.aio import AbortError

from certs.verification import CallerVerifier
from services.domain.errors import SequenceGap
from services.rpc.callers import PARTNER, CallerEntry, CallerGuard, current_caller
from services.rpc.counting import count_records
from services.rpc.edge import Edge
from services.rpc.live import LiveCalls
from tests.observer import FakeCalls
from tests.unit.services.rpc.calls import FakeContext, StoppedClock, authority, leaf_pem, peer
from yrdx.node.v1.node_pb2 import PausePartnerRequest

GOOD = PausePartnerRequest(city="310000")
BAD = PausePartnerRequest(city="")
NAMES = ("Single", "Stream", "Gather", "Both", "Writer")
METHODS = {f"/test/{name}": [CallerEntry(PARTNER, "gateway")] for name in NAMES}
TRUSTED = peer(leaf_pem("320600", "gateway"))


@dataclass
class Details:
    """Which method is called."""

    method: str
    invocation_metadata: Any = ()


async def single(request: PausePartnerRequest, context: FakeContext) -> str:
    """Answer once."""
    return current_caller().identity.city


async def stream(request: PausePartnerRequest, context: FakeContext) -> AsyncIterator[str]:
    """Answer twice, then fail."""
    yield current_caller().identity.city
    yield "again"
    raise SequenceGap(3)


async def gather(requests: AsyncIterator[PausePartnerRequest], context: FakeContext) -> int:
    """Count requests."""
    return len([request async for request in requests])


async def both(requests: AsyncIterator[PausePartnerRequest], context: FakeContext) -> AsyncIterator[str]:
    """Answer every request."""
    async for request in requests:
        yield request.city


async def writer(request: PausePartnerRequest, context: FakeContext) -> None:
    """Write to the context, as the health service does."""
    context.peer = {"written": [b"yes"]}


HANDLERS: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
    "/test/Single": grpc.unary_unary_rpc_method_handler(single),
    "/test/Stream": grpc.unary_stream_rpc_method_handler(stream),
    "/test/Gather": grpc.stream_unary_rpc_method_handler(gather),
    "/test/Both": grpc.stream_stream_rpc_method_handler(both),
    "/test/Writer": grpc.unary_stream_rpc_method_handler(writer),
}


@pytest.fixture
def calls() -> FakeCalls:
    """What the edge tells of calls."""
    return FakeCalls()


@pytest.fixture
def edge(calls: FakeCalls) -> Edge:
    """The edge of Shanghai's node, with Nantong as its partner."""
    trust = CallerVerifier({"320600": [authority("320600").certificate]})
    guard = CallerGuard(METHODS, own_city="310000", trust=lambda: trust, clock=StoppedClock())
    return Edge(guard, LiveCalls(guard, frozenset), calls)


async def behaviour(edge: Edge, method: str) -> Callable[[Any, Any], Any]:
    """Return a method with the edge around it."""

    async def continuation(details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        return HANDLERS.get(details.method)

    handler = await edge.intercept_service(continuation, Details(method))
    assert handler is not None
    inner = HANDLERS[method]
    assert (handler.request_streaming, handler.response_streaming) == (
        inner.request_streaming,
        inner.response_streaming,
    )
    found: Any = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    return found  # type: ignore[no-any-return]  # any shape of method


async def collect(answers: AsyncIterator[str], into: list[str]) -> None:
    """Take answers until they end; what came before an error stays."""
    async for answer in answers:
        into.append(answer)  # noqa: PERF401 - a comprehension would lose what came before an error


async def requests_of(*messages: Any) -> AsyncIterator[Any]:
    """Yield messages."""
    for message in messages:
        yield message


async def test_an_unary_method_knows_its_caller(edge: Edge) -> None:
    """The servicer runs behind the guard."""
    call = await behaviour(edge, "/test/Single")

    assert await call(GOOD, FakeContext(TRUSTED)) == "320600"


async def test_answers_before_an_error_leave(edge: Edge) -> None:
    """A stream's answers go out one by one, and its error becomes the status at the end."""
    call = await behaviour(edge, "/test/Stream")
    context, answers = FakeContext(TRUSTED), list[str]()

    with pytest.raises(AbortError):
        await collect(call(GOOD, context), answers)

    assert answers == ["320600", "again"]
    assert context.aborted is not None
    assert context.aborted[0] is StatusCode.OUT_OF_RANGE


async def test_every_request_of_a_stream_is_held_against_the_contract(edge: Edge) -> None:
    """The first bad one ends the call, whatever was answered before."""
    gathering, answering = await behaviour(edge, "/test/Gather"), await behaviour(edge, "/test/Both")
    assert await gathering(requests_of(GOOD, GOOD), FakeContext(TRUSTED)) == 2

    context, answers = FakeContext(TRUSTED), list[str]()
    with pytest.raises(AbortError):
        await collect(answering(requests_of(GOOD, BAD, GOOD), context), answers)

    assert answers == ["310000"]
    assert context.aborted is not None
    assert context.aborted[0] is StatusCode.INVALID_ARGUMENT


async def test_a_method_that_writes_to_its_context_is_guarded_too(edge: Edge) -> None:
    """The health service's Watch is a coroutine although it streams."""
    call = await behaviour(edge, "/test/Writer")
    context = FakeContext(TRUSTED)

    await call(GOOD, context)

    assert context.peer == {"written": [b"yes"]}


@pytest.mark.parametrize("name", NAMES)
async def test_strangers_reach_no_servicer_and_learn_no_rule(edge: Edge, name: str) -> None:
    """Who calls is asked before what is asked: even a bad request is answered with UNAUTHENTICATED."""
    call = await behaviour(edge, f"/test/{name}")
    context = FakeContext(peer(leaf_pem("330100", "gateway")))
    answer = call(BAD, context)

    with pytest.raises(AbortError):
        await (anext(answer) if hasattr(answer, "__anext__") else answer)

    assert context.aborted is not None
    assert context.aborted[0] is StatusCode.UNAUTHENTICATED


async def test_a_method_that_is_not_served_stays_so(edge: Edge) -> None:
    """GRPC answers UNIMPLEMENTED."""

    async def nothing(details: grpc.HandlerCallDetails) -> None:
        return None

    assert await edge.intercept_service(nothing, Details("/test/Gone")) is None


async def test_a_method_is_looked_up_once(edge: Edge) -> None:
    """Whatever finds a method's handler is asked with its first call alone."""
    await behaviour(edge, "/test/Single")

    async def gone(details: grpc.HandlerCallDetails) -> None:
        raise AssertionError(details.method)

    assert await edge.intercept_service(gone, Details("/test/Single")) is not None


async def test_a_call_is_told_once_with_its_end(edge: Edge, calls: FakeCalls) -> None:
    """Who called, and the status, whatever the shape of the method and however it ended."""
    await (await behaviour(edge, "/test/Single"))(GOOD, FakeContext(TRUSTED))
    for method, request in (("/test/Single", BAD), ("/test/Stream", GOOD)):
        answer = (await behaviour(edge, method))(request, FakeContext(TRUSTED))
        with pytest.raises(AbortError):
            await (collect(answer, []) if hasattr(answer, "__anext__") else answer)

    told = [(call.method, call.city, call.role, call.code) for call in calls.ended]
    assert told == [
        ("/test/Single", "320600", "gateway", "OK"),
        ("/test/Single", "320600", "gateway", "INVALID_ARGUMENT"),
        ("/test/Stream", "320600", "gateway", "OUT_OF_RANGE"),
    ]


async def test_a_stranger_is_told_without_a_name(edge: Edge, calls: FakeCalls) -> None:
    """What was not proved is not said, and the refusal is counted."""
    with pytest.raises(AbortError):
        await (await behaviour(edge, "/test/Single"))(GOOD, FakeContext(peer(leaf_pem("330100", "gateway"))))

    (call,) = calls.ended
    assert (call.city, call.role, call.code) == ("", "", "UNAUTHENTICATED")


async def test_a_caller_that_leaves_ends_as_cancelled(edge: Edge, calls: FakeCalls) -> None:
    """Nobody completed such a call."""
    answers = (await behaviour(edge, "/test/Stream"))(GOOD, FakeContext(TRUSTED))
    await anext(answers)
    await answers.aclose()

    assert [call.code for call in calls.ended] == ["CANCELLED"]


async def test_bytes_and_records_are_counted_and_the_other_trace_is_handed_on(calls: FakeCalls) -> None:
    """Each message by its serialised size; records where the servicer says so."""

    async def answer(request: PausePartnerRequest, context: FakeContext) -> PausePartnerRequest:
        count_records(7)
        return request

    async def continuation(details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        return grpc.unary_unary_rpc_method_handler(
            answer, PausePartnerRequest.FromString, PausePartnerRequest.SerializeToString
        )

    trust = CallerVerifier({"320600": [authority("320600").certificate]})
    guard = CallerGuard(METHODS, own_city="310000", trust=lambda: trust, clock=StoppedClock())
    edge = Edge(guard, LiveCalls(guard, frozenset), calls)
    parent = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    details = Details("/test/Single", (("traceparent", parent), ("baggage", "name=x")))
    handler: Any = await edge.intercept_service(continuation, details)
    request = handler.request_deserializer(GOOD.SerializeToString())
    assert await handler.unary_unary(request, FakeContext(TRUSTED)) == GOOD.SerializeToString()

    (call,) = calls.ended
    size = len(GOOD.SerializeToString())
    assert (call.bytes_in, call.bytes_out, call.records) == (size, size, 7)
    assert calls.begun == [parent]


async def test_leaving_a_stream_early_closes_the_servicer(edge: Edge) -> None:
    """A servicer that holds something lets go of it as soon as the client is gone."""
    closed: list[str] = []

    async def endless(request: PausePartnerRequest, context: FakeContext) -> AsyncIterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.append("yes")

    async def continuation(details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        return grpc.unary_stream_rpc_method_handler(endless)

    handler = await edge.intercept_service(continuation, Details("/test/Stream"))
    assert handler is not None
    stream_: Any = handler.unary_stream
    answers = stream_(GOOD, FakeContext(TRUSTED))
    await anext(answers)

    await answers.aclose()

    assert closed == ["yes"]
