"""What a CSV file of a dialect looks like, and cells that a spreadsheet would take for formulas."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

REASON_COLUMNS: Final = ("行号", "列", "规则", "拒绝原因")
"""What a rejects file has beside the source's own columns; a source ignores them, so a mended file reads as it is."""

FORMULA_MARK: Final = "formula_mark"
"""Name of the normalisation: the apostrophe that an export put before a formula-like cell was dropped."""

# A cell of dashes alone is how people write "nothing", and no formula. Apostrophes before a formula-like cell count
# as part of it, so that marking and unmarking are exact inverses.
_FORMULA_LIKE: Final = re.compile(r"'*(?:[=+@\t\r]|-(?!-*\Z))")
_FIRST: Final = frozenset("'=+@\t\r-")


@dataclass(frozen=True, slots=True)
class CsvLayout:
    """The shape of a CSV file (RFC 4180).

    Attributes:
        columns: Names in the header, in the order in which rows are handed over.
        encoding: "gb18030", "utf-8", or "utf-8-sig" for UTF-8 with a byte order mark.
        delimiter: Between cells, one ASCII character.
        line_end: "CRLF" or "LF"; both are read, this one is written.
    """

    columns: tuple[str, ...]
    encoding: str
    delimiter: str = ","
    line_end: str = "CRLF"

    @property
    def codec(self) -> str:
        """The codec of a single line; the byte order mark is the file's affair."""
        return "utf-8" if self.encoding == "utf-8-sig" else self.encoding


def marked(cell: str) -> str:
    """Put an apostrophe before a cell that a spreadsheet would run (CWE-1236); other cells stay as they are."""
    return f"'{cell}" if cell[:1] in _FIRST and _FORMULA_LIKE.match(cell) else cell


def unmarked(cell: str) -> str:
    """Take away what ``marked`` put before a cell; other cells stay as they are."""
    return cell[1:] if cell[:1] == "'" and _FORMULA_LIKE.match(cell, 1) else cell
