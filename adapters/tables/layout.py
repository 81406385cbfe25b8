"""What the tables of a dialect look like, one declaration for every kind of file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from adapters.frames.card_rows import Card
from adapters.frames.rows import FrameContext

REFERENCE_COLUMN: Final = "编号"
"""Number of the rejection: by it a mended row names what it mends."""
REASON_COLUMNS: Final = ("行号", "列", "规则", "拒绝原因", REFERENCE_COLUMN)
"""What a rejects file has beside the source's own columns; a source ignores them, so a mended file reads as it is."""


@dataclass(frozen=True, slots=True)
class TableLayout:
    """The shape of a dialect's tables.

    Attributes:
        columns: Names in the header, in the order in which rows are handed over.
        encoding: Of CSV (RFC 4180): "gb18030", "utf-8", or "utf-8-sig" for UTF-8 with a byte order mark.
        delimiter: Between cells of CSV, one ASCII character.
        line_end: Of CSV: "CRLF" or "LF"; both are read, this one is written.
        sheet: Of Excel: the sheet's name; empty for the first one.
        widths_bytes: Of fixed width: bytes of each column in their encoding; empty where the dialect has no such files.
        fixed_encoding: Of fixed width.
        dbf_encoding: Of text in DBF.
        frames: What frames of vehicles do not say; None where nobody said it.
        card: What the records of a card do not say; None where nobody said it.
    """

    columns: tuple[str, ...]
    encoding: str = "gb18030"
    delimiter: str = ","
    line_end: str = "CRLF"
    sheet: str = ""
    widths_bytes: tuple[int, ...] = ()
    fixed_encoding: str = "gb18030"
    dbf_encoding: str = "gb18030"
    frames: FrameContext | None = None
    card: Card | None = None

    @property
    def codec(self) -> str:
        """The codec of a single line of CSV; the byte order mark is the file's affair."""
        return "utf-8" if self.encoding == "utf-8-sig" else self.encoding


CsvLayout = TableLayout
"""The same, for those who know CSV alone."""
