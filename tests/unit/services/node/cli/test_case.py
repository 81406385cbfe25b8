from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf.message import Message

from services.domain.errors import NotFound
from services.node.cli import case
from services.node.main import run
from tests.unit.services.node.cli.sessions import use_session
from yrdx.node.v1.node_pb2 import Case, GetCaseResponse, ListCasesResponse

OVERDUE = Case(
    id=1,
    dataset="social.transfer",
    partner="310000",
    number="NT2026000001",
    state="OPEN",
    steps=[
        Case.Step(step="TRANSFER_STEP_CONTACT_LETTER", label="联系函 contact letter", day="2026-03-02", city="310000")
    ],
    deadline=Case.Deadline(
        start_label="联系函 contact letter",
        start_day="2026-03-02",
        due_day="2026-05-08",
        working_days=45,
        used_days=60,
        overdue=True,
        holidays_known=True,
    ),
)
STARTED = Case(id=2, dataset="social.transfer", partner="310000", number="NT2026000002", state="OPEN")


def changed(**changes: Any) -> Case:
    """The overdue case with another deadline."""
    case = Case()
    case.CopyFrom(OVERDUE)
    for name, value in changes.items():
        setattr(case.deadline, name, value)
    return case


def test_programs_get_every_page(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Each case once, with its clock; null where the clock has not started."""

    def page(request: Any) -> Message:
        return ListCasesResponse(cases=[one for one in (OVERDUE, STARTED) if one.id > request.after_id][:1])

    monkeypatch.setattr(case, "PAGE_CASES", 1)
    use_session(monkeypatch, {"ListCases": page})
    assert run(["case", "ls", "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert (first["case_number"], first["used_days"], first["due_day"], first["overdue"]) == (
        "NT2026000001", 60, "2026-05-08", True,
    )  # fmt: skip
    assert first["steps"][0] == {
        "step": "TRANSFER_STEP_CONTACT_LETTER", "day": "2026-03-02", "city": "310000", "epoch": 0, "sequence": 0,
    }  # fmt: skip
    assert (second["due_day"], second["overdue"]) == (None, None)


def test_what_is_asked_reaches_the_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """The node filters; nothing is left out afterwards."""
    stub = use_session(monkeypatch, {"ListCases": ListCasesResponse()})
    assert run(["case", "ls", "--dataset", "social.transfer", "--open", "--overdue"]) == 0
    (request,) = stub.requests
    asked: Any = request
    assert (asked.dataset, asked.open_only, asked.overdue_only) == ("social.transfer", True, True)


@pytest.mark.parametrize("known", [True, False])
def test_people_are_told_when_holidays_are_not_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], known: bool
) -> None:
    """A due date that is by weekdays alone is marked, and said once."""
    use_session(monkeypatch, {"GetCase": GetCaseResponse(cases=[changed(holidays_known=known)])})
    assert run(["case", "show", "NT2026000001"]) == 0
    shown = capsys.readouterr()
    assert ("2026-05-08 *" in shown.out) is not known
    assert ("by weekdays alone" in shown.err) is not known
    assert "60/45" in shown.out
    assert "是 yes" in shown.out


def test_an_unknown_case_is_not_found(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 4, as everywhere."""
    use_session(monkeypatch, {"GetCase": NotFound("no case of that number is known here")})
    assert run(["case", "show", "NT0", "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["error"]["reason"] == "NOT_FOUND"
