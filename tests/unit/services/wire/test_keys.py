"""Keys are what docs/protocol.md says of the fields that a standard declares."""

from __future__ import annotations

from typing import Any

import pytest

from services.wire.columns import Columns
from services.wire.datasets import load_datasets
from tests.unit.services.wire.samples import CONTRIBUTION, contribution, hashed


def test_the_key_is_the_published_hash() -> None:
    """It hashes the subject's and then the key's fields in declared order, numbers in decimal, after their lengths."""
    message = contribution()
    person = message.person_number
    parts = (person, "110", message.period_month, message.employer_code, "1", message.source_serial)

    assert CONTRIBUTION.key(message) == hashed(b"yrdx-subject-v1", person) + hashed(b"yrdx-key-v1", *parts)
    assert CONTRIBUTION.keys(Columns([message] * 3)) == [CONTRIBUTION.key(message)] * 3


@pytest.mark.parametrize("name", load_datasets().names())
def test_every_record_of_a_subject_is_in_its_range(name: str) -> None:
    """The keys of a subject begin with its digest, which needs nothing of a record but the subject's own fields."""
    dataset = load_datasets().find(name, "1")
    message = dataset.message_class()
    parts = [str(getattr(message, field)) for field in dataset.subject_fields]

    assert dataset.key(message).startswith(dataset.subject(parts))
    assert set(dataset.subject_fields) <= dataset.indispensable


@pytest.mark.parametrize("change", [{"source_serial": "x"}, {"scheme": 210}, {"period_month": "2026-02"}])
def test_another_key_field_is_another_subject(change: dict[str, Any]) -> None:
    """Every declared field counts."""
    assert CONTRIBUTION.key(contribution(**change)) != CONTRIBUTION.key(contribution())


def test_what_is_not_in_the_key_keeps_the_subject() -> None:
    """A corrected amount is a record about the same subject."""
    assert CONTRIBUTION.key(contribution(base_fen=1)) == CONTRIBUTION.key(contribution())
