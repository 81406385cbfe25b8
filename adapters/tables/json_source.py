"""Rows from an interface that answers with pages of JSON, as the systems of human resources do.

``{"retCode":"200","retMsg":"…","data":{"data":[{…}],"pageNumber":"1","pageSize":"2","totalPage":"113"}}``, numbers as
text or as numbers. The names in the first row are the header; every row must have the same ones. Rows with lists inside
are several rows: ``json_rows``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final, NamedTuple, Protocol

from adapters.tables.errors import SourceRefused, SourceUnavailable
from adapters.tables.json_client import PageClient
from adapters.tables.json_interface import PagedInterface
from adapters.tables.json_rows import JsonRows, parsed
from adapters.tables.rows import BadRow, Cell, Progress, Row

_OK: Final = "200"
_PAGES_MAX: Final = 1_000_000
_CODE: Final = re.compile(r"[A-Za-z0-9_-]{1,8}", re.ASCII)
_MESSAGE_CHARACTERS_MAX: Final = 80
_DIGITS: Final = re.compile(r"\d{3}")
_WHOLE: Final = re.compile(r"\d{1,9}", re.ASCII)


class _Page(NamedTuple):
    """One page: its rows, and how many pages there are."""

    rows: list[Any]
    total: int


class Pages(Protocol):
    """Where pages come from."""

    @property
    def name(self) -> str:
        """Its name in messages."""
        ...

    def page(self, number: int) -> bytes:
        """Fetch a page, from 1; see ``PageClient.page``."""
        ...


class JsonSource:
    """The rows of all pages, once.

    Args:
        client: Fetches pages.
        columns: In the order in which cells are handed over.
        ignored: Names that may stand in the rows and are not read.

    Attributes:
        name: The interface's name, without what follows its path.
        typed: True: cells are str, int, bool, Decimal, and None.
    """

    typed: Final = True

    def __init__(self, client: Pages, columns: Sequence[str], *, ignored: Collection[str] = ()) -> None:
        self.name = client.name
        self._client = client
        self._rows = JsonRows(client.name, columns, ignored)
        self._pages = 0
        self._total: int | None = None

    @property
    def progress(self) -> Progress:
        """Pages read, of how many."""
        return Progress(self._pages, self._total, "pages")

    def __iter__(self) -> Iterator[Row[Cell] | BadRow]:
        """Hand over every row, good or bad, page by page; numbers count them from 1.

        Raises:
            SourceRefused: The interface refuses, or answers with something else.
            SourceUnavailable: It does not answer, or its data changed between two pages: rows may have moved from one
                to the other, so all of them are to be read again.
        """
        while self._total is None or self._pages < self._total:
            page = self._read_page(self._pages + 1)
            for found in page.rows:
                yield from self._rows.read(found)
            self._pages += 1

    def _read_page(self, number: int) -> _Page:
        answer = self._parsed(self._client.page(number))
        page = self._opened(answer, number)
        if self._total is None:
            self._total = page.total
        elif page.total != self._total:
            raise SourceUnavailable(self.name, "json.changed")
        if not page.rows and number < page.total:
            raise SourceUnavailable(self.name, "json.changed")
        return page

    def _parsed(self, content: bytes) -> object:
        try:
            return parsed(content)
        except ValueError:
            raise SourceRefused(self.name, "json.syntax") from None

    def _opened(self, answer: object, number: int) -> _Page:
        """Take a page out of its envelope."""
        if not isinstance(answer, dict) or "retCode" not in answer:
            raise SourceRefused(self.name, "json.envelope")
        if str(answer["retCode"]) != _OK:
            code, message = _shown_code(answer["retCode"]), _shown_message(answer.get("retMsg"))
            raise SourceRefused(self.name, "json.refused", code=code, message=message)
        match answer.get("data"):
            case {"data": list(rows), "pageNumber": page_number, "totalPage": total}:
                pass
            case _:
                raise SourceRefused(self.name, "json.envelope")
        pages = _whole(total)
        if _whole(page_number) != number or pages is None or pages > _PAGES_MAX:
            raise SourceRefused(self.name, "json.envelope")
        return _Page(rows, pages)


def _whole(value: object) -> int | None:
    text = value if isinstance(value, str) else str(value) if type(value) is int else ""
    return int(text) if _WHOLE.fullmatch(text) else None


def _shown_code(code: object) -> str:
    return str(code) if _CODE.fullmatch(str(code)) else "?"


def _shown_message(message: object) -> str:
    """Return what the interface says, where it is a short text; one with digits may be about a person."""
    if not isinstance(message, str) or len(message) > _MESSAGE_CHARACTERS_MAX:
        return "…"
    return message if message.isprintable() and not _DIGITS.search(message) else "…"


@contextmanager
def open_pages(
    interface: PagedInterface,
    columns: Sequence[str],
    *,
    ignored: Collection[str] = (),
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[JsonSource]:
    """Open a paged interface as a row source; see ``sources.open_pages``."""
    with closing(PageClient(interface, sleep)) as client:
        yield JsonSource(client, columns, ignored=ignored)
