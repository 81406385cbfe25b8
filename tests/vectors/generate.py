"""Writes protocol.json: published values of the exchange protocol, from the product's own code.

Run it after a deliberate change of the protocol only: ``python -m tests.vectors.generate``. Keys and salts are fixed
and public, people and employers are invented; nothing here may ever be used for real.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from certs.digests import DIGESTS
from certs.signing import SigningKey
from services.domain import merkle, tags
from services.domain.batch import BatchHeader, Record, Signed
from services.domain.check_digits import citizen_number_check, social_credit_check
from services.domain.opening import ConflictStatement, Opening, OpeningAnswer
from services.domain.receipt import Receipt, Rejection, Violation
from services.domain.stream import GENESIS, Position, StreamName
from services.wire.contents import WireContents
from services.wire.datasets import load_datasets
from yrdx.exchange.v1 import exchange_pb2
from yrdx.social.v1.contribution_pb2 import PAYMENT_KIND_REGULAR, Contribution
from yrdx.social.v1.scheme_pb2 import SCHEME_ENTERPRISE_PENSION
from yrdx.types.v1.types_pb2 import OPERATION_UPSERT, SEX_FEMALE, Division, RecordBody

FILE: Final = Path(__file__).with_name("protocol.json")
STREAM: Final = StreamName("320600", "310000", "social.contribution")
SEALED: Final = datetime(2026, 3, 1, 8, 0, 0, 123_456, tzinfo=UTC)
COUNTS: Final = (1, 2, 3, 5, 8)
SUBJECT_FIELDS: Final = ("person_number",)
KEY_FIELDS: Final = ("person_number", "scheme", "period_month", "employer_code", "payment_kind", "source_serial")
CONTENTS: Final = WireContents()
CONTRIBUTION: Final = load_datasets().find("social.contribution", "1")


@dataclass(frozen=True)
class City:
    """A city that signs with a key everybody knows."""

    code: str
    seed: bytes

    @property
    def key(self) -> SigningKey:
        """The signing key."""
        return SigningKey(Ed25519PrivateKey.from_private_bytes(self.seed))

    def sign(self, tag: bytes, content: bytes) -> Signed:
        """Sign ``tag ‖ content``."""
        return Signed(content, self.key.key_id, self.key.sign(tag + content))


SENDER: Final = City("320600", bytes(range(32)))
RECEIVER: Final = City("310000", bytes(range(32, 64)))


def contribution(number: int) -> Contribution:
    """Return an invented contribution."""
    person = f"3206021980010{number}{number:03d}"
    employer = f"91320600MA{number:07d}"
    return Contribution(
        person_number=person + citizen_number_check(person),
        person_name=f"示例{number}",
        sex=SEX_FEMALE,
        birth_date=f"1980-01-0{number}",
        source_serial=f"{number:010d}-202601",
        employer_code=employer + social_credit_check(employer),
        employer_name="南通示例有限公司",
        scheme=SCHEME_ENTERPRISE_PENSION,
        settlement_month="2026-01",
        period_month="2026-01",
        payment_kind=PAYMENT_KIND_REGULAR,
        paid=True,
        base_fen=500_000,
        employer_fen=80_000,
        personal_fen=40_000,
        total_fen=120_000,
        division=Division(code="320602"),
    )


def record(number: int) -> Record:
    """Return a record with a salt that everybody knows."""
    message = contribution(number)
    body = RecordBody(operation=OPERATION_UPSERT, key=CONTRIBUTION.key(message))
    body.message.Pack(message)
    return Record(bytes([number]) * 16, body.SerializeToString(deterministic=True))


RECORDS: Final = [record(number) for number in range(1, max(COUNTS) + 1)]


def header(first: int, count: int, algorithm: str, previous: bytes) -> BatchHeader:
    """Return the header of a run of the records."""
    digest = DIGESTS[algorithm]
    leaves = merkle.record_leaves(first, RECORDS[first - 1 : first - 1 + count], digest)
    return BatchHeader(
        hash_algorithm=algorithm,
        stream=STREAM,
        epoch=1,
        agreement_id="NT-SH-2026-001",
        agreement_version=1,
        standard="1",
        first_sequence=first,
        record_count=count,
        root=merkle.root(leaves, digest),
        previous_hash=previous,
        sealed_time=SEALED,
    )


def vectors() -> dict[str, Any]:
    """Return everything that is published."""
    first = header(1, 3, "SHA256", GENESIS)
    first_hash = header_hash(first)
    second = header(4, 5, "SHA256", first_hash)
    return {
        "about": "Published vectors of the yrdx exchange protocol, see docs/protocol.md. Bytes are hexadecimal.",
        "keys": {city.code: key_vector(city) for city in (SENDER, RECEIVER)},
        "record_key": record_key_vector(contribution(1)),
        "records": [record_vector(sequence) for sequence in range(1, len(RECORDS) + 1)],
        "roots": [root_vector(count) for count in COUNTS],
        "headers": [header_vector(one) for one in (first, second, header(1, 3, "SM3", GENESIS))],
        **evidence(first, second),
    }


def evidence(first: BatchHeader, second: BatchHeader) -> dict[str, Any]:
    """Return receipt, opening, position and conflict for the first two batches."""
    refusal = Violation(
        "total_fen", "sum.mismatch", "合计不等于各项之和 (total_fen is not employer_fen + personal_fen)"
    )
    receipt = Receipt(STREAM, 1, header_hash(first), 1, 3, 2, (Rejection(2, refusal),), later(1))
    signed_receipt = RECEIVER.sign(tags.RECEIPT, CONTENTS.receipt_to_bytes(receipt))
    opening = CONTENTS.opening_to_bytes(
        Opening(STREAM, 1, "SHA256", "NT-SH-2026-001", 1, "1", signed_receipt, None, later(2))
    )
    opening_hash = DIGESTS["SHA256"](tags.OPENING + opening)
    position = OpeningAnswer(STREAM, Position(1, 3, header_hash(first)), replay=False, opening_hash=opening_hash,
                             answered_time=later(3))  # fmt: skip
    offered = SENDER.sign(tags.BATCH, CONTENTS.header_to_bytes(replace(second, sealed_time=later(9))))
    applied = SENDER.sign(tags.BATCH, CONTENTS.header_to_bytes(second))
    conflict = ConflictStatement(STREAM, applied, offered, later(10))
    return {
        "receipt": signed_vector(RECEIVER, tags.RECEIPT, signed_receipt.content, exchange_pb2.Receipt()),
        "opening": signed_vector(SENDER, tags.OPENING, opening, exchange_pb2.Opening()) | {"hash": opening_hash.hex()},
        "position": signed_vector(RECEIVER, tags.POSITION, CONTENTS.answer_to_bytes(position), exchange_pb2.Position()),
        "conflict": signed_vector(
            RECEIVER, tags.CONFLICT, CONTENTS.conflict_to_bytes(conflict), exchange_pb2.Conflict()
        ),
    }


def later(seconds: int) -> datetime:
    """Return an instant after the sealing."""
    return SEALED + timedelta(seconds=seconds)


def header_hash(one: BatchHeader) -> bytes:
    """Return a batch's identity."""
    return DIGESTS[one.hash_algorithm](tags.BATCH + CONTENTS.header_to_bytes(one))


def key_vector(city: City) -> dict[str, str]:
    """Describe a signing key."""
    return {
        "private": city.seed.hex(),
        "public": city.key.public.public_key.hex(),
        "key_id": city.key.key_id,
    }


def record_key_vector(message: Contribution) -> dict[str, Any]:
    """Describe how a record's key comes about."""
    return {
        "subject_fields": list(SUBJECT_FIELDS),
        "subject_parts": [str(getattr(message, name)) for name in SUBJECT_FIELDS],
        "fields": list(KEY_FIELDS),
        "parts": [str(getattr(message, name)) for name in KEY_FIELDS],
        "key": CONTRIBUTION.key(message).hex(),
    }


def record_vector(sequence: int) -> dict[str, Any]:
    """Describe a record and its leaf at its place."""
    one = RECORDS[sequence - 1]
    leaves = {name: merkle.record_leaf(sequence, one, digest).hex() for name, digest in DIGESTS.items()}
    return {
        "sequence": sequence,
        "salt": one.salt.hex(),
        "body": one.body.hex(),
        "says": said_by(RecordBody.FromString(one.body)),
        "leaf": leaves,
    }


def root_vector(count: int) -> dict[str, Any]:
    """Describe the root of the first records."""
    roots = {
        name: merkle.root(merkle.record_leaves(1, RECORDS[:count], digest), digest).hex()
        for name, digest in DIGESTS.items()
    }
    return {"count": count, "root": roots}


def header_vector(one: BatchHeader) -> dict[str, Any]:
    """Describe a signed header."""
    content = CONTENTS.header_to_bytes(one)
    return signed_vector(SENDER, tags.BATCH, content, exchange_pb2.BatchHeader()) | {"hash": header_hash(one).hex()}


def signed_vector(city: City, tag: bytes, content: bytes, message: Message) -> dict[str, Any]:
    """Describe signed bytes."""
    message.ParseFromString(content)
    return {
        "signer": city.code,
        "tag": tag.decode(),
        "content": content.hex(),
        "says": said_by(message),
        "signature": city.sign(tag, content).signature.hex(),
    }


def said_by(message: Message) -> dict[str, Any]:
    """Return a message as protobuf's JSON, with the contract's field names and enum numbers."""
    return MessageToDict(message, preserving_proto_field_name=True, use_integers_for_enums=True)


def as_text(found: dict[str, Any]) -> str:
    """Return vectors as they stand in the file."""
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(as_text(vectors()), encoding="utf-8")
