"""Signed contents: the exact bytes that are hashed and signed ↔ what they say.

Serialising is done once, by the signer; whoever verifies keeps the bytes. Parsing refuses unknown fields, since a
signature over something that the verifier does not see proves nothing to it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from services.domain.batch import BatchHeader, Signed
from services.domain.errors import Malformed
from services.domain.opening import ConflictStatement, Opening, OpeningAnswer
from services.domain.receipt import Receipt
from services.domain.stream import Position, StreamName
from services.wire.batches import rejection_from_pb, rejection_to_pb, signed_from_pb, signed_to_pb
from services.wire.contract import parse_content
from services.wire.times import time_from_pb, time_to_pb
from yrdx.exchange.v1 import exchange_pb2
from yrdx.exchange.v1.exchange_pb2 import HASH_ALGORITHM_SHA256, HASH_ALGORITHM_SM3

_ALGORITHM_NAMES: Final = {HASH_ALGORITHM_SHA256: "SHA256", HASH_ALGORITHM_SM3: "SM3"}
_ALGORITHMS: Final = {name: number for number, name in _ALGORITHM_NAMES.items()}


class WireContents:
    """Implements `services.ports.content.Contents`; every ``…_from_bytes`` raises `ContractBroken` or `Malformed`."""

    def header_to_bytes(self, header: BatchHeader) -> bytes:
        """Serialise a batch header."""
        return exchange_pb2.BatchHeader(
            hash_algorithm=_ALGORITHMS[header.hash_algorithm],
            stream=str(header.stream),
            epoch=header.epoch,
            agreement_id=header.agreement_id,
            agreement_version=header.agreement_version,
            standard=header.standard,
            first_sequence=header.first_sequence,
            record_count=header.record_count,
            root=header.root,
            previous_hash=header.previous_hash,
            sealed_time=time_to_pb(header.sealed_time),
        ).SerializeToString()

    def header_from_bytes(self, content: bytes) -> BatchHeader:
        """Parse a batch header."""
        pb = parse_content(exchange_pb2.BatchHeader, content)
        return BatchHeader(
            hash_algorithm=_ALGORITHM_NAMES[pb.hash_algorithm],
            stream=_stream(pb.stream),
            epoch=pb.epoch,
            agreement_id=pb.agreement_id,
            agreement_version=pb.agreement_version,
            standard=pb.standard,
            first_sequence=pb.first_sequence,
            record_count=pb.record_count,
            root=pb.root,
            previous_hash=pb.previous_hash,
            sealed_time=time_from_pb(pb.sealed_time),
        )

    def receipt_to_bytes(self, receipt: Receipt) -> bytes:
        """Serialise a receipt."""
        return exchange_pb2.Receipt(
            stream=str(receipt.stream),
            epoch=receipt.epoch,
            header_hash=receipt.header_hash,
            first_sequence=receipt.first_sequence,
            record_count=receipt.record_count,
            accepted_count=receipt.accepted_count,
            rejections=map(rejection_to_pb, receipt.rejections),
            received_time=time_to_pb(receipt.received_time),
        ).SerializeToString()

    def receipt_from_bytes(self, content: bytes) -> Receipt:
        """Parse a receipt, whose rejections must be what its counts say."""
        pb = parse_content(exchange_pb2.Receipt, content)
        receipt = Receipt(
            stream=_stream(pb.stream),
            epoch=pb.epoch,
            header_hash=pb.header_hash,
            first_sequence=pb.first_sequence,
            record_count=pb.record_count,
            accepted_count=pb.accepted_count,
            rejections=tuple(map(rejection_from_pb, pb.rejections)),
            received_time=time_from_pb(pb.received_time),
        )
        return _consistent(receipt)

    def opening_to_bytes(self, opening: Opening) -> bytes:
        """Serialise an opening."""
        return exchange_pb2.Opening(
            stream=str(opening.stream),
            epoch=opening.epoch,
            hash_algorithm=_ALGORITHMS[opening.hash_algorithm],
            agreement_id=opening.agreement_id,
            agreement_version=opening.agreement_version,
            standard=opening.standard,
            last_receipt=signed_to_pb(opening.last_receipt) if opening.last_receipt else None,
            closed=_position_to_pb(opening.closed) if opening.closed else None,
            opened_time=time_to_pb(opening.opened_time),
        ).SerializeToString()

    def opening_from_bytes(self, content: bytes) -> Opening:
        """Parse an opening."""
        pb = parse_content(exchange_pb2.Opening, content)
        last_receipt: Signed | None = signed_from_pb(pb.last_receipt) if pb.HasField("last_receipt") else None
        return Opening(
            stream=_stream(pb.stream),
            epoch=pb.epoch,
            hash_algorithm=_ALGORITHM_NAMES[pb.hash_algorithm],
            agreement_id=pb.agreement_id,
            agreement_version=pb.agreement_version,
            standard=pb.standard,
            last_receipt=last_receipt,
            closed=_position_from_pb(pb.closed) if pb.HasField("closed") else None,
            opened_time=time_from_pb(pb.opened_time),
        )

    def answer_to_bytes(self, answer: OpeningAnswer) -> bytes:
        """Serialise a receiver's position."""
        return exchange_pb2.Position(
            stream=str(answer.stream),
            position=_position_to_pb(answer.position),
            replay=answer.replay,
            opening_hash=answer.opening_hash,
            answered_time=time_to_pb(answer.answered_time),
        ).SerializeToString()

    def answer_from_bytes(self, content: bytes) -> OpeningAnswer:
        """Parse a receiver's position."""
        pb = parse_content(exchange_pb2.Position, content)
        return OpeningAnswer(
            stream=_stream(pb.stream),
            position=_position_from_pb(pb.position),
            replay=pb.replay,
            opening_hash=pb.opening_hash,
            answered_time=time_from_pb(pb.answered_time),
        )

    def conflict_to_bytes(self, statement: ConflictStatement) -> bytes:
        """Serialise a conflict statement."""
        return exchange_pb2.Conflict(
            stream=str(statement.stream),
            applied_header=signed_to_pb(statement.applied_header),
            offered_header=signed_to_pb(statement.offered_header),
            refused_time=time_to_pb(statement.refused_time),
        ).SerializeToString()

    def signed_to_bytes(self, signed: Signed) -> bytes:
        """Serialise signed bytes with their signature."""
        return signed_to_pb(signed).SerializeToString()


def _stream(text: str) -> StreamName:
    try:
        return StreamName.parse(text)
    except ValueError as error:
        raise Malformed(str(error)) from error


def _position_to_pb(position: Position) -> exchange_pb2.StreamPosition:
    return exchange_pb2.StreamPosition(epoch=position.epoch, watermark=position.watermark, head=position.head)


def _position_from_pb(pb: exchange_pb2.StreamPosition) -> Position:
    return Position(pb.epoch, pb.watermark, pb.head)


def _consistent(receipt: Receipt) -> Receipt:
    """Return a receipt whose rejections are as many as its counts say, in rising order within the batch."""
    sequences = [rejection.sequence for rejection in receipt.rejections]
    if receipt.accepted_count + len(sequences) != receipt.record_count:
        raise Malformed("the receipt's counts do not add up")
    if sequences and (sequences[0] < receipt.first_sequence or sequences[-1] > receipt.last_sequence):
        raise Malformed("the receipt refuses a record outside its batch")
    if any(after <= before for before, after in pairwise(sequences)):
        raise Malformed("the receipt's rejections do not rise")
    return receipt
