"""Invented contributions with right check digits, as messages and as record bodies."""

from __future__ import annotations

import hashlib
from typing import Any

from services.domain.check_digits import citizen_number_check, social_credit_check
from services.wire.datasets import load_datasets
from yrdx.social.v1.contribution_pb2 import PAYMENT_KIND_REGULAR, Contribution
from yrdx.social.v1.scheme_pb2 import SCHEME_ENTERPRISE_PENSION
from yrdx.types.v1.types_pb2 import OPERATION_UPSERT, SEX_FEMALE, Division, RecordBody

DATASET = "social.contribution"
STANDARD = "1"
DATASETS = load_datasets()
CONTRIBUTION = DATASETS.find(DATASET, STANDARD)


def citizen_number(serial: int = 1) -> str:
    """Return an invented citizen number: area of Nantong, born on a day that exists."""
    first17 = f"320602199{serial % 10}02{1 + serial % 28:02d}{serial % 1000:03d}"
    return first17 + citizen_number_check(first17)


def employer_code(serial: int = 1) -> str:
    """Return an invented unified social credit code."""
    first17 = f"91320600MA{serial:07d}"
    return first17 + social_credit_check(first17)


def contribution(serial: int = 1, **changes: Any) -> Contribution:
    """Return a contribution that keeps every rule, with changes."""
    person = citizen_number(serial)
    fields: dict[str, Any] = {
        "person_number": person,
        "person_name": "沈示例",
        "sex": SEX_FEMALE,
        "ethnic_group": "01",
        "birth_date": f"{person[6:10]}-{person[10:12]}-{person[12:14]}",
        "source_serial": f"{serial:010d}-202601",
        "employer_code": employer_code(serial),
        "employer_name": "南通示例有限公司",
        "scheme": SCHEME_ENTERPRISE_PENSION,
        "settlement_month": "2026-01",
        "period_month": "2026-01",
        "payment_kind": PAYMENT_KIND_REGULAR,
        "paid": True,
        "base_fen": 500_000,
        "employer_fen": 80_000,
        "personal_fen": 40_000,
        "total_fen": 120_000,
        "credited_date": "2026-01-15",
        "division": Division(code="320602"),
    }
    return Contribution(**(fields | changes))


def record(message: Contribution | None = None, **changes: Any) -> RecordBody:
    """Return a record with its key."""
    message = message or contribution()
    body = RecordBody(operation=OPERATION_UPSERT, key=CONTRIBUTION.key(message))
    body.message.Pack(message)
    for name, value in changes.items():
        setattr(body, name, value)
    return body


def body_of(message: Contribution | None = None, **changes: Any) -> bytes:
    """Return a serialised record."""
    return record(message, **changes).SerializeToString()


def hashed(tag: bytes, *parts: str) -> bytes:
    """Hash texts, each after its length, as docs/protocol.md says."""
    framed = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
    return hashlib.sha256(tag + framed).digest()[:8]
