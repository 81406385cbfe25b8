"""`yrdx sync run` between two serving nodes: its report, its exit code, and that nothing is sent twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from adapters.tables import REASON_COLUMNS
from tests.integration.support.commands import sync, yrdx
from tests.integration.support.nodes import DATASET, NANTONG, SHANGHAI, Node, outbound_name
from tests.integration.support.pairs import Pair
from tests.integration.support.proof import prove_receipts, receipts
from tests.integration.support.records import standard_records
from tests.integration.support.sheets import Sheet, with_rows
from tests.integration.support.waiting import until
from tests.integration.sync.files import Arrivals, counts_in, counts_of, local_sample, local_sheet, planted, samples

OUTBOUND: Final = outbound_name(NANTONG.code, SHANGHAI.code)
REPORT: Final = {
    *("read", "mapped", "rejected_local", "duplicates_in_file", "submitted", "acknowledged", "rejected_partner"),
    *("pending", "rejects_file", "elapsed_s"),
}
"""What every report holds; further fields may stand beside them."""
UNAVAILABLE: Final = 6


def send(pair: Pair, file: Path, *more: object, code: int = 0) -> dict[str, Any]:
    """Sync a file of Nantong's, which must end with a code, and return the report."""
    report: dict[str, Any] = sync(pair.nantong.path, file, SHANGHAI.code, *more, code=code).json
    return report


def outbox(node: Node) -> dict[str, Any]:
    """Return what ``yrdx outbox ls --json`` says of Nantong's stream."""
    streams = yrdx("outbox", "ls", "--home", node.path, "--json").json
    return next((dict(stream) for stream in streams if stream["stream"] == OUTBOUND), {})


def rejected_rows(report: dict[str, Any], dialect: str = NANTONG.dialect) -> list[dict[str, str]]:
    """Return the rows of a report's rejects file."""
    return Sheet.read(Path(report["rejects_file"]), dialect).by_name()


@pytest.mark.parametrize("sender", [NANTONG, SHANGHAI], ids=lambda city: city.code)
def test_the_report_says_what_became_of_every_row(pair: Pair, tmp_path: Path, sender: Any) -> None:
    """The counts are those of the planted rows, they balance, and rejected rows end with 3."""
    to_shanghai = sender is NANTONG
    file = samples(tmp_path, people=300, bad_rows=24)[0 if to_shanghai else 1]
    node, to_city = (pair.nantong, SHANGHAI.code) if to_shanghai else (pair.shanghai, NANTONG.code)

    report = sync(node.path, file.path, to_city, code=3).json

    assert report.keys() >= REPORT
    assert counts_in(report) == counts_of(file)
    assert report["elapsed_s"] > 0
    rejected = [*planted(file, "local"), *planted(file, "partner")]
    found = rejected_rows(report, file.dialect)
    assert sorted(int(row[REASON_COLUMNS[0]]) for row in found) == sorted(row.row for row in rejected)
    assert all(row[REASON_COLUMNS[2]] and row[REASON_COLUMNS[3]] for row in found)


def test_a_file_without_a_bad_row_ends_with_0(pair: Pair, tmp_path: Path) -> None:
    """There is no rejects file then."""
    file = local_sample(tmp_path, people=50)

    report = send(pair, file.path)

    assert counts_in(report) == counts_of(file)
    assert report["rejects_file"] is None


def test_the_same_file_again_is_a_no_op_with_the_same_report(pair: Pair, tmp_path: Path) -> None:
    """Whatever its name: nothing is submitted, nothing arrives, and the report tells the file as it stands."""
    file = local_sample(tmp_path, people=200, bad_rows=20)
    first = send(pair, file.path, code=3)
    new, standing = Arrivals(pair.shanghai, NANTONG.code), outbox(pair.nantong)
    renamed = tmp_path / "by-another-name.csv"
    renamed.write_bytes(file.path.read_bytes())

    for path in (file.path, renamed):
        report = send(pair, path, code=3)
        assert counts_in(report) == counts_in(first)
        assert report["source"] == first["source"]
        assert report["already_submitted"] == file.rows + 1
        assert rejected_rows(report) == rejected_rows(first)
    assert (outbox(pair.nantong), new.count()) == (standing, 0)


def test_again_sends_the_file_as_new_records(pair: Pair, tmp_path: Path) -> None:
    """The inbox keeps both, the present state is one record a key, and the report is the new run's alone."""
    file = local_sample(tmp_path, people=60)
    first = send(pair, file.path)
    new, present = Arrivals(pair.shanghai, NANTONG.code), present_rows(pair, tmp_path)

    again = send(pair, file.path, "--again")

    assert counts_in(again) == counts_in(first)
    assert again["source"] != first["source"]
    assert new.records() == standard_records(file)
    assert present_rows(pair, tmp_path) == present
    assert send(pair, file.path)["source"] == again["source"]


def test_without_waiting_the_command_ends_once_rows_are_submitted(pair: Pair, tmp_path: Path) -> None:
    """Exit code 0 although the partner cannot be reached; the node sends them as soon as it can."""
    file = local_sample(tmp_path, people=40)
    with unreachable(pair):
        report = send(pair, file.path, "--no-wait")
        assert report["pending"] == report["submitted"] == file.rows
    pair.nantong.until_settled(OUTBOUND)
    assert send(pair, file.path)["acknowledged"] == file.rows


@contextmanager
def unreachable(pair: Pair) -> Iterator[None]:
    """Shanghai's node runs, and no connection to it comes about."""
    pair.to_shanghai.part()
    try:
        yield
    finally:
        pair.to_shanghai.heal()


@contextmanager
def down(pair: Pair) -> Iterator[None]:
    """Shanghai's node does not run."""
    pair.shanghai.stop()
    try:
        yield
    finally:
        pair.shanghai.start()


@contextmanager
def paused_here(pair: Pair) -> Iterator[None]:
    """Nantong's operator paused Shanghai."""
    yrdx("partner", "pause", SHANGHAI.code, "--home", pair.nantong.path, "--reason", "test")
    try:
        yield
    finally:
        yrdx("partner", "resume", SHANGHAI.code, "--home", pair.nantong.path)


@contextmanager
def paused_there(pair: Pair) -> Iterator[None]:
    """Shanghai's operator paused Nantong, whose session stands open."""
    yrdx("partner", "pause", NANTONG.code, "--home", pair.shanghai.path, "--reason", "test")
    try:
        yield
    finally:
        yrdx("partner", "resume", NANTONG.code, "--home", pair.shanghai.path)


@contextmanager
def not_served(pair: Pair) -> Iterator[None]:
    """Nantong's own node does not run: the command works on the store itself."""
    pair.nantong.stop()
    try:
        yield
    finally:
        pair.nantong.start()


@pytest.mark.parametrize("away", [unreachable, down, paused_here, paused_there, not_served])
def test_pending_rows_end_with_6_and_go_on_by_themselves(pair: Pair, tmp_path: Path, away: Any) -> None:
    """After the wait the rows stand in the outbox, which says how many and how old; then they arrive without a hand."""
    file = local_sample(tmp_path, people=40)
    new = Arrivals(pair.shanghai, NANTONG.code)
    with away(pair):
        report = send(pair, file.path, "--wait", "1s", code=UNAVAILABLE)
        standing = outbox(pair.nantong)
    assert counts_in(report) == counts_of(file) | {"acknowledged": 0, "pending": file.rows}
    assert standing["pending"] == file.rows
    assert standing["oldest_age_s"] > 0

    settled = pair.nantong.until_settled(OUTBOUND)

    assert settled["oldest_age_s"] == 0.0
    assert new.records() == standard_records(file)
    assert counts_in(send(pair, file.path)) == counts_of(file)


def test_the_outbox_says_why_records_wait(pair: Pair, tmp_path: Path) -> None:
    """A partner that cannot be reached stands in ``last_error``, one that was paused in the state."""
    file = local_sample(tmp_path, people=5)
    with unreachable(pair):
        waiting = send(pair, file.path, "--wait", "1s", code=UNAVAILABLE)
        standing = outbox(pair.nantong)
        assert (standing["state"], standing["last_error"][:13]) == ("OPEN", "[UNAVAILABLE]")
        assert waiting["state_reason"].startswith("[UNAVAILABLE]")
        with paused_here(pair):
            until("the pause is seen", lambda: outbox(pair.nantong)["state"] == "PAUSED")
            waiting = send(pair, file.path, "--wait", "1s", code=UNAVAILABLE)
            assert waiting["state"] == "PAUSED"
            assert "yrdx partner resume" in waiting["state_reason"]
    pair.nantong.until_settled(OUTBOUND)
    assert outbox(pair.nantong)["last_error"] == ""


def test_the_outbox_counts_what_was_answered(pair: Pair, tmp_path: Path) -> None:
    """``outbox ls --json`` holds the stream's sums, and they move by exactly what a file adds."""
    send(pair, local_sample(tmp_path, people=5).path)
    before = outbox(pair.nantong)
    file = local_sample(tmp_path, people=200, bad_rows=20)
    report = send(pair, file.path, code=3)

    after = outbox(pair.nantong)

    assert after.keys() >= {"stream", "submitted", "acknowledged", "rejected", "pending", "oldest_age_s", "state"}
    for name, added in (("submitted", "submitted"), ("acknowledged", "acknowledged"), ("rejected", "rejected_partner")):
        assert after[name] - before[name] == report[added]
    assert (after["pending"], after["oldest_age_s"], after["state"]) == (0, 0.0, "OPEN")
    assert after["submitted"] == after["acknowledged"] + after["rejected"] + after["pending"]


def test_receipts_cover_what_was_sent(pair: Pair, tmp_path: Path) -> None:
    """Both cities list the same signed receipts, which follow one another and count every record."""
    file = local_sample(tmp_path, people=200, bad_rows=20)
    send(pair, file.path, code=3)

    prove_receipts(pair.nantong, pair.shanghai)

    listed, standing = receipts(pair.nantong, OUTBOUND), outbox(pair.nantong)
    assert sum(receipt["accepted"] for receipt in listed) == standing["acknowledged"]
    assert sum(receipt["rejected"] for receipt in listed) == standing["rejected"]
    assert listed[-1]["last_sequence"] == standing["watermark"]
    assert all(receipt["signature_base64"] and receipt["content_base64"] for receipt in listed)


def test_the_same_row_twice_counts_once(pair: Pair, tmp_path: Path) -> None:
    """Three times as well: one record arrives, nothing is rejected."""
    sheet = local_sheet(tmp_path, people=4)
    a, b, c, d = sheet.rows
    file = with_rows(sheet, [a, b, a, c, a, d, b]).write(tmp_path / "repeated.csv")
    new = Arrivals(pair.shanghai, NANTONG.code)

    report = send(pair, file)

    assert (report["read"], report["mapped"], report["duplicates_in_file"]) == (7, 4, 3)
    assert new.count() == 4


def test_the_same_key_with_other_content_rejects_every_such_row(pair: Pair, tmp_path: Path) -> None:
    """Each of them stands in the rejects file with its cells, and its reason names another of them."""
    sheet = local_sheet(tmp_path, people=3)
    a, b, c = sheet.rows
    changed = [sheet.with_cell(2, "AAC003", name) for name in ("王改", "李改")]
    file = with_rows(sheet, [a, b, changed[0], c, changed[1], a]).write(tmp_path / "contradicting.csv")

    report = send(pair, file, code=3)

    assert (report["rejected_local"], report["duplicates_in_file"], report["acknowledged"]) == (4, 0, 2)
    number, _, rule, reason, *_ = REASON_COLUMNS
    found = {int(row[number]): row for row in rejected_rows(report)}
    assert sorted(found) == [2, 4, 6, 7]
    for row, told in found.items():
        assert told[rule] == "file.key_conflict"
        assert any(f" {other} " in told[reason] for other in found if other != row)
    assert [found[row]["AAC003"] for row in (4, 6)] == ["王改", "李改"]


def test_rows_that_the_partner_rejects_are_listed_with_file_and_row(pair: Pair, tmp_path: Path) -> None:
    """``rejections ls --json`` names file, row, field, rule and reason, and never the value."""
    file = local_sample(tmp_path, people=200, bad_rows=20)
    report = send(pair, file.path, code=3)

    listed = yrdx("rejections", "ls", "--home", pair.nantong.path, "--json").json

    mine = {one["row"]: one for one in listed if (one["source"], one["rejected_by"]) == (report["source"], "partner")}
    by_partner = {row.row: row for row in planted(file, "partner")}
    assert mine.keys() == by_partner.keys() != set()
    for row, one in mine.items():
        assert (one["file"], one["stream"]) == (file.path.name, OUTBOUND)
        assert one["rule"] == f"dialect.{by_partner[row].rule}"
        assert one["field"]
        assert one["reason"]
    told = {int(row[REASON_COLUMNS[0]]): row for row in rejected_rows(report)}
    assert {told[row][REASON_COLUMNS[1]] for row in by_partner} == {row.column for row in by_partner.values()}


def test_a_mended_rejects_file_is_a_file(pair: Pair, tmp_path: Path) -> None:
    """A clerk mends a row in the rejects file and sends just that file: the row arrives."""
    sheet = local_sheet(tmp_path, people=3)
    good = sheet.column("AAE140")[1]
    sheet.rows[1] = sheet.with_cell(3, "AAE140", "999")
    report = send(pair, sheet.write(tmp_path / "wrong.csv"), code=3)
    new = Arrivals(pair.shanghai, NANTONG.code)
    rejects = Sheet.read(Path(report["rejects_file"]), sheet.dialect)
    mended = with_rows(rejects, [rejects.with_cell(2, "AAE140", good)]).write(tmp_path / "mended.csv")

    assert send(pair, mended)["acknowledged"] == 1
    assert new.count() == 1


def test_everything_arrives_as_the_standard_says_it(pair: Pair, tmp_path: Path) -> None:
    """What the export holds of a file is what its rows mean, and nothing else is added by a second run."""
    file = local_sample(tmp_path, people=100, bad_rows=20)
    new = Arrivals(pair.shanghai, NANTONG.code)
    for _ in range(2):
        send(pair, file.path, code=3)

    assert new.records() == standard_records(file)


def test_the_inbox_counts_what_was_taken(pair: Pair, tmp_path: Path) -> None:
    """``inbox ls --json`` holds the other end's sums."""
    send(pair, local_sample(tmp_path, people=200, bad_rows=20).path, code=3)

    (found,) = yrdx("inbox", "ls", "--home", pair.shanghai.path, "--json").json

    sent = outbox(pair.nantong)
    assert (found["stream"], found["watermark"]) == (OUTBOUND, sent["watermark"])
    assert [found[name] for name in ("received", "accepted", "rejected")] == [
        sent[name] for name in ("submitted", "acknowledged", "rejected")
    ]


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (["--to", "330100"], 5, "AGREEMENT_MISSING"),
        (["--dataset", "social.unknown"], 1, "MAPPING_INVALID"),
        (["--wait", "soon"], 2, "USAGE"),
        (["--home", "nowhere"], 4, "HOME_MISSING"),
    ],
)
def test_a_mistake_in_the_command_sends_nothing(
    pair: Pair, tmp_path: Path, words: list[str], code: int, reason: str
) -> None:
    """A city without an agreement, an unknown dataset, a wait that is none, a home that is none."""
    file = local_sample(tmp_path, people=5)
    before = outbox(pair.nantong)

    told = sync(pair.nantong.path, file.path, SHANGHAI.code, *words, code=code)

    assert told.reason == reason
    assert outbox(pair.nantong) == before


def test_a_ping_names_what_the_partner_agreed_to(pair: Pair) -> None:
    """``partner ping --json`` holds both directions as the other end knows them."""
    told = yrdx("partner", "ping", SHANGHAI.code, "--home", pair.nantong.path, "--json").json

    assert told["city"] == SHANGHAI.code
    directions = {(one["provider"], one["consumer"], one["dataset"]) for one in told["agreements"]}
    assert directions == {(NANTONG.code, SHANGHAI.code, DATASET), (SHANGHAI.code, NANTONG.code, DATASET)}


def present_rows(pair: Pair, folder: Path) -> int:
    """Return how many rows Shanghai's export has: one for each subject."""
    path = folder / "present.csv"
    told = yrdx("inbox", "export", "--home", pair.shanghai.path, "--dataset", DATASET, "-o", path, "--json")
    return int(told.json["rows"])
