from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.domain.lookup import Asked
from services.rpc.questions import QUESTIONS, SERVICES
from services.rpc.questions.question import city_of, covers, last_day, of_person, verify_table
from services.wire.datasets import load_datasets
from tests.unit.services.rpc.questions.asked import ANNA
from yrdx.care.v1.coverage_pb2 import Coverage
from yrdx.care.v1.service_pb2 import GetCoverageRequest
from yrdx.types.v1.lookup_pb2 import Person


def test_every_rpc_has_its_question_and_every_question_its_twin() -> None:
    """Eleven questions; one that is missing, or one too many, stops the node at start-up."""
    assert len(QUESTIONS) == 11
    with pytest.raises(ValueError, match="GetCoverage"):
        verify_table([one for one in QUESTIONS if one.name != "coverage"], SERVICES)
    with pytest.raises(ValueError, match="differ"):
        verify_table([*QUESTIONS, replace(QUESTIONS[0], rpc="GetNothing")], SERVICES)
    with pytest.raises(ValueError, match="one name"):
        verify_table([*QUESTIONS[:-1], replace(QUESTIONS[-1], name=QUESTIONS[0].name)], SERVICES)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_answers_are_taken_from_fields_that_exist(question: object) -> None:
    """What an agreement has to name are fields of the dataset."""
    one = next(known for known in QUESTIONS if known is question)
    fields = load_datasets().find(one.dataset, one.standard).message_class.DESCRIPTOR.fields_by_name
    assert set(one.fields) <= set(fields)


@pytest.mark.parametrize("name", [" 示例·安娜 ", "示例•安娜", "示例・安娜"])
def test_a_name_is_compared_without_what_people_cannot_see(name: str) -> None:
    """Blanks at the ends and the kind of middle dot do not matter."""
    request = GetCoverageRequest(person=ANNA)
    assert len(list(of_person(request, [Coverage(person_name=name)]))) == 1


@pytest.mark.parametrize("name", ["", "示例", "示例安娜", "示例·安妮"])
def test_another_name_is_another_person(name: str) -> None:
    """Whoever knows the number alone learns nothing."""
    request = GetCoverageRequest(person=Person(person_number=ANNA.person_number, person_name=name or "x"))
    assert list(of_person(request, [Coverage(person_name=ANNA.person_name)])) == []


def test_today_is_local() -> None:
    """After 16:00 UTC it is tomorrow in the delta."""
    assert Asked(datetime(2026, 3, 13, 15, 59, 59, tzinfo=UTC), "310000").today == "2026-03-13"
    assert Asked(datetime(2026, 3, 13, 16, 0, 0, tzinfo=UTC), "310000").today == "2026-03-14"


def test_days_are_inclusive_and_may_have_no_end() -> None:
    """First and last day count; without a last day it never ends."""
    assert covers("2026-03-14", "2026-03-14", "2026-03-14")
    assert not covers("2026-03-15", "2026-03-14", "2026-03-14")
    assert not covers("2026-03-13", "2026-03-14", "")
    assert covers("2099-01-01", "2026-03-14", "")
    assert (last_day(["2026-01-01", "2027-01-01"]), last_day(["2026-01-01", ""]), last_day([])) == (
        "2027-01-01",
        "",
        "",
    )


def test_a_division_lies_in_its_city() -> None:
    """A municipality is its own city."""
    assert (city_of("310115"), city_of("320613"), city_of("320600")) == ("310000", "320600", "320600")
