from __future__ import annotations

import re
from pathlib import Path

from google.protobuf.message import DecodeError

from services.node.conformance.checks import ALL, GROUPS
from services.node.conformance.partner import Partner
from services.node.conformance.promises import Broken, Promise, Promises, Skipped, State
from services.node.conformance.run import ask
from tests.unit.services.node.conformance.cities import make_cities

ROOT = Path(__file__).parents[5]


def test_a_broken_promise_keeps_none_of_the_others_waiting(tmp_path: Path) -> None:
    """Each is asked, whatever became of the one before it; what cannot be read is a failure as well."""

    def kept(_: Partner) -> str:
        return "kept"

    def broken(_: Partner) -> str:
        raise Broken("what it did")

    def unreadable(_: Partner) -> str:
        raise DecodeError

    def skipped(_: Partner) -> str:
        raise Skipped("why not")

    promises = [Promise(check.__name__, "", "", "", check) for check in (kept, broken, unreadable, skipped, kept)]

    found = [(verdict.state, verdict.found) for verdict in ask(make_cities(tmp_path).partner, promises)]

    assert found[:2] == [(State.PASSED, "kept"), (State.FAILED, "what it did")]
    assert [state for state, _ in found[2:]] == [State.FAILED, State.SKIPPED, State.PASSED]


def test_every_promise_says_what_is_done_and_expected_by_which_clause() -> None:
    """Names are unique, texts are in both languages, and the clause is a heading or a word of the document."""
    document = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    names = [promise.name for promise in ALL]

    assert len(set(names)) == len(names)
    assert {promise.group for promise in ALL} == GROUPS.keys()
    for promise in ALL:
        assert re.search(r"[一-鿿].* · ", promise.done), promise.name
        assert promise.expected
        clauses = re.findall(r"“([^”]+)”", promise.clause)
        assert clauses, promise.name
        for clause in clauses:
            assert re.search(rf"^#+ {clause}$", document, re.MULTILINE), clause


def test_a_groups_promises_stand_under_its_name() -> None:
    """With the group's clause where none of its own is named."""
    promises = Promises("group", "“Deliver”")

    @promises.promise("one", "做 · do", "应 · expect")
    def _one(_: Partner) -> str:
        return ""

    promises.add("two", "做 · do", "应 · expect", _one, clause="“Limits”")

    assert [(one.name, one.group, one.clause) for one in promises] == [
        ("group.one", "group", "docs/protocol.md, “Deliver”"),
        ("group.two", "group", "docs/protocol.md, “Limits”"),
    ]
