"""`yrdx lookup` and `yrdx access-log` between two real nodes: Nantong asks Shanghai's register."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import resources
from pathlib import Path
from typing import Any, Final

import pytest

from services.node.asking import fields_of
from services.rpc.questions import QUESTIONS
from tests.integration.rpc.asked_node import ASKED, BASIS, PURPOSE, WANG, ZHANG, lookup_agreement
from tests.integration.support.commands import Ran, finish, start_yrdx, yrdx
from tests.integration.support.nodes import NANTONG, SHANGHAI, Node, introduce, make_node

NOT_FOUND, AMBIGUOUS, PARTIAL, USAGE, NOT_PERMITTED, UNAVAILABLE = 4, 1, 3, 2, 5, 6
COVERAGE: Final = ("--person", WANG["person_number"], "--name", WANG["person_name"])


@pytest.fixture(scope="module")
def cities(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Node]]:
    """Nantong and Shanghai, which has loaded its golden rows into its register."""
    folder = tmp_path_factory.mktemp("cities")
    nantong, shanghai = make_node(folder, NANTONG), make_node(folder, SHANGHAI)
    agreements = [lookup_agreement(question.dataset) for question in QUESTIONS]
    introduce(nantong, shanghai, agreements)
    introduce(shanghai, nantong, agreements)
    with ExitStack() as stack:
        for node in (nantong, shanghai):
            stack.callback(node.stop)
            node.start()
        for question in QUESTIONS:
            load(shanghai, question.dataset, folder)
        yield nantong, shanghai


def load(node: Node, dataset: str, folder: Path) -> dict[str, Any]:
    """Sync golden rows into the register of the city itself."""
    name = f"{dataset.replace('.', '_')}.csv"
    file = folder / name
    file.write_bytes((resources.files("adapters") / "shanghai" / "samples" / name).read_bytes())
    to = ("--home", node.path, "--to", node.city, "--dataset", dataset, "--json")
    report: dict[str, Any] = yrdx("sync", "run", file, *to).json
    return report


def ask(node: Node, question: str, *more: object, code: int = 0, agreement: str = "", purpose: str = PURPOSE) -> Ran:
    """Run ``yrdx lookup`` at a node."""
    dataset = next(one.dataset for one in QUESTIONS if one.name == question)
    right = ("--city", SHANGHAI.code, "--agreement", agreement or f"L-{dataset}", "--purpose", purpose)
    return yrdx("lookup", question, *more, *right, "--home", node.path, "--json", code=code)


def options(question: str) -> list[object]:
    """Return the options of a question that is found."""
    short = {
        "person_number": "--person",
        "person_name": "--name",
        "plate_number": "--plate",
        "plate_colour": "--colour",
    }
    words: list[object] = []
    for field, value in ASKED[question].items():
        words += [short[field], value] if field in short else ["--with", f"{field}={value}"]
    return words


def log(node: Node, *more: object) -> list[dict[str, Any]]:
    """Return the access log as an auditor reads it."""
    found: list[dict[str, Any]] = yrdx("access-log", "ls", "--home", node.path, "--json", *more).json
    return found


@pytest.mark.parametrize("question", [one.name for one in QUESTIONS])
def test_every_question_is_answered_and_logged_on_both_sides(cities: tuple[Node, Node], question: str) -> None:
    """The answer comes from the other city's register; both logs hold the question under one request id."""
    nantong, shanghai = cities
    before = [len(log(node)) for node in cities]

    answer = ask(nantong, question, *options(question)).json

    assert answer.pop("outcome") == "FOUND"
    response = next(one for one in QUESTIONS if one.name == question)
    known = response.service.methods_by_name[response.rpc].output_type.fields
    assert set(answer) == {field.name for field in known} - {"outcome"}
    (asked,), (answered,) = [log(node)[count:] for node, count in zip(cities, before, strict=True)]
    same = ("question", "request_id", "agreement", "purpose", "legal_basis", "clerk_reference", "outcome")
    assert {name: asked[name] for name in same} == {name: answered[name] for name in same}
    assert (asked["side"], asked["caller"].split("/")[3]) == ("asked", "operator")
    assert (answered["side"], answered["caller"].split("/")[3]) == ("answered", "gateway")
    assert (answered["purpose"], answered["legal_basis"]) == (PURPOSE, BASIS)
    assert asked["subject"] != answered["subject"]  # each city has a secret of its own
    assert shanghai.stream(f"310000/310000/{response.dataset}/0", "outbound")["pending"] == 0


def test_the_register_takes_a_file_as_any_partner_does(cities: tuple[Node, Node], tmp_path: Path) -> None:
    """The same file adds nothing, nothing waits to be delivered, and a snapshot withdraws."""
    _, shanghai = cities
    name = "310000/310000/social.enrolment/0"
    before = shanghai.stream(name, "outbound")["submitted"]
    report = load(shanghai, "social.enrolment", tmp_path)
    assert (report["already_submitted"] > 0, report["pending"]) == (True, 0)
    assert shanghai.stream(name, "outbound")["submitted"] == before > 0

    file = tmp_path / "fewer.csv"
    lines = (tmp_path / "social_enrolment.csv").read_bytes().splitlines(keepends=True)
    own = ("--home", shanghai.path, "--city", shanghai.city, "--purpose", "check", "--json")
    person = ("--person", ZHANG["person_number"], "--name", ZHANG["person_name"], "--with", "scheme=110")
    mine = [line for line in lines if ZHANG["person_number"].encode() in line]
    file.write_bytes(b"".join(line for line in lines if line not in mine))
    to = ("--home", shanghai.path, "--to", shanghai.city, "--dataset", "social.enrolment", "--json")
    assert yrdx("lookup", "enrolment", *person, *own).json["outcome"] == "FOUND"
    report = yrdx("sync", "run", file, "--snapshot", "--allow-retract", len(mine), *to).json
    assert report["retracted"] == len(mine) > 0
    assert yrdx("lookup", "enrolment", *person, *own, code=NOT_FOUND).json == {"outcome": "NOT_FOUND"}
    load(shanghai, "social.enrolment", tmp_path)
    assert yrdx("lookup", "enrolment", *person, *own).json["outcome"] == "FOUND"


def test_who_asked_about_a_person_is_found_by_number_alone(cities: tuple[Node, Node]) -> None:
    """At either city, by whoever knows the number; no log and no store holds it."""
    nantong, _ = cities
    ask(nantong, "coverage", *COVERAGE)
    for node in cities:
        found = log(node, "--person", WANG["person_number"])
        assert found
        assert {one["subject"] for one in found} == {found[0]["subject"]}
        assert log(node, "--person", "310101198002290023") == []
        assert log(node, "--since", "2099-01-01") == []
        assert str(WANG["person_number"]) not in node.log_text
    assert str(WANG["person_number"]).encode() not in nantong.home.store.read_bytes()


def test_the_number_may_come_from_standard_input(cities: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it is in no history of a shell."""
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{WANG['person_number']}\n"))
    answer = ask(cities[0], "coverage", "--person", "-", "--name", WANG["person_name"]).json
    assert (answer["outcome"], answer["covered"]) == ("FOUND", True)
    assert answer["insurance_types"] == ["INSURANCE_TYPE_EMPLOYEE", "INSURANCE_TYPE_LONG_TERM_CARE"]


def test_exit_codes_say_what_came_of_it(cities: tuple[Node, Node]) -> None:
    """Not found, ambiguous, not permitted, a mistake: each has its own."""
    nantong, _ = cities
    assert ask(nantong, "coverage", *COVERAGE[:2], "--name", "别人", code=NOT_FOUND).json == {"outcome": "NOT_FOUND"}
    person = ("--person", WANG["person_number"], "--name", WANG["person_name"])
    assert ask(nantong, "assessment", *person, code=AMBIGUOUS).json == {"outcome": "AMBIGUOUS"}
    assert ask(nantong, "coverage", *COVERAGE, purpose="curiosity", code=NOT_PERMITTED).reason == "PURPOSE_NOT_AGREED"
    assert ask(nantong, "coverage", *COVERAGE, agreement="x", code=NOT_PERMITTED).reason == "AGREEMENT_MISSING"
    wrong = ask(nantong, "coverage", "--person", "123", "--name", "x", code=USAGE)
    assert "person_number" in wrong.json["error"]["message"]
    assert "coverage" in yrdx("lookup", "coverrage", "--purpose", "x", "--home", nantong.path, code=USAGE).err
    assert "from_month" in ask(nantong, "contributions", "--with", "from_mnth=2", code=USAGE).json["error"]["message"]
    assert "310" in ask(nantong, "enrolment", "--with", "scheme=gold", code=USAGE).json["error"]["message"]


def test_a_file_is_asked_row_by_row(cities: tuple[Node, Node], tmp_path: Path) -> None:
    """In order, a line for each; a row that cannot be asked holds up no other, and the code says that some are open."""
    nantong, _ = cities
    file = tmp_path / "people.csv"
    rows = [("person_number", "person_name"), tuple(WANG.values()), ("123", "错号"), tuple(ZHANG.values())]
    rows += [tuple(WANG.values())] * 300
    file.write_text("".join(f"{','.join(map(str, row))}\n" for row in rows), encoding="utf-8-sig")

    ran = ask(nantong, "coverage", "--file", file, code=PARTIAL)

    answers = [json.loads(line) for line in ran.out.splitlines()]
    assert [one["row"] for one in answers] == list(range(2, 305))
    assert [one["outcome"] for one in answers[:3]] == ["FOUND", "USAGE", "NOT_FOUND"]
    assert "person_number" in answers[1]["message"]
    assert all(one["covered"] for one in answers[3:])
    right = ("--city", SHANGHAI.code, "--agreement", "L-care.coverage", "--purpose", "curiosity")
    table = yrdx("lookup", "coverage", "--file", file, *right, "--home", nantong.path, code=PARTIAL).out
    read = list(csv.DictReader(io.StringIO(table)))
    assert {one["outcome"] for one in read} == {"USAGE", "PURPOSE_NOT_AGREED"}
    assert list(read[0]) == ["row", "outcome", "covered", "insurance_types", "message"]


def test_a_file_without_the_columns_is_refused_whole(cities: tuple[Node, Node], tmp_path: Path) -> None:
    """Nothing is asked, and the message names the column."""
    file = tmp_path / "people.csv"
    file.write_text("person_number\n1\n", encoding="utf-8")
    before = len(log(cities[0]))
    assert "person_name" in ask(cities[0], "coverage", "--file", file, code=USAGE).json["error"]["message"]
    assert len(log(cities[0])) == before
    assert set(fields_of(QUESTIONS[0].request)) == {"person_number", "person_name", "scheme"}


@pytest.mark.long
@pytest.mark.timeout(300)
def test_what_was_answered_is_in_the_log_after_a_kill(cities: tuple[Node, Node]) -> None:
    """Kill -9 of both nodes right after the answer: both logs hold it. While one is away, clerks are told so."""
    nantong, shanghai = cities
    answered = start_yrdx(*_words(nantong))
    finish(answered)
    for node in cities:
        node.kill()
    shanghai.restart()
    nantong.restart()
    assert {log(node)[-1]["outcome"] for node in cities} == {"FOUND"}
    assert log(nantong)[-1]["request_id"] == log(shanghai)[-1]["request_id"]

    shanghai.kill()
    try:
        ran = ask(nantong, "coverage", *COVERAGE, code=UNAVAILABLE)
        assert ran.reason == "UNAVAILABLE"
        assert log(nantong)[-1]["outcome"] == "UNAVAILABLE"
    finally:
        shanghai.restart()
    assert ask(nantong, "coverage", *COVERAGE).json["outcome"] == "FOUND"


def _words(node: Node) -> list[object]:
    right = ("--city", SHANGHAI.code, "--agreement", "L-care.coverage", "--purpose", PURPOSE)
    return ["lookup", "coverage", *COVERAGE, *right, "--home", node.path, "--json"]


def test_the_log_only_grows_and_the_secret_is_its_owners_alone(cities: tuple[Node, Node]) -> None:
    """A question answered twice stands there twice; the secret under which people are kept is nobody else's."""
    nantong, _ = cities
    before = len(log(nantong))
    for _ in range(2):
        ask(nantong, "coverage", *COVERAGE)
    assert len(log(nantong)) == before + 2
    assert nantong.home.access_key.stat().st_mode & 0o777 == 0o600


def test_a_lookup_agreement_opens_no_stream(cities: tuple[Node, Node], tmp_path: Path) -> None:
    """Records are not sent by it, and its import says that it is about questions."""
    nantong, shanghai = cities
    file = tmp_path / "coverage.csv"
    file.write_bytes((resources.files("adapters") / "shanghai" / "samples" / "care_coverage.csv").read_bytes())
    to = ("--home", shanghai.path, "--to", NANTONG.code, "--dataset", "care.coverage", "--json")
    assert yrdx("sync", "run", file, *to, code=NOT_PERMITTED).reason == "AGREEMENT_MISSING"
    shown = yrdx("agreement", "show", "L-care.coverage", "--home", nantong.path, "--json").json
    assert shown[0]["mode"] == "lookup"
