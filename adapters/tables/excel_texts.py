"""Texts of a workbook: the shared ones, kept compactly, and how Excel escapes characters that XML cannot hold."""

from __future__ import annotations

import re
from array import array
from typing import Final

from adapters.tables.excel_package import Damaged, Package
from adapters.tables.excel_xml import Attributes, Elements

# Neither NUL nor halves of a surrogate pair nor FFFE and FFFF: they are no characters, and stay as they are written.
_ESCAPED: Final = re.compile(r"_x(?!0000|[Dd][89A-Fa-f]|[Ff]{3}[EeFf])([0-9A-Fa-f]{4})_")


def unescaped(text: str) -> str:
    """Undo ``_x000D_`` and the like (ECMA-376 part 1, 22.9.2.19, ST_Xstring)."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


class SharedTexts:
    """The texts that cells refer to by number: one block of UTF-8, and where each ends in it.

    A list of str would take about four times the memory of the part.

    Args:
        package: The workbook.
        part: Path of the part; None where the workbook has none.

    Raises:
        Damaged: The part is.
        TooLarge: It is over the limit.
    """

    def __init__(self, package: Package, part: str | None) -> None:
        self._block = bytearray()
        self._ends = array("I", [0])
        self._phonetic = False
        if part is None:
            return
        # How a text is pronounced (rPh) stands in its item too, and is no part of it.
        self._elements = Elements(
            {"rPh": self._start_phonetic}, {"rPh": self._end_phonetic, "t": self._end_text, "si": self._end_item}
        )
        with package.opened(part, package.limits.strings_bytes) as stream:
            self._elements.read(stream)

    def __getitem__(self, number: int) -> str:
        """Return a text.

        Raises:
            Damaged: There are not so many.
        """
        if not 0 <= number < len(self._ends) - 1:
            raise Damaged
        return unescaped(self._block[self._ends[number] : self._ends[number + 1]].decode())

    def _end_text(self) -> None:
        if not self._phonetic:
            self._block += "".join(self._elements.texts).encode()

    def _start_phonetic(self, _: Attributes) -> None:
        self._phonetic = True

    def _end_phonetic(self) -> None:
        self._phonetic = False

    def _end_item(self) -> None:
        self._ends.append(len(self._block))
