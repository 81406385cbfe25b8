"""A paged interface as a source: over TLS to whom we trust, all pages or none, no token in any message."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Final

import pytest

from adapters.mapping import load_mapping
from tests.integration.sources.tables import CONTRIBUTION, Rows, arriving, invented
from tests.integration.support.commands import Ran, yrdx
from tests.integration.support.nodes import NANTONG, SHANGHAI
from tests.integration.support.pairs import Pair
from tests.integration.support.sheets import Sheet, with_rows
from tests.integration.sync.files import Arrivals
from tests.integration.tables.tls_server import Authority, answer, serving

TOKEN: Final = "geheim-4711"
COLUMNS: Final = load_mapping(NANTONG.dialect, CONTRIBUTION).columns
PAGE_ROWS: Final = 500


class Interface:
    """An interface of the city's own, and who may ask it.

    Attributes:
        url: Its address, with a token in the query as well.
        rows: What it has.
        words: Options with which it is asked rightly.
    """

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.url = ""
        self.rows: Rows = []
        headers = folder / "headers.txt"
        headers.write_text(f"X-Token: {TOKEN}\n\nX-Office: 320600\n", encoding="utf-8")
        self.words: Sequence[object] = ("--headers", headers, "--ca", authority.file)

    def handle(self, request: BaseHTTPRequestHandler, asked: dict[str, str]) -> None:
        """Answer as such interfaces do."""
        if (request.headers["X-Token"], asked.get("key")) != (TOKEN, TOKEN):
            answer(request, b"", 401)
            return
        number, size = int(asked["pageNumber"]), int(asked["pageSize"])
        rows = [dict(zip(COLUMNS, row, strict=True)) for row in self.rows[(number - 1) * size : number * size]]
        total = max(1, -(-len(self.rows) // size))
        data = {"data": rows, "pageNumber": f"{number}", "pageSize": f"{size}", "totalPage": f"{total}"}
        answer(request, json.dumps({"retCode": "200", "retMsg": "", "data": data}).encode())

    def ran(self, pair: Pair, *more: object, code: int = 0) -> Ran:
        """Sync it; whatever is said, a token is not."""
        home = ("--home", pair.nantong.path, "--to", SHANGHAI.code, "--dataset", CONTRIBUTION, "--json")
        ran = yrdx("sync", "run", "--https", self.url, *home, *(more or self.words), code=code)
        assert TOKEN not in ran.out + ran.err
        return ran

    def sync(self, pair: Pair, *more: object, code: int = 0) -> dict[str, Any]:
        """Sync it and return the report."""
        return self.ran(pair, *self.words, *more, code=code).json  # type: ignore[no-any-return]


@contextmanager
def _served(folder: Path) -> Iterator[Interface]:
    authority = Authority(folder, "authority")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("server", "127.0.0.1"))
    interface = Interface(folder, authority)
    with serving(interface.handle, context) as url:
        interface.url = f"{url}/sbjf?key={TOKEN}"
        yield interface


@pytest.fixture
def interface(tmp_path: Path) -> Iterator[Interface]:
    """A running interface, with an authority of its own."""
    with _served(tmp_path) as served:
        yield served


def test_all_pages(pair: Pair, interface: Interface) -> None:
    """More rows than a page has arrive once; the next run sends what changed, and withdraws what is absent if told."""
    interface.rows, new = invented(PAGE_ROWS + 20), Arrivals(pair.shanghai, NANTONG.code)

    report = interface.sync(pair)
    assert (report["read"], report["acknowledged"]) == (PAGE_ROWS + 20, PAGE_ROWS + 20)
    assert new.records() == arriving(interface.rows)
    assert interface.sync(pair)["unchanged"] == PAGE_ROWS + 20
    name = COLUMNS.index("AAC003")
    interface.rows = [
        [*row[:name], "改名之后", *row[name + 1 :]] if n == 3 else row for n, row in enumerate(interface.rows)
    ]
    interface.rows = interface.rows[:-2]
    report = interface.sync(pair, "--snapshot", "--allow-retract", 100_000)
    assert (report["corrected"], report["retracted"] >= 2) == (1, True)
    assert report["source"].startswith(f"pages:{interface.url.partition('?')[0]}?")


def test_rejected_rows_are_mended(pair: Pair, interface: Interface) -> None:
    """They stand in a CSV of the dialect and are sent from there."""
    rows, base = invented(6), COLUMNS.index("AAE180")
    interface.rows = [[*row[:base], "?", *row[base + 1 :]] if n == 2 else row for n, row in enumerate(rows)]
    new = Arrivals(pair.shanghai, NANTONG.code)

    report = interface.sync(pair, code=3)
    rejects = Sheet.read(Path(report["rejects_file"]), "local")
    mended = with_rows(rejects, [rejects.with_cell(2, "AAE180", rows[2][base])]).write(Path(report["rejects_file"]))
    yrdx("rejections", "resubmit", mended, "--home", pair.nantong.path, "--json")

    assert new.records() == arriving(rows)


def test_who_is_not_trusted(pair: Pair, interface: Interface, tmp_path: Path) -> None:
    """Another authority, none, or no token: nothing is sent, and it is said what is wrong."""
    interface.rows, new = invented(3), Arrivals(pair.shanghai, NANTONG.code)
    (tmp_path / "others").mkdir()
    other = Authority(tmp_path / "others", "other")
    for words, rule in (
        ((*interface.words[:2], "--ca", other.file), "json.certificate"),
        (interface.words[:2], "json.certificate"),
        (interface.words[2:], "json.status"),
    ):
        refused = interface.ran(pair, *words, code=1)
        assert (refused.reason, rule in refused.json["error"]["message"]) == ("SOURCE_REFUSED", True)
    assert new.count() == 0


@pytest.mark.parametrize(
    ("content", "named"),
    [("X-Token geheim-4711", "1"), ("X-A: b\nX-Token: geheim-4711中", "2"), ("X Token: geheim-4711", "1")],
)
def test_headers_that_are_none(pair: Pair, interface: Interface, tmp_path: Path, content: str, named: str) -> None:
    """A mistake in the file of headers is told by its number, without what it says."""
    path = tmp_path / "wrong.txt"
    path.write_text(content, encoding="gb18030")
    ran = interface.ran(pair, "--headers", path, code=2)
    assert (ran.reason, f"header {named} " in ran.json["error"]["message"]) == ("USAGE", True)
    interface.ran(pair, "--headers", tmp_path / "nowhere.txt", code=4)
