from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from services.domain.tags import OPENING, POSITION, RECEIPT
from services.node.conformance.calls import Outcome
from services.node.conformance.promises import Broken
from services.node.conformance.sender import SHA256, Key, Sealed
from tests.unit.services.node.conformance.cities import Cities, make_cities
from yrdx.exchange.v1 import exchange_pb2
from yrdx.exchange.v1.exchange_pb2 import Receipt, Rejection


@pytest.fixture
def cities(tmp_path: Path) -> Cities:
    """Two cities."""
    return make_cities(tmp_path)


def receipt_of(sealed: Sealed) -> Receipt:
    """A right receipt."""
    header = sealed.header
    receipt = Receipt(
        stream=header.stream, epoch=header.epoch, header_hash=sealed.hash, first_sequence=header.first_sequence,
        record_count=header.record_count, accepted_count=header.record_count,
    )  # fmt: skip
    receipt.received_time.GetCurrentTime()
    return receipt


def _refused(receipt: Receipt, *sequences: int) -> Receipt:
    receipt.rejections.extend(Rejection(sequence=one, rule_id="record.key") for one in sequences)
    receipt.accepted_count -= len(sequences)
    return receipt


def _changed(receipt: Receipt, **changes: int | bytes) -> Receipt:
    for name, value in changes.items():
        setattr(receipt, name, value)
    return receipt


def test_a_right_receipt_is_taken(cities: Cities) -> None:
    """With its rejections by rising sequence."""
    sealed = cities.partner.sender.seal([b"1", b"2", b"3"])
    signed = cities.key.sign(RECEIPT, _refused(receipt_of(sealed), 1, 3))

    assert cities.partner.receipted(sealed, signed).receipt.accepted_count == 1


WRONG: dict[str, tuple[Callable[[Receipt], Receipt], str]] = {
    "of another batch": (lambda r: _changed(r, header_hash=bytes(32)), "header_hash"),
    "of another place": (lambda r: _changed(r, first_sequence=9), "first_sequence"),
    "counts that do not add up": (lambda r: _changed(r, accepted_count=2), "record_count"),
    "rejections out of order": (lambda r: _refused(r, 3, 1), "rise"),
    "a rejection twice": (lambda r: _refused(r, 1, 1), "rise"),
    "a rejection outside the batch": (lambda r: _refused(r, 4), "outside"),
    "a rule broken": (lambda r: _changed(r, epoch=0), "breaks the contract"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_receipt_is_a_broken_promise(cities: Cities, case: str) -> None:
    """However well it is signed."""
    make, words = WRONG[case]
    sealed = cities.partner.sender.seal([b"1", b"2", b"3"])

    with pytest.raises(Broken, match=words):
        cities.partner.receipted(sealed, cities.key.sign(RECEIPT, make(receipt_of(sealed))))


def test_a_receipt_that_the_city_did_not_sign_is_a_broken_promise(cities: Cities) -> None:
    """By a key that its bundle does not list, or under one of its keys' names."""
    sealed = cities.partner.sender.seal([b"1"])
    foreign = Key.new().sign(RECEIPT, receipt_of(sealed))
    with pytest.raises(Broken, match="its bundle does not list"):
        cities.partner.receipted(sealed, foreign)

    foreign.key_id = cities.key.key_id
    with pytest.raises(Broken, match="does not stand"):
        cities.partner.receipted(sealed, foreign)


def position_answer(cities: Cities, opening: exchange_pb2.DeliverRequest, **changes: bytes | str) -> Outcome:
    """A right answer to an opening, changed."""
    position = exchange_pb2.Position(
        stream=cities.partner.sender.stream,
        position=exchange_pb2.StreamPosition(epoch=1, watermark=4, head=bytes(32)),
        opening_hash=SHA256(OPENING + opening.opening.content),
    )
    position.answered_time.GetCurrentTime()
    for name, value in changes.items():
        setattr(position, name, value)
    answer = exchange_pb2.DeliverResponse(position=cities.key.sign(POSITION, position))
    return Outcome([answer], grpc.StatusCode.OK, ErrorInfo(), Status(), "")


def test_a_position_answers_this_opening_on_this_stream(cities: Cities) -> None:
    """Not another one, and not with something else."""
    partner, opening = cities.partner, cities.partner.sender.opening()

    assert partner.position(opening, position_answer(cities, opening)).position.watermark == 4
    with pytest.raises(Broken, match="opening_hash"):
        partner.position(opening, position_answer(cities, opening, opening_hash=bytes(32)))
    with pytest.raises(Broken, match="another stream"):
        partner.position(opening, position_answer(cities, opening, stream="330199/310000/social.transfer/0"))
    with pytest.raises(Broken, match="no position"):
        partner.position(opening, Outcome([], grpc.StatusCode.UNAVAILABLE, ErrorInfo(), Status(), ""))


def test_a_refusal_has_the_right_code_and_reason(cities: Cities) -> None:
    """A receipt is none, and neither is another reason."""
    info = ErrorInfo(reason="SEQUENCE_GAP", domain="yrdx")
    refused = Outcome([], grpc.StatusCode.OUT_OF_RANGE, info, Status(), "")
    partner = cities.partner

    assert partner.require_refused(refused, [grpc.StatusCode.OUT_OF_RANGE], ["SEQUENCE_GAP"])
    for codes, reasons in (([grpc.StatusCode.ABORTED], ["SEQUENCE_GAP"]), ([grpc.StatusCode.OUT_OF_RANGE], ["OTHER"])):
        with pytest.raises(Broken, match="OUT_OF_RANGE SEQUENCE_GAP"):
            partner.require_refused(refused, codes, reasons)
    acknowledged = exchange_pb2.DeliverResponse(acknowledgement=exchange_pb2.Acknowledgement(watermark=1))
    with pytest.raises(Broken, match="it was taken"):
        partner.require_refused(
            Outcome([acknowledged], grpc.StatusCode.OUT_OF_RANGE, info, Status(), ""), [grpc.StatusCode.OUT_OF_RANGE]
        )


def test_a_duplicate_has_the_same_receipt_to_the_byte(cities: Cities) -> None:
    """Another signature over the same is another receipt."""
    sealed = cities.partner.sender.seal([b"1"])
    taken = cities.partner.receipted(sealed, cities.key.sign(RECEIPT, receipt_of(sealed)))

    def answered(signed: exchange_pb2.Signed) -> Outcome:
        answer = exchange_pb2.DeliverResponse(acknowledgement=exchange_pb2.Acknowledgement(receipt=signed))
        return Outcome([answer], grpc.StatusCode.OK, ErrorInfo(), Status(), "")

    cities.partner.require_same(taken, answered(taken.signed))
    later = receipt_of(sealed)
    later.received_time.FromSeconds(1)
    with pytest.raises(Broken, match="another receipt"):
        cities.partner.require_same(taken, answered(cities.key.sign(RECEIPT, later)))
