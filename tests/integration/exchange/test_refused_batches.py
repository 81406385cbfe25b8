"""Batches that are refused: each with its code and reason, and without a trace at the receiver."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode

from services.domain.tags import BATCH, CONFLICT, RECEIPT
from services.node.conformance.sender import UNKNOWN_FIELD, Key, Sealed, Sender, verify_signed
from tests.integration.support.guests import Host
from tests.integration.support.records import bodies, messages, record_body
from tests.integration.support.refusals import assert_refused
from yrdx.exchange.v1 import exchange_pb2
from yrdx.node.v1 import node_pb2

BATCH_BYTES_MAX = 1_048_576
BATCH_RECORDS_MAX = 1_000
MESSAGE_BYTES_MAX = 8 * 1_048_576


def _small(count: int, size: int = 10) -> list[bytes]:
    """Return bodies of a size; the batch as a whole is judged before anything looks into them."""
    return [bytes(size)] * count


def _altered(sealed: Sealed) -> Sealed:
    """Change one record after the batch was signed."""
    sealed.batch.records[0].body += b"\0"
    return sealed


def _stolen(sender: Sender) -> Sealed:
    """Sign with another key under the sender's key id."""
    sealed = sender.seal(bodies(1), key=Key.new())
    sealed.batch.header.key_id = sender.key.key_id
    return sealed


def _newer(sender: Sender) -> Sealed:
    """Put a field of a newer contract into the signed header."""
    sealed = sender.seal(bodies(1))
    sealed.batch.header.CopyFrom(sender.key.sign_bytes(BATCH, sealed.batch.header.content + UNKNOWN_FIELD))
    return sealed


def _without_records(sender: Sender) -> Sealed:
    sealed = sender.seal(bodies(1))
    del sealed.batch.records[:]
    return sealed


def _at(year: int) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(datetime(year, 6, 1, tzinfo=UTC))
    return stamp


BROKEN, DENIED = StatusCode.INVALID_ARGUMENT, StatusCode.PERMISSION_DENIED
MISMATCH = StatusCode.FAILED_PRECONDITION

BATCHES: dict[str, tuple[Callable[[Sender], Sealed], StatusCode, str]] = {
    "an altered record": (lambda s: _altered(s.seal(bodies(2))), BROKEN, "ROOT_INVALID"),
    "another root": (lambda s: s.seal(bodies(2), root=bytes(32)), BROKEN, "ROOT_INVALID"),
    "another key": (_stolen, BROKEN, "SIGNATURE_INVALID"),
    "a key that is not in the bundle": (lambda s: s.seal(bodies(1), key=Key.new()), BROKEN, "SIGNATURE_INVALID"),
    "another previous hash": (lambda s: s.seal(bodies(1), previous_hash=bytes(32)), MISMATCH, "HEAD_MISMATCH"),
    "a header that says more": (lambda s: s.seal(bodies(2), record_count=3), BROKEN, "MALFORMED"),
    "a header that says less": (lambda s: s.seal(bodies(2), record_count=1), BROKEN, "MALFORMED"),
    "no records": (_without_records, BROKEN, "MALFORMED"),
    "a count of 0": (lambda s: s.seal([], record_count=0), BROKEN, "CONTRACT_BROKEN"),
    "too many records": (lambda s: s.seal(_small(BATCH_RECORDS_MAX + 1)), BROKEN, "TOO_LARGE"),
    "too many bytes": (lambda s: s.seal(_small(17, BATCH_BYTES_MAX // 16)), BROKEN, "TOO_LARGE"),
    "another stream than was opened": (
        lambda s: s.seal(bodies(1), stream=f"{s.city}/{s.to_city}/social.contribution/1"),
        BROKEN,
        "MALFORMED",
    ),
    "another city's stream": (
        lambda s: s.seal(bodies(1), stream=f"320600/{s.to_city}/social.contribution/0"),
        BROKEN,
        "MALFORMED",
    ),
    "another major version": (lambda s: s.seal(bodies(1), standard="9"), DENIED, "STANDARD_INCOMPATIBLE"),
    "more than the agreed version": (lambda s: s.seal(bodies(1), standard="1.1"), DENIED, "STANDARD_INCOMPATIBLE"),
    "an unknown agreement": (lambda s: s.seal(bodies(1), agreement_id="NOBODY"), DENIED, "AGREEMENT_MISSING"),
    "sealed before the agreement": (lambda s: s.seal(bodies(1), sealed_time=_at(2020)), DENIED, "AGREEMENT_MISSING"),
    "sealed after the agreement": (lambda s: s.seal(bodies(1), sealed_time=_at(2099)), DENIED, "AGREEMENT_MISSING"),
    "another hash algorithm": (
        lambda s: s.seal(bodies(1), hash_algorithm=exchange_pb2.HASH_ALGORITHM_SM3),
        BROKEN,
        "ROOT_INVALID",
    ),
    "an epoch ahead": (lambda s: s.seal(bodies(1), epoch=2), MISMATCH, "EPOCH_UNKNOWN"),
    "an unknown field in the header": (_newer, BROKEN, "CONTRACT_BROKEN"),
    "a sequence beyond what a number can hold": (
        lambda s: s.seal(bodies(1), first_sequence=2**53),
        BROKEN,
        "CONTRACT_BROKEN",
    ),
}


@pytest.mark.parametrize("case", BATCHES)
def test_a_wrong_batch_is_refused(shanghai: Host, regular: Sender, case: str) -> None:
    """Code and reason say what is wrong, stream and inbox stand as before, and a right batch is taken afterwards."""
    make, code, reason = BATCHES[case]

    with shanghai.unmoved(regular):
        refused = regular.send(make(regular))

    assert_refused(refused, code, reason)
    right = regular.seal(bodies(1, seed=21))
    assert len(regular.send(right).receipts) == 1
    regular.moved(right)


def test_a_gap_names_the_sequence_that_is_expected(shanghai: Host, sender: Sender) -> None:
    """The sender learns from where to send again."""
    with shanghai.unmoved(sender):
        refused = sender.send(sender.seal(bodies(1), first_sequence=9))

    assert (refused.code, refused.info.reason, refused.info.domain) == (StatusCode.OUT_OF_RANGE, "SEQUENCE_GAP", "yrdx")
    assert dict(refused.info.metadata) == {"expected_sequence": "4"}


def test_a_message_over_the_transports_limit_ends_the_stream(shanghai: Host, sender: Sender) -> None:
    """What no batch can be is refused before it is read as one."""
    with shanghai.unmoved(sender):
        refused = sender.send(sender.seal(_small(9, MESSAGE_BYTES_MAX // 8)))

    assert refused.code is StatusCode.RESOURCE_EXHAUSTED
    assert "larger than max" in refused.details


def test_the_batches_before_a_wrong_one_stand(shanghai: Host, sender: Sender) -> None:
    """A refusal ends the stream, and nothing that was acknowledged on it."""
    opening = sender.opening()
    good = sender.seal(bodies(2, seed=31))
    sender.moved(good)

    refused = sender.deliver(opening, good.request, sender.seal(bodies(1), root=bytes(32)).request)

    assert (refused.info.reason, len(refused.receipts)) == ("ROOT_INVALID", 1)
    stream, records = shanghai.standing(sender)
    assert (stream["watermark"], records) == (5, 5)


def test_a_replay_gets_the_original_receipt(shanghai: Host, guest: Sender) -> None:
    """The same batch again, on the same stream and on later ones, is answered byte for byte as at first."""
    first = guest.seal(bodies(2, seed=41))
    answered = guest.send(first, first)
    with shanghai.unmoved(guest):
        again = guest.send(first)

    receipts = [*answered.receipts, *again.receipts]
    assert len(receipts) == 3
    assert {receipt.SerializeToString() for receipt in receipts} == {receipts[0].SerializeToString()}
    content = verify_signed(Key.of_home(shanghai.node.path).public, RECEIPT, receipts[0])
    assert exchange_pb2.Receipt.FromString(content).header_hash == first.hash


@pytest.mark.parametrize("first_sequence", [1, 2])
def test_a_replay_with_another_content_is_a_signed_conflict(
    shanghai: Host, sender: Sender, first_sequence: int
) -> None:
    """The refusal holds both signed headers; nothing is overwritten, and the original is still answered for."""
    before = _receipts_given(shanghai, sender)
    offered = sender.seal(bodies(2, seed=51), first_sequence=first_sequence, previous_hash=bytes(32))

    with shanghai.unmoved(sender):
        refused = sender.send(offered)

    assert (refused.code, refused.info.reason) == (StatusCode.ABORTED, "CONTENT_CONFLICT")
    signed = refused.detail(exchange_pb2.Signed)
    statement = exchange_pb2.Conflict.FromString(
        verify_signed(Key.of_home(shanghai.node.path).public, CONFLICT, signed)
    )
    assert statement.offered_header == offered.batch.header
    assert hashlib.sha256(BATCH + statement.applied_header.content).digest() == sender.head
    assert _receipts_given(shanghai, sender) == before


def test_a_closed_epoch_answers_duplicates_only(shanghai: Host, guest: Sender) -> None:
    """After the next epoch began, the old one gives original receipts and takes nothing new."""
    first = guest.seal(bodies(2, seed=61))
    original = guest.send(first).receipts
    guest.moved(first)
    closed = exchange_pb2.StreamPosition(epoch=1, watermark=2, head=guest.head)
    later = guest.copy(epoch=2, sequence=1, closed=closed)
    begun = later.seal(bodies(1, seed=62))
    assert len(later.send(begun).receipts) == 1

    assert later.deliver(later.opening(), first.request).receipts == original
    with shanghai.unmoved(guest):
        refused = later.deliver(later.opening(), guest.seal(bodies(1, seed=63)).request)
    assert_refused(refused, StatusCode.FAILED_PRECONDITION, "EPOCH_CLOSED")


def test_a_record_over_its_own_limit_is_rejected_alone(shanghai: Host, guest: Sender) -> None:
    """It may fill a batch, which is taken; the record itself is in the receipt's rejections."""
    message = messages(1)[0]
    large = record_body(message)
    large.message.value += b"\x82\x06" + (70_000).to_bytes(3, "little") + bytes(70_000)  # an odd field, unread
    sealed = guest.seal([large.SerializeToString()])

    answered = guest.send(sealed)

    receipt = exchange_pb2.Receipt.FromString(answered.receipts[0].content)
    assert [(one.sequence, one.rule_id) for one in receipt.rejections] == [(1, "record.too_large")]
    assert shanghai.standing(guest)[1] == 0


def _receipts_given(shanghai: Host, sender: Sender) -> bytes:
    """Return every receipt that stands for a stream, as bytes."""
    request = node_pb2.ListReceiptsRequest(stream=sender.stream)
    answer: node_pb2.ListReceiptsResponse = shanghai.session.stub.ListReceipts(request)
    assert answer.receipts
    return answer.SerializeToString()
