"""Cells that a spreadsheet would take for formulas, and the apostrophe that keeps it from running them."""

from __future__ import annotations

import re
from typing import Final

FORMULA_MARK: Final = "formula_mark"
"""Name of the normalisation: the apostrophe that an export put before a formula-like cell was dropped."""

# A cell of dashes alone is how people write "nothing", and no formula. Apostrophes before a formula-like cell count
# as part of it, so that marking and unmarking are exact inverses.
_FORMULA_LIKE: Final = re.compile(r"'*(?:[=+@\t\r]|-(?!-*\Z))")
_FIRST: Final = frozenset("'=+@\t\r-")


def marked(cell: str) -> str:
    """Put an apostrophe before a cell that a spreadsheet would run (CWE-1236); other cells stay as they are."""
    return f"'{cell}" if cell[:1] in _FIRST and _FORMULA_LIKE.match(cell) else cell


def unmarked(cell: str) -> str:
    """Take away what ``marked`` put before a cell; other cells stay as they are."""
    return cell[1:] if cell[:1] == "'" and _FORMULA_LIKE.match(cell, 1) else cell
