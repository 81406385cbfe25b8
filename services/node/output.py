"""What the command line writes: JSON for programs on stdout, tables and plain words for people.

Tables go to stdout: by rich on a terminal, as aligned text into a pipe. Words about what was done go to stderr, so that
stdout holds results alone. Texts from outside (file names, a partner's reasons) never reach a terminal raw.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Final

ROWS_FOR_PEOPLE_MAX: Final = 1_000
"""Nobody reads more; ``--json`` returns everything."""

Cell = str | int | float | None


def say(text: str) -> None:
    """Write one line for people."""
    print(printable(text), file=sys.stderr, flush=True)


def print_result(text: str) -> None:
    """Write one result as plain text, for people and pipes alike."""
    print(printable(text), flush=True)


def print_json(value: object) -> None:
    """Write one JSON value on one line, in ASCII: the same bytes whatever the terminal's encoding."""
    print(json.dumps(value, allow_nan=False), flush=True)


def print_json_array(values: Iterable[object]) -> None:
    """Write a JSON array, one element a line, while the elements come."""
    separator = "["
    for value in values:
        print(separator + json.dumps(value, allow_nan=False), end="")
        separator = ",\n"
    print("]" if separator != "[" else "[]", flush=True)


def print_fields(fields: Mapping[str, Cell]) -> None:
    """Write one thing for people, a field a line."""
    width = max(_width(name) for name in fields)
    for name, value in fields.items():
        print(f"{name}{' ' * (width - _width(name))}  {cell_text(value)}")


def print_table(headers: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Write a table for people, at most `ROWS_FOR_PEOPLE_MAX` rows.

    Args:
        headers: Column titles.
        rows: Rows as long as the headers; numbers stand to the right.
    """
    source = iter(rows)
    shown = list(islice(source, ROWS_FOR_PEOPLE_MAX))
    if sys.stdout.isatty():
        _print_rich(headers, shown)
    else:
        print(plain_table(headers, shown), flush=True)
    if not shown:
        say("没有内容 · nothing to list")
    if next(source, None) is not None:
        say(f"只显示前 {ROWS_FOR_PEOPLE_MAX} 行，全部请用 --json · only the first rows; --json returns all")


def plain_table(headers: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Return a table as lines of aligned columns, two blanks between them."""
    cells = [list(headers), *([cell_text(cell) for cell in row] for row in rows)]
    widths = [max(_width(text) for text in column) for column in zip(*cells, strict=True)]
    right = [_is_numeric(column) for column in zip(*rows, strict=True)] or [False] * len(widths)
    return "\n".join(_line(row, widths, right) for row in cells)


def cell_text(cell: Cell) -> str:
    """Return a cell as text: numbers with thousands separated, nothing as a dash."""
    match cell:
        case None | "":
            return "-"
        case int():
            return f"{cell:,}"
        case float():
            return f"{cell:,.1f}"
        case _:
            return printable(cell)


def printable(text: str) -> str:
    """Return a text without characters that steer a terminal or hide others (C0, C1, bidirectional marks)."""
    return "".join(c if c in "\n\t" or unicodedata.category(c)[0] != "C" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _print_rich(headers: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    right = [_is_numeric(column) for column in zip(*rows, strict=True)] or [False] * len(headers)
    table = Table(box=box.SIMPLE_HEAD)
    for header, is_right in zip(headers, right, strict=True):
        table.add_column(header, justify="right" if is_right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell_text(cell)) for cell in row))  # Text: brackets in a reason are no markup
    Console().print(table)


def _is_numeric(column: Sequence[Cell]) -> bool:
    return any(isinstance(cell, int | float) for cell in column)


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = (
        " " * (width - _width(text)) + text if is_right else text + " " * (width - _width(text))
        for text, width, is_right in zip(row, widths, right, strict=True)
    )
    return "  ".join(padded).rstrip()


def _width(text: str) -> int:
    """Columns a text takes: wide and full-width characters take two (UAX 11), combining ones none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
