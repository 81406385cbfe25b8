"""Batches and evidence: protobuf ↔ domain loses nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.batch import Batch, BatchHeader, Record, Signed
from services.domain.errors import Malformed
from services.domain.limits import Limits
from services.domain.receipt import Rejection, Violation
from services.domain.stream import StreamName
from services.ports.channel import DescribedAgreement, Description, ReceiptedBatch
from services.wire.batches import (
    add_records,
    batch_from_pb,
    batch_to_pb,
    description_from_pb,
    description_to_pb,
    message_bytes_max,
    receipted_from_pb,
    receipted_to_pb,
    records_from_pb,
    rejection_from_pb,
    rejection_to_pb,
    signed_from_pb,
    signed_to_pb,
)
from services.wire.contents import WireContents
from yrdx.exchange.v1 import exchange_pb2

CONTENTS = WireContents()
HEADER = BatchHeader(
    hash_algorithm="SHA256",
    stream=StreamName("320600", "310000", "social.contribution"),
    epoch=1,
    agreement_id="NT-SH-2026-001",
    agreement_version=1,
    standard="1",
    first_sequence=1,
    record_count=2,
    root=bytes(32),
    previous_hash=bytes(32),
    sealed_time=datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
)
SIGNED = Signed(CONTENTS.header_to_bytes(HEADER), "0" * 32, b"s" * 64)
RECEIPT = Signed(b"receipt", "1" * 32, b"r" * 64)

records = st.lists(st.builds(Record, st.binary(max_size=20), st.binary(max_size=50)), max_size=5)
DESCRIPTION = Description(
    city="310000",
    software="0.1.0",
    datasets=(("social.contribution", ("1", "2")),),
    agreements=(DescribedAgreement("NT-SH-2026-001", 1, "320600", "310000", "social.contribution", "1"),),
    limits=Limits(),
    node_time=datetime(2026, 1, 1, tzinfo=UTC),
    keystore_generation=3,
)


@given(records)
def test_records_come_back_verbatim(sent: list[Record]) -> None:
    """Salt and body are bytes that nobody touches."""
    pb = exchange_pb2.Batch()
    add_records(pb.records, sent)

    assert records_from_pb(pb.records) == sent


@given(records, st.sampled_from([None, RECEIPT]))
def test_a_batch_comes_back_with_its_header_read(sent: list[Record], receipt: Signed | None) -> None:
    """The signed bytes stay verbatim beside what they say."""
    batch = Batch(HEADER, SIGNED, sent, receipt)
    wire = batch_to_pb(batch).SerializeToString()

    assert batch_from_pb(exchange_pb2.Batch.FromString(wire), CONTENTS) == batch


def test_a_header_that_breaks_the_contract_is_refused() -> None:
    """A batch with an unreadable header is a stream error, not a record's."""
    batch = Batch(HEADER, replace_content(SIGNED, b"\xff"), [])

    with pytest.raises(Malformed):
        batch_from_pb(batch_to_pb(batch), CONTENTS)


@given(records)
def test_a_batch_with_its_evidence_comes_back(sent: list[Record]) -> None:
    """Deleted payloads are empty records in their place."""
    receipted = ReceiptedBatch(SIGNED, RECEIPT, b"l" * 32 * len(sent), [*sent, Record(b"", b"")])

    assert receipted_from_pb(receipted_to_pb(receipted)) == receipted


def test_signed_bytes_and_rejections_come_back() -> None:
    """Nothing is added and nothing lost."""
    rejection = Rejection(7, Violation("total_fen", "sum.mismatch", "合计 (sum)"))

    assert signed_from_pb(signed_to_pb(SIGNED)) == SIGNED
    assert rejection_from_pb(rejection_to_pb(rejection)) == rejection


def test_a_description_comes_back() -> None:
    """What the exchange uses of it."""
    assert description_from_pb(description_to_pb(DESCRIPTION)) == DESCRIPTION


def test_limits_below_the_floor_are_the_partners_mistake() -> None:
    """Batches sealed here would not fit there, so the partner is told and nothing is sent."""
    described = description_to_pb(DESCRIPTION)
    described.limits.batch_records_max = 999

    with pytest.raises(Malformed, match="never below"):
        description_from_pb(described)


def test_a_message_holds_two_full_batches() -> None:
    """A page of receipts in the full view fits, at any limits."""
    for limits in (Limits(), Limits(batch_records_max=100_000, batch_bytes_max=64 * 2**20)):
        count = limits.batch_records_max
        size = limits.batch_bytes_max // count - 16
        batch = Batch(replace(HEADER, record_count=count), SIGNED, [Record(b"s" * 16, b"b" * size)] * count)
        assert 2 * batch_to_pb(batch).ByteSize() < message_bytes_max(limits)


def replace_content(signed: Signed, content: bytes) -> Signed:
    """Return signed bytes with another content."""
    return signed._replace(content=content)
