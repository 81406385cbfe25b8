"""`yrdx bench report`: runs the plan and writes what was measured into a document.

Every number stands in a JSON file beside the document, as its bench wrote it; tables and picture are made from that
file, so that one bench may be run again alone. Text outside of the document's markers is a human's and stays.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from services.node.bench.machine import machine
from services.node.bench.pair import module
from services.node.bench.picture import draw
from services.node.bench.plan import Bar, Line, Part, Result
from services.node.exits import Mistake
from services.node.output import say

Measured = dict[str, Any]
"""What stands of one bench: "command", "date", "machine", "result"."""

_SECTION: Final = r"(<!-- bench:{name} -->\n).*?(<!-- /bench:{name} -->)"


def measure(plan: Sequence[Part], chosen: Sequence[Part], document: Path, *, long: bool, now: datetime) -> list[str]:
    """Run benches one after the other, each in a process of its own, and write the document after each.

    Args:
        plan: All benches that the document tells of.
        chosen: Those to run.
        document: Markdown with a pair of markers for each bench; ``.json`` and ``.svg`` beside it are written too.
        long: Take the long arguments.
        now: When it is.

    Returns:
        Names of benches that failed; what stood of them before stays.

    Raises:
        Mistake: The document lacks a marker.
    """
    _verify_markers(document, plan)
    numbers, failed = document.with_suffix(".json"), []
    measured: dict[str, Measured] = json.loads(numbers.read_text(encoding="utf-8")) if numbers.exists() else {}
    for place, part in enumerate(chosen, 1):
        arguments = ["bench", part.name, *(part.long_arguments if long else part.arguments), "--json"]
        say(f"[{place}/{len(chosen)}] yrdx {' '.join(arguments)}")
        run = subprocess.run(module("services.node.main", *arguments), stdout=subprocess.PIPE, check=False)
        if run.returncode:
            failed.append(part.name)
            continue
        result = json.loads(run.stdout)
        told = {"command": f"yrdx {' '.join(arguments)}", "date": f"{now:%Y-%m-%d}", "machine": machine()}
        measured[part.name] = {**told, "result": result}
        numbers.write_text(json.dumps(measured, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        write(plan, document, measured)
    return failed


def write(plan: Sequence[Part], document: Path, measured: Mapping[str, Measured]) -> None:
    """Write tables between the document's markers, and the picture beside it."""
    text = document.read_text(encoding="utf-8")
    bars: list[Bar] = []
    for part in plan:
        if part.name in measured:
            told = measured[part.name]
            bars += part.all_bars(told["result"])
            text = _replaced(text, part.name, section(part, told))
    document.write_text(text, encoding="utf-8")
    document.with_suffix(".svg").write_text(draw(bars), encoding="utf-8")


def section(part: Part, told: Measured) -> str:
    """Return one bench's generated text: where, how, and its table."""
    facts = ", ".join(f"{name} {value}" for name, value in told["machine"].items())
    result = told["result"]
    tables = []
    if part.lines:
        tables.append(_rates(part.lines, result))
    elif isinstance(result, list):
        tables.append(_table(list(result[0]), [list(one.values()) for one in result]))
    if isinstance(result, dict) and (rest := [name for name in result if name not in _shown(part)]):
        tables.append(_table(["", "measured"], [[name, result[name]] for name in rest]))
    if bars := part.all_bars(result):
        tables.append(_table(["asked", "at least", "measured", ""], [_verdict(bar) for bar in bars]))
    told_lines = [f"`{told['command']}`, {told['date']}. {facts}."]
    return "\n\n".join("\n".join(lines) for lines in (told_lines, *tables))


def _shown(part: Part) -> set[str]:
    return {name for line in part.lines for name in (line.rates, line.value)}


def _rates(lines: Sequence[Line], result: Result) -> list[str]:
    rows = []
    for line in lines:
        rates = result[line.rates]
        each = rates if isinstance(rates, list) else [rates]
        ratio = result[line.value] if line.value and line.value != line.rates else ""
        rows.append([line.what, " · ".join(map(_text, each)), ratio])
    return _table(["", "per second, each round", "ratio, median of the rounds"], rows)


def _verdict(bar: Bar) -> list[object]:
    return [bar.what, bar.asked, f"**{_text(bar.value)}**", "✓" if bar.value >= bar.asked else "falls short"]


def _table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    cells = [headers, ["---"] * len(headers), *([_text(cell) for cell in row] for row in rows)]
    return [f"| {' | '.join(row)} |" for row in cells]


def _text(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, int | float) else str(cell)


def _verify_markers(document: Path, plan: Sequence[Part]) -> None:
    text = document.read_text(encoding="utf-8")
    lacking = [part.name for part in plan if not re.search(_SECTION.format(name=part.name), text, re.DOTALL)]
    if lacking:
        marks = " ".join(f"<!-- bench:{name} --> <!-- /bench:{name} -->" for name in lacking)
        raise Mistake(f"{document} 缺少标记，请各占一行加入 · lacks markers, add each on a line of its own: {marks}")


def _replaced(text: str, name: str, generated: str) -> str:
    pattern = re.compile(_SECTION.format(name=name), re.DOTALL)
    return pattern.sub(lambda found: f"{found[1]}{generated}\n{found[2]}", text)
