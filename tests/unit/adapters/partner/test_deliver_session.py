"""A session with a partner: each answer of the right kind, and every end with its reason."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from adapters.partner import deliver_session
from adapters.partner.deliver_session import GrpcDeliverSession
from services.domain.errors import (
    ContentConflict,
    Malformed,
    SequenceGap,
    Unavailable,
)
from services.ports.calls import CallSide
from tests.observer import FakeCalls
from tests.unit.adapters.partner.fakes import ACKNOWLEDGED, BATCH, SIGNED, FakeStream
from yrdx.exchange.v1 import exchange_pb2
from yrdx.exchange.v1.exchange_pb2 import DeliverResponse


@pytest.mark.parametrize(
    "answer", [ACKNOWLEDGED, DeliverResponse(), DeliverResponse(position=exchange_pb2.Signed(content=b"x"))]
)
async def test_an_answer_of_the_wrong_kind_is_refused(answer: DeliverResponse) -> None:
    """An acknowledgement is no position, and an empty or broken answer is nothing at all."""
    with pytest.raises(Malformed):
        await session_of(FakeStream(answer)).open(SIGNED)


async def test_an_opening_that_is_not_answered_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A partner that hangs is one that is not there."""
    monkeypatch.setattr(deliver_session, "OPENING_TIMEOUT_S", 0.01)

    with pytest.raises(Unavailable, match="did not answer"):
        await session_of(FakeStream(asyncio.Event().wait())).open(SIGNED)


async def test_the_end_of_a_stream_says_why() -> None:
    """Sender and receiver side of a session learn the same error, whichever notices first."""
    statement = exchange_pb2.Signed(content=b"c", key_id="0" * 32, signature=b"s" * 64).SerializeToString()
    for end in (SequenceGap(5), ContentConflict("m", statement)):
        session = session_of(FakeStream(end=end))
        for _ in range(2):
            with pytest.raises(type(end)) as caught:
                await session.receive()
            assert vars(caught.value) == vars(end)
        with pytest.raises(type(end)):
            await session.send(BATCH)


async def test_a_stream_that_ends_well_is_opened_again() -> None:
    """A partner may end a stream at any time without an error; that is no reason to stop."""
    session = session_of(FakeStream())

    with pytest.raises(Unavailable, match="ended the stream"):
        await session.receive()
    with pytest.raises(Unavailable, match="ended the stream"):
        await session.send(BATCH)


def session_of(stream: FakeStream) -> GrpcDeliverSession:
    """Return a session over a fake call."""
    untyped: Any = stream
    return GrpcDeliverSession(untyped, FakeCalls().begin(CallSide.CLIENT, "/test/Deliver"))
