from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from xml.etree import ElementTree

import pytest

from services.node.bench.deliver import DeliverBench
from services.node.bench.lookup import LookupBench
from services.node.bench.nats import NatsBench
from services.node.bench.picture import draw
from services.node.bench.plan import PLAN, Bar, Line, Part
from services.node.bench.report import measure, section, write
from services.node.bench.stores import StoresBench
from services.node.bench.sync import SyncBench
from services.node.exits import Mistake
from services.node.system import SystemClock

RESULTS = {"deliver": DeliverBench, "nats": NatsBench, "lookup": LookupBench, "sync": SyncBench, "stores": StoresBench}
PART = Part("deliver", lines=(Line("floor", "floor_per_s"), Line("ours", "ours_per_s", "ratio", 0.3)))
TOLD = {
    "command": "yrdx bench deliver --json",
    "date": "2026-11-27",
    "machine": {"cores": "2"},
    "result": {"floor_per_s": [90_000, 91_000], "ours_per_s": [30_000, 31_000], "ratio": 0.336, "records": 1_000},
}


def test_every_line_of_the_plan_is_a_field_of_its_bench() -> None:
    """A name that no bench writes would end the report after minutes."""
    for part in PLAN:
        if part.lines:
            known = {field.name for field in fields(RESULTS[part.name])}
            assert {name for line in part.lines for name in (line.rates, line.value) if name} <= known


def test_a_section_tells_command_machine_rates_and_verdict() -> None:
    """Whoever reads a number sees how to measure it again, and what was asked."""
    text = section(PART, TOLD)
    assert text.startswith("`yrdx bench deliver --json`, 2026-11-27. cores 2.\n")
    assert "| ours | 30,000 · 31,000 | 0.336 |" in text
    assert "| records | 1,000 |" in text
    assert "| ours | 0.3 | **0.336** | ✓ |" in text


def test_what_falls_short_is_said() -> None:
    """In words, not by its absence."""
    result = {**TOLD["result"], "ratio": 0.29}  # type: ignore[dict-item]
    assert "| ours | 0.3 | **0.29** | falls short |" in section(PART, {**TOLD, "result": result})


def test_rows_are_told_as_a_table() -> None:
    """A bench that measures many things writes a list."""
    text = section(Part("mapping"), {**TOLD, "result": [{"dataset": "a", "rows": 10}, {"dataset": "b", "rows": 2_000}]})
    assert "| dataset | rows |\n| --- | --- |\n| a | 10 |\n| b | 2,000 |" in text


def test_only_the_text_between_markers_changes(tmp_path: Path) -> None:
    """And written twice it is the same."""
    document = tmp_path / "benchmarks.md"
    document.write_text("Before \\1.\n<!-- bench:deliver -->\nold\n<!-- /bench:deliver -->\nAfter.\n", encoding="utf-8")
    write([PART], document, {"deliver": TOLD})
    once = document.read_text(encoding="utf-8")
    write([PART], document, {"deliver": TOLD})
    assert document.read_text(encoding="utf-8") == once
    assert once.startswith("Before \\1.\n<!-- bench:deliver -->\n`yrdx")
    assert once.endswith("\n<!-- /bench:deliver -->\nAfter.\n")
    assert "old" not in once


def test_a_document_without_a_marker_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    """The message says what to add."""
    document = tmp_path / "benchmarks.md"
    document.write_text("# Benchmarks\n", encoding="utf-8")
    with pytest.raises(Mistake, match="<!-- bench:deliver -->"):
        measure([PART], [PART], document, long=False, now=SystemClock().now())


def test_the_picture_is_an_svg_with_a_bar_for_each_number() -> None:
    """Green from the line on, red before it; what is far beyond ends at the right."""
    root = ElementTree.fromstring(draw([Bar("甲 a < b", 0.5, 0.5), Bar("乙 b", 1.0, 2.0), Bar("丙 c", 900.0, 2.0)]))
    bars = [one for one in root if one.tag.endswith("rect") and one.get("rx")]
    assert [one.get("fill") for one in bars] == ["#2c7a4b", "#b4543f", "#2c7a4b"]
    widths = [float(one.attrib["width"]) for one in bars]
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.2)
    assert widths[2] == pytest.approx(2 * widths[0], abs=0.2)
    assert any("甲 a < b" in (one.text or "") for one in root)
