"""Signed contents: bytes ↔ domain, and strict about what they take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.batch import BatchHeader, Signed
from services.domain.errors import Malformed
from services.domain.opening import ConflictStatement, Opening, OpeningAnswer
from services.domain.receipt import Receipt, Rejection, Violation
from services.domain.stream import Position, StreamName
from services.ports.content import Contents
from services.wire.contents import WireContents
from yrdx.exchange.v1 import exchange_pb2

CONTENTS: Contents = WireContents()
UNKNOWN = b"\xfa\x3f\x01x"

numbers = st.integers(1, 2**53 - 1)
hashes = st.binary(min_size=32, max_size=32)
instants = st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC))
algorithms = st.sampled_from(["SHA256", "SM3"])
streams = st.builds(
    StreamName,
    st.sampled_from(["320600", "310000"]),
    st.just("330100"),
    st.sampled_from(["social.contribution", "transport.alarm_v2.raw"]),
    st.integers(0, 999),
)
signeds = st.builds(Signed, st.binary(min_size=1, max_size=9), st.just("0f" * 16), st.binary(min_size=64, max_size=64))
positions = st.builds(Position, numbers, st.integers(0, 2**53 - 1), hashes)
headers = st.builds(
    BatchHeader,
    hash_algorithm=algorithms,
    stream=streams,
    epoch=numbers,
    agreement_id=st.text(min_size=1, max_size=64),
    agreement_version=st.integers(1, 2**32 - 1),
    standard=st.from_regex("[1-9][0-9]{0,3}([.][1-9][0-9]{0,3})?", fullmatch=True),
    first_sequence=numbers,
    record_count=st.integers(1, 2**32 - 1),
    root=hashes,
    previous_hash=hashes,
    sealed_time=instants,
)
openings = st.builds(
    Opening,
    stream=streams,
    epoch=numbers,
    hash_algorithm=algorithms,
    agreement_id=st.text(min_size=1, max_size=64),
    agreement_version=st.integers(1, 2**32 - 1),
    standard=st.just("1"),
    last_receipt=st.none() | signeds,
    closed=st.none() | positions,
    opened_time=instants,
)
answers = st.builds(OpeningAnswer, streams, positions, st.booleans(), hashes, instants)


@st.composite
def receipts(draw: st.DrawFn) -> Receipt:
    """Receipts whose counts and sequences agree."""
    first, count = draw(st.integers(1, 2**52)), draw(st.integers(1, 50))
    refused = sorted(draw(st.sets(st.integers(first, first + count - 1))))
    violation = Violation("total_fen", "sum.mismatch", "合计不等于各项之和 (sum)")
    return Receipt(
        stream=draw(streams),
        epoch=draw(numbers),
        header_hash=draw(hashes),
        first_sequence=first,
        record_count=count,
        accepted_count=count - len(refused),
        rejections=tuple(Rejection(sequence, violation) for sequence in refused),
        received_time=draw(instants),
    )


@given(headers)
def test_headers_come_back(header: BatchHeader) -> None:
    """What is parsed is what was serialised."""
    assert CONTENTS.header_from_bytes(CONTENTS.header_to_bytes(header)) == header


@given(receipts())
def test_receipts_come_back(receipt: Receipt) -> None:
    """What is parsed is what was serialised."""
    assert CONTENTS.receipt_from_bytes(CONTENTS.receipt_to_bytes(receipt)) == receipt


@given(openings)
def test_openings_come_back(opening: Opening) -> None:
    """What is parsed is what was serialised; an absent receipt or closed epoch stays absent."""
    assert CONTENTS.opening_from_bytes(CONTENTS.opening_to_bytes(opening)) == opening


@given(answers)
def test_answers_come_back(answer: OpeningAnswer) -> None:
    """What is parsed is what was serialised."""
    assert CONTENTS.answer_from_bytes(CONTENTS.answer_to_bytes(answer)) == answer


@given(streams, signeds, signeds, instants)
def test_a_conflict_holds_both_headers(stream: StreamName, applied: Signed, offered: Signed, at: datetime) -> None:
    """The statement shows both signed headers, verbatim."""
    statement = ConflictStatement(stream, applied, offered, at)

    parsed = exchange_pb2.Conflict.FromString(CONTENTS.conflict_to_bytes(statement))

    assert parsed.stream == str(stream)
    assert (parsed.applied_header.content, parsed.offered_header.content) == (applied.content, offered.content)


@given(signeds)
def test_signed_bytes_are_the_contracts_message(signed: Signed) -> None:
    """A conflict statement travels in an error's details as it is stored."""
    parsed = exchange_pb2.Signed.FromString(CONTENTS.signed_to_bytes(signed))

    assert (parsed.content, parsed.key_id, parsed.signature) == tuple(signed)


PARSERS: list[Callable[[bytes], object]] = [
    CONTENTS.header_from_bytes,
    CONTENTS.receipt_from_bytes,
    CONTENTS.opening_from_bytes,
    CONTENTS.answer_from_bytes,
]


@given(st.sampled_from(PARSERS), st.binary(max_size=200))
def test_random_bytes_are_malformed_or_parsed(parse: Callable[[bytes], object], content: bytes) -> None:
    """No bytes make parsing raise anything else."""
    try:
        parsed = parse(content)
    except Malformed:
        return
    assert parsed is not None


@given(st.data())
def test_damaged_contents_are_malformed_or_parsed(data: st.DataObject) -> None:
    """A good content with some bytes changed raises nothing else either."""
    content = bytearray(CONTENTS.receipt_to_bytes(data.draw(receipts())))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        parsed = CONTENTS.receipt_from_bytes(bytes(content))
    except Malformed:
        return
    assert parsed.accepted_count + len(parsed.rejections) == parsed.record_count


@given(headers)
def test_an_unknown_field_in_signed_bytes_is_refused(header: BatchHeader) -> None:
    """A signature over what the verifier does not see proves nothing to it."""
    with pytest.raises(Malformed, match="does not define"):
        CONTENTS.header_from_bytes(CONTENTS.header_to_bytes(header) + UNKNOWN)


GOOD = Receipt(
    StreamName("320600", "310000", "social.contribution"),
    1,
    bytes(32),
    11,
    3,
    2,
    (Rejection(12, Violation("", "record.key", "x")),),
    datetime(2026, 1, 1, tzinfo=UTC),
)
REFUSED = GOOD.rejections[0].violation


@pytest.mark.parametrize(
    "receipt",
    [
        replace(GOOD, accepted_count=3),
        replace(GOOD, rejections=(Rejection(10, REFUSED),)),
        replace(GOOD, rejections=(Rejection(14, REFUSED),)),
        replace(GOOD, accepted_count=1, rejections=(Rejection(12, REFUSED), Rejection(12, REFUSED))),
        replace(GOOD, accepted_count=1, rejections=(Rejection(13, REFUSED), Rejection(12, REFUSED))),
        replace(GOOD, header_hash=b"short"),
        replace(GOOD, epoch=0),
        replace(GOOD, first_sequence=2**53),
    ],
)
def test_a_receipt_that_contradicts_itself_is_refused(receipt: Receipt) -> None:
    """Counts, places and order of its rejections must agree, or it would settle the wrong records."""
    with pytest.raises(Malformed):
        CONTENTS.receipt_from_bytes(CONTENTS.receipt_to_bytes(receipt))


@pytest.mark.parametrize("stream", ["320600/310000/social/0", "320600/310000/social.contribution/00", "", "x" * 200])
def test_a_stream_has_one_spelling(stream: str) -> None:
    """Two spellings of one stream would be two histories of it."""
    content = exchange_pb2.BatchHeader.FromString(_header_bytes())
    content.stream = stream

    with pytest.raises(Malformed):
        CONTENTS.header_from_bytes(content.SerializeToString())


def _header_bytes() -> bytes:
    header = BatchHeader("SHA256", GOOD.stream, 1, "a", 1, "1", 1, 1, bytes(32), bytes(32), GOOD.received_time)
    return CONTENTS.header_to_bytes(header)
