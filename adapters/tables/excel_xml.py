"""XML as workbooks hold it: elements by local name, in bounded memory whatever a part holds.

Namespaces are not looked at: Excel, WPS and the strict variant of ECMA-376 have different ones for the same names.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias, TypeVar
from xml.parsers import expat

from adapters.tables.excel_package import Damaged, Part

Attributes: TypeAlias = dict[str, str]
H = TypeVar("H")

_PIECE_BYTES: Final = 65_536
# A tag that never ends would be kept whole, elements that never end would all stay open.
_TAG_BYTES_MAX: Final = 1 << 20
_TEXT_CHARACTERS_MAX: Final = 1 << 20
_DEPTH_MAX: Final = 64
_NAMES_MAX: Final = 1_000


class PartReader(ABC):
    """Reads one part; the elements are the heirs' affair.

    Attributes:
        local: Local names by the names that the part writes: "row" for "x:row".
        texts: Text found so far, in pieces; an heir clears it where a text of interest begins.
    """

    def __init__(self) -> None:
        self.local = _LocalNames()
        self.texts: list[str] = []
        # Always UTF-8: what a part says of another encoding would hide it from the search for merged cells.
        self._parser = expat.ParserCreate("utf-8")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self.start
        self._parser.EndElementHandler = self.end
        self._parser.CharacterDataHandler = self.texts.append
        self._parser.StartDoctypeDeclHandler = _refuse_doctype

    @abstractmethod
    def start(self, name: str, attributes: Attributes) -> None:
        """Take the start of an element."""

    @abstractmethod
    def end(self, name: str) -> None:
        """Take the end of an element."""

    def pieces(self, part: Part) -> Iterator[int]:
        """Read a part; after each piece, with all its elements told, yield the bytes read so far.

        Raises:
            Damaged: It is not well-formed, or holds what no workbook does.
        """
        done = 0
        try:
            while piece := part.read(_PIECE_BYTES):
                done += len(piece)
                self._parser.Parse(piece, False)
                if done - self._parser.CurrentByteIndex > _TAG_BYTES_MAX:
                    raise Damaged
                if sum(map(len, self.texts)) > _TEXT_CHARACTERS_MAX:
                    raise Damaged
                yield done
            self._parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise Damaged from error
        yield done


class Elements(PartReader):
    """Reads a part and calls functions for its elements, by local name.

    Args:
        starts: Called with an element's attributes where it starts.
        ends: Called where it ends.
    """

    def __init__(
        self, starts: Mapping[str, Callable[[Attributes], None]], ends: Mapping[str, Callable[[], None]] | None = None
    ) -> None:
        super().__init__()
        self._starts = starts
        self._ends = ends or {}
        self._depth = 0

    def read(self, part: Part) -> None:
        """Read a part to its end.

        Raises:
            Damaged: It is not well-formed, or holds what no workbook does.
        """
        for _ in self.pieces(part):
            pass

    def start(self, name: str, attributes: Attributes) -> None:
        """Take the start of an element."""
        self._depth += 1
        if self._depth > _DEPTH_MAX:
            raise Damaged
        self.texts.clear()
        handler = self._starts.get(self.local[name])
        if handler is not None:
            handler(attributes)

    def end(self, name: str) -> None:
        """Take the end of an element."""
        self._depth -= 1
        handler = self._ends.get(self.local[name])
        if handler is not None:
            handler()


class _LocalNames(dict[str, str]):
    def __missing__(self, name: str) -> str:
        local = name.rpartition(":")[2]
        if len(self) < _NAMES_MAX:
            self[name] = local
        return local


def _refuse_doctype(*_: object) -> None:
    """Refuse what could define entities: no workbook has it."""
    raise Damaged
