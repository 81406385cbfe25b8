"""Two real nodes of which one runs another version of a standard."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Final

import pytest

from services.node.session import open_session
from tests.integration.support.commands import yrdx
from tests.integration.support.nodes import NANTONG, SHANGHAI, Node, agreement, introduce, make_node, outbound_name
from tests.integration.support.records import DATASET, messages, record_body
from tests.integration.support.variants import software, with_addition, with_another_major
from tests.integration.support.waiting import until
from yrdx.node.v1 import node_pb2
from yrdx.types.v1 import types_pb2

STREAM: Final = outbound_name(NANTONG.code, SHANGHAI.code)
OTHER: Final = "social.certification"
SUBSIDY: Final = b"\xb8\x01\x2a"
"""Field 23 of the addition, 42 fen."""


def records(count: int, *, seed: int, added: bytes = b"", **changes: Any) -> list[bytes]:
    """Invent record bodies; ``changes`` replace fields of the messages, ``added`` stands behind each."""
    made = []
    for message in messages(count, seed=seed):
        for name, value in changes.items():
            setattr(message, name, value)
        body = record_body(message)
        body.message.value += added
        made.append(body.SerializeToString())
    return made


def submit(node: Node, source: str, bodies: Sequence[bytes]) -> int:
    """Submit records and return how many this side refused."""
    opening = node_pb2.SubmitRequest.Opening(to_city=SHANGHAI.code, dataset=DATASET, source=source)
    rows = [node_pb2.SubmitRequest.Record(position=place, body=body) for place, body in enumerate(bodies, 1)]
    chunk = node_pb2.SubmitRequest.Chunk(upto_position=len(rows), records=rows)
    requests = [node_pb2.SubmitRequest(opening=opening), node_pb2.SubmitRequest(chunk=chunk)]
    with open_session(node.path) as session:
        answers = list(session.stub.Submit(iter(requests)))
    return sum(len(answer.submitted.rejections) for answer in answers)


def watched(node: Node) -> list[bytes]:
    """Return the messages that a watcher of Shanghai's is handed."""
    request = node_pb2.WatchInboxRequest(dataset=DATASET)
    with open_session(node.path) as session:
        entries = [entry for page in session.stub.WatchInbox(request) for entry in page.entries]
    return [types_pb2.RecordBody.FromString(entry.body).message.value for entry in entries]


def checks(node: Node, partner: str, *, code: int) -> dict[str, dict[str, str]]:
    """Return what the doctor says about a partner, by check."""
    found = yrdx("doctor", "--home", node.path, "--partner", partner, "--json", code=code).json
    return {check["check"]: check for check in found["checks"]}


@pytest.fixture
def cities(tmp_path: Path) -> Any:
    """Nantong and Shanghai know each other and agree on contributions up to 1.1, and on another dataset."""
    nantong, shanghai = make_node(tmp_path, NANTONG), make_node(tmp_path, SHANGHAI)
    agreed = [
        agreement(NANTONG.code, SHANGHAI.code, standard="1.1"),
        agreement(NANTONG.code, SHANGHAI.code, OTHER),
    ]
    introduce(nantong, shanghai, agreed)
    introduce(shanghai, nantong, agreed)
    yield nantong, shanghai
    for node in (nantong, shanghai):
        node.stop()


@pytest.mark.timeout(240)
def test_an_addition_is_kept_until_its_receiver_is_upgraded(cities: tuple[Node, Node], tmp_path: Path) -> None:
    """Nantong knows 1.1, Shanghai 1: accepted as they came, held, counted; upgraded, they are validated and read."""
    nantong, shanghai = cities
    newer = with_addition(tmp_path / "newer")
    with software(newer):
        nantong.start()
    shanghai.start()
    plain, added = records(2, seed=1), records(2, seed=2, added=SUBSIDY)
    unsaid = records(1, seed=3, added=SUBSIDY, sex=types_pb2.SEX_NOT_STATED)  # Shanghai's form has no code for it
    assert submit(nantong, "a", [*plain, *added, *unsaid]) == 0

    settled = nantong.until_settled(STREAM)
    assert (settled["acknowledged"], settled["rejected"]) == (5, 0)
    standing = shanghai.stream(STREAM, "inbound")
    assert (standing["accepted"], standing["held"]) == (5, 5)
    assert "held for standard 1.1, this node has 1" in standing["standard_problem"]
    assert watched(shanghai) == []
    found = checks(shanghai, NANTONG.code, code=0)
    assert found[f"streams.{STREAM}"]["state"] == "warning"
    assert yrdx("partner", "ping", NANTONG.code, "--home", shanghai.path, "--json").json["incompatibilities"] == []

    shanghai.stop()
    with software(newer):
        shanghai.start()
    until("the held records are released", lambda: shanghai.stream(STREAM, "inbound")["held"] == 0)
    contents = watched(shanghai)
    assert [content[-len(SUBSIDY) :] == SUBSIDY for content in contents] == [False, False, True, True]
    (one,) = yrdx("rejections", "ls", "--home", shanghai.path, "--json").json
    assert (one["rejected_by"], one["row"]) == ("local", 5)
    assert one["rule"].startswith("dialect.")

    assert submit(nantong, "b", records(1, seed=4, added=SUBSIDY)) == 0
    nantong.until_settled(STREAM)
    assert len(watched(shanghai)) == 5
    assert shanghai.stream(STREAM, "inbound")["standard_problem"] == ""


@pytest.mark.timeout(240)
def test_under_an_older_agreement_nothing_newer_is_sent(tmp_path: Path) -> None:
    """A city that knows 1.1 refuses the added field itself where 1 was agreed; the rest goes and is read at once."""
    nantong, shanghai = make_node(tmp_path, NANTONG), make_node(tmp_path, SHANGHAI)
    agreed = [agreement(NANTONG.code, SHANGHAI.code)]
    introduce(nantong, shanghai, agreed)
    introduce(shanghai, nantong, agreed)
    try:
        with software(with_addition(tmp_path / "newer")):
            nantong.start()
        shanghai.start()
        assert submit(nantong, "a", [*records(1, seed=1), *records(1, seed=2, added=SUBSIDY)]) == 1
        nantong.until_settled(STREAM)
        assert len(watched(shanghai)) == 1
        listed = yrdx("rejections", "ls", "--home", nantong.path, "--json").out
        assert "record.newer_field" in listed
        assert "subsidy_fen" in listed
    finally:
        nantong.stop()
        shanghai.stop()


@pytest.mark.timeout(240)
def test_another_major_version_keeps_one_stream_waiting_and_no_other(cities: tuple[Node, Node], tmp_path: Path) -> None:
    """Both sides name both versions; the other dataset flows; what waited flows once the versions fit again."""
    nantong, shanghai = cities
    nantong.start()
    with software(with_another_major(tmp_path / "another")):
        shanghai.start()
    submit(nantong, "a", records(2, seed=1))

    def refused() -> str | None:
        told = str(nantong.stream(STREAM, "outbound").get("last_error", ""))
        return told if "STANDARD_INCOMPATIBLE" in told else None

    told = until("the stream waits for a common version", refused)
    assert "this city has 1, 310000 has 2" in told
    assert shanghai.stream(STREAM, "inbound") == {}, "it was never opened"
    for node, partner, ours, theirs in ((nantong, SHANGHAI, ["1"], ["2"]), (shanghai, NANTONG, ["2"], ["1"])):
        pinged = yrdx("partner", "ping", partner.code, "--home", node.path, "--json").json
        (apart,) = pinged["incompatibilities"]
        assert (apart["stream"], apart["own_standards"], apart["partner_standards"]) == (STREAM, ours, theirs)
        found = checks(node, partner.code, code=7)[f"standards.{STREAM}"]
        assert found["state"] == "failed"
        assert all(f"has {one}" in found["found"] for one in (*ours, *theirs))

    rows = resources.files("adapters") / NANTONG.dialect / "samples" / "social_certification.csv"
    file = tmp_path / "certifications.csv"
    file.write_bytes(rows.read_bytes())
    yrdx("sync", "run", file, "--home", nantong.path, "--to", SHANGHAI.code, "--dataset", OTHER, code=(0, 3))
    other = nantong.until_settled(STREAM.replace(DATASET, OTHER))
    assert other["acknowledged"] > 0

    shanghai.stop()
    shanghai.start()
    settled = nantong.until_settled(STREAM)
    assert settled["acknowledged"] == 2
    assert len(watched(shanghai)) == 2
