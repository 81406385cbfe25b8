from __future__ import annotations

from pathlib import Path

import grpc
import pytest

from services.domain.lookup import Right
from services.node.asking import Asking, fields_of, question_of
from services.node.exits import Mistake
from services.rpc.questions import QUESTIONS

RIGHT = Right("310000", "L-1", "visit", "decree", "", "clerk-7")
PERSON = {"person_number": "320602198001010012", "person_name": "示例"}


def asking(name: str) -> Asking:
    """Return the way to ask a question of nobody."""
    return Asking(question_of(name), grpc.insecure_channel("127.0.0.1:1"), RIGHT)


def test_fields_follow_from_the_contract() -> None:
    """The parts of person and vehicle stand beside the question's own; no two share a name."""
    assert list(fields_of(question_of("enrolment").request)) == ["person_number", "person_name", "scheme"]
    assert list(fields_of(question_of("last-seen").request)) == ["plate_number", "plate_colour"]
    assert all("context" not in fields_of(question.request) for question in QUESTIONS)


@pytest.mark.parametrize("code", ["110", "enterprise_pension", "ENTERPRISE-PENSION"])
def test_a_code_is_written_by_number_or_name(code: str) -> None:
    """As the contract has both."""
    request = asking("enrolment")._request({**PERSON, "scheme": code})
    assert request.scheme == 110  # type: ignore[attr-defined]


def test_every_question_has_an_id_of_its_own() -> None:
    """So that both logs can be held against each other."""
    way = asking("coverage")
    ids = {way._request(PERSON).context.request_id for _ in range(5)}  # type: ignore[attr-defined]
    assert len(ids) == 5


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({**PERSON, "scheme": "gold"}, "scheme"),
        ({**PERSON, "scheme": "999"}, "scheme"),
        ({**PERSON, "shceme": "110"}, "scheme"),
        ({"person_name": "示例", "scheme": "110"}, "person_number"),
        ({**PERSON, "person_number": "110", "scheme": "110"}, "person_number"),
    ],
)
def test_what_cannot_be_asked_names_the_field_and_never_the_value(values: dict[str, str], named: str) -> None:
    """Nothing leaves this machine."""
    with pytest.raises(Mistake, match=named) as refused:
        asking("enrolment")._request(values)
    assert PERSON["person_number"] not in str(refused.value)
    assert "示例" not in str(refused.value)


def test_an_unknown_question_names_those_there_are() -> None:
    """And the nearest of them."""
    with pytest.raises(Mistake, match=r"coverage .*enrolment"):
        question_of("coverrage")


def test_a_file_that_is_not_one_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    """With the columns that it must have."""
    file = tmp_path / "people.csv"
    file.write_text("name\nx\n", encoding="utf-8")
    with pytest.raises(Mistake, match="person_number, person_name"):
        list(asking("coverage")._rows(file))
