"""Openings that are refused: each with its code and reason, and without a trace at the receiver."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from google.rpc.error_details_pb2 import RetryInfo
from grpc import StatusCode

from services.domain.tags import OPENING
from services.node.conformance.sender import UNKNOWN_FIELD, Key, Sender
from tests.integration.support.guests import Host
from tests.integration.support.records import bodies
from tests.integration.support.refusals import assert_refused
from yrdx.exchange.v1 import exchange_pb2
from yrdx.exchange.v1.exchange_pb2 import DeliverRequest
from yrdx.node.v1 import node_pb2


def _resigned(sender: Sender, content: bytes) -> DeliverRequest:
    """Sign any bytes as an opening."""
    return DeliverRequest(opening=sender.key.sign_bytes(OPENING, content))


def _content(sender: Sender, **changes: Any) -> bytes:
    content: bytes = sender.opening(**changes).opening.content
    return content


def _stolen(sender: Sender) -> DeliverRequest:
    """Return an opening that claims the sender's key and is signed with another one."""
    request = sender.opening(key=Key.new())
    request.opening.key_id = sender.key.key_id
    return request


OPENINGS: dict[str, tuple[Callable[[Sender], list[DeliverRequest]], StatusCode, str]] = {
    "nothing": (lambda s: [], StatusCode.INVALID_ARGUMENT, "MALFORMED"),
    "a batch first": (
        lambda s: [s.seal(bodies(1)).request, s.opening()],
        StatusCode.INVALID_ARGUMENT,
        "MALFORMED",
    ),
    "an empty message": (lambda s: [DeliverRequest()], StatusCode.INVALID_ARGUMENT, "CONTRACT_BROKEN"),
    "opened twice": (lambda s: [s.opening(), s.opening()], StatusCode.INVALID_ARGUMENT, "MALFORMED"),
    "bytes that do not parse": (
        lambda s: [_resigned(s, b"\xff\xff")],
        StatusCode.INVALID_ARGUMENT,
        "CONTRACT_BROKEN",
    ),
    "an unknown field": (
        lambda s: [_resigned(s, _content(s) + UNKNOWN_FIELD)],
        StatusCode.INVALID_ARGUMENT,
        "CONTRACT_BROKEN",
    ),
    "no key id": (
        lambda s: [DeliverRequest(opening=exchange_pb2.Signed(content=b"1", key_id="", signature=bytes(64)))],
        StatusCode.INVALID_ARGUMENT,
        "CONTRACT_BROKEN",
    ),
    "another key": (lambda s: [_stolen(s)], StatusCode.INVALID_ARGUMENT, "SIGNATURE_INVALID"),
    "a key that is not in the bundle": (
        lambda s: [s.opening(key=Key.new())],
        StatusCode.INVALID_ARGUMENT,
        "SIGNATURE_INVALID",
    ),
    "another city's stream": (
        lambda s: [s.opening(stream=f"320600/{s.to_city}/social.contribution/0")],
        StatusCode.PERMISSION_DENIED,
        "NOT_PERMITTED",
    ),
    "a stream to another city": (
        lambda s: [s.opening(stream=f"{s.city}/320600/social.contribution/0")],
        StatusCode.PERMISSION_DENIED,
        "NOT_PERMITTED",
    ),
    "an unknown dataset": (
        lambda s: [s.opening(stream=f"{s.city}/{s.to_city}/social.unknown/0")],
        StatusCode.PERMISSION_DENIED,
        "AGREEMENT_MISSING",
    ),
    "another major version of the standard": (
        lambda s: [s.opening(standard="9")],
        StatusCode.PERMISSION_DENIED,
        "STANDARD_INCOMPATIBLE",
    ),
    "more than the agreed version of the standard": (
        lambda s: [s.opening(standard="1.1")],
        StatusCode.PERMISSION_DENIED,
        "STANDARD_INCOMPATIBLE",
    ),
    "an unknown agreement": (
        lambda s: [s.opening(agreement_id="NOBODY")],
        StatusCode.PERMISSION_DENIED,
        "AGREEMENT_MISSING",
    ),
    "an unknown version of the agreement": (
        lambda s: [s.opening(agreement_version=2)],
        StatusCode.PERMISSION_DENIED,
        "AGREEMENT_MISSING",
    ),
    "an epoch that nobody announced": (
        lambda s: [s.opening(epoch=3)],
        StatusCode.FAILED_PRECONDITION,
        "EPOCH_UNKNOWN",
    ),
    "a next epoch after another end": (
        lambda s: [s.opening(epoch=2, closed=exchange_pb2.StreamPosition(epoch=1, watermark=2, head=bytes(32)))],
        StatusCode.FAILED_PRECONDITION,
        "EPOCH_UNKNOWN",
    ),
    "a receipt that this city never gave": (
        lambda s: [s.opening(last_receipt=s.key.sign(b"yrdx-receipt-v1", _receipt(s)))],
        StatusCode.INVALID_ARGUMENT,
        "SIGNATURE_INVALID",
    ),
}


def _receipt(sender: Sender) -> exchange_pb2.Receipt:
    """Return a receipt for batches far ahead."""
    receipt = exchange_pb2.Receipt(
        stream=sender.stream, epoch=1, header_hash=bytes(32), first_sequence=900, record_count=1, accepted_count=1
    )
    receipt.received_time.GetCurrentTime()
    return receipt


@pytest.mark.parametrize("case", OPENINGS)
def test_a_wrong_opening_is_refused(shanghai: Host, regular: Sender, case: str) -> None:
    """Code and reason say what is wrong, and stream and inbox stand as before."""
    make, code, reason = OPENINGS[case]

    with shanghai.unmoved(regular):
        refused = regular.deliver(*make(regular))

    assert_refused(refused, code, reason)


def test_nobody_sends_without_an_agreement(shanghai: Host) -> None:
    """A partner that agreed on nothing may send nothing."""
    sender = shanghai.stranger()
    shanghai.register(sender, [])

    assert_refused(sender.deliver(sender.opening()), StatusCode.PERMISSION_DENIED, "AGREEMENT_MISSING")
    assert shanghai.standing(sender) == ({}, 0)


@pytest.mark.parametrize("days", [(date(2020, 1, 1), date(2020, 12, 31)), (date(2090, 1, 1), date(2090, 12, 31))])
def test_an_agreement_out_of_force_lets_nothing_through(shanghai: Host, days: tuple[date, date]) -> None:
    """It ended, or has not begun."""
    sender = shanghai.guest(valid_from=days[0], valid_until=days[1])

    assert_refused(sender.send(sender.seal(bodies(1))), StatusCode.PERMISSION_DENIED, "AGREEMENT_MISSING")
    assert shanghai.standing(sender) == ({}, 0)


def test_a_paused_partner_is_told_to_come_back(shanghai: Host, sender: Sender) -> None:
    """Pausing stops openings with a time to come back; after resuming the stream goes on."""
    shanghai.session.stub.PausePartner(node_pb2.PausePartnerRequest(city=sender.city, reason="test"))
    with shanghai.unmoved(sender):
        refused = sender.send(sender.seal(bodies(1, seed=5)))
    assert_refused(refused, StatusCode.UNAVAILABLE, "PARTNER_PAUSED")
    assert refused.detail(RetryInfo).retry_delay.ToTimedelta().total_seconds() > 0

    shanghai.session.stub.ResumePartner(node_pb2.ResumePartnerRequest(city=sender.city))
    assert len(sender.send(sender.seal(bodies(1, seed=5))).receipts) == 1


def test_a_quota_is_kept_and_says_when_to_come_back(shanghai: Host) -> None:
    """The batch over the quota is not applied; the one before it is."""
    sender = shanghai.guest(records_per_minute=2)
    opening, first = sender.opening(), sender.seal(bodies(3, seed=6))
    sender.moved(first)
    second = sender.seal(bodies(1, seed=7))

    refused = sender.deliver(opening, first.request, second.request)

    assert (refused.code, refused.info.reason) == (StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED")
    assert 0 < refused.detail(RetryInfo).retry_delay.ToTimedelta().total_seconds() <= 60
    assert len(refused.receipts) == 1
    stream, records = shanghai.standing(sender)
    assert (stream["watermark"], records) == (3, 3)
