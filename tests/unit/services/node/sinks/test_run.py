from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.tables.csv_folder import CsvFolder
from adapters.tables.layout import TableLayout
from services.domain.errors import Unavailable
from services.node.sinks import run as sinks
from services.node.sinks.changes import RecordChange
from services.node.sinks.run import SinkReport, SinkRun
from services.node.sinks.targets import FolderTarget, Target
from yrdx.node.v1 import node_pb2

STREAM = "310000/320600/social.contribution/0"
PAGES = ((1, 2, 3), (4, 5), (6,))


class Reader:
    """Takes a record's number for its row; every third is one that the dialect cannot say."""

    def read(self, entry: node_pb2.WatchInboxResponse.Entry) -> RecordChange:
        """Return what a record does."""
        problem = "text.too_long" if entry.position % 3 == 0 else ""
        rows = () if problem else ((str(entry.position),),)
        return RecordChange(entry.position, entry.position.to_bytes(16), False, rows, problem)


class Inbox:
    """A node whose answers break off after so many pages, call by call; then it answers whole."""

    def __init__(self, *broken_after: int) -> None:
        self._broken_after = list(broken_after)

    @contextmanager
    def session(self, _home: Path) -> Iterator[Any]:
        """Open a session."""
        yield SimpleNamespace(stub=SimpleNamespace(WatchInbox=self._pages))

    def _pages(self, request: node_pb2.WatchInboxRequest) -> Iterator[node_pb2.WatchInboxResponse]:
        after = max((one.position for one in request.after), default=0)
        broken = self._broken_after.pop(0) if self._broken_after else len(PAGES)
        for number, positions in enumerate(page for page in PAGES if page[0] > after):
            if number == broken:
                raise Unavailable("the node is gone")
            entries = [node_pb2.WatchInboxResponse.Entry(position=position) for position in positions]
            yield node_pb2.WatchInboxResponse(stream=STREAM, entries=entries)
        if broken == 0:
            raise Unavailable("the node is gone")


class PagesTarget:
    """Writes every page at once, as a table does."""

    def __init__(self) -> None:
        self.positions: dict[str, int] = {}

    def cursors(self) -> dict[str, int]:
        """Return where it stands."""
        return dict(self.positions)

    def apply(self, stream: str, changes: list[RecordChange], *, after: int) -> int:
        """Take a page."""
        assert after == self.positions.get(stream, 0)
        self.positions[stream] = changes[-1].position
        return sum(bool(change.problem) for change in changes)

    def finish(self) -> None:
        """Nothing is left to write."""

    def close(self) -> None:
        """Nothing is open."""


def first_report(monkeypatch: pytest.MonkeyPatch, inbox: Inbox, target: Any) -> SinkReport:
    """Run a sink that goes on for ever until its first report."""
    monkeypatch.setattr(sinks, "open_session", inbox.session)
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _s: None)
    reader: Any = Reader()
    return next(SinkRun(Path(), "social.contribution", "", reader, target).rounds(once=False))


def folder(path: Path) -> Target:
    """A folder of CSV, which writes at the end of a round."""
    return FolderTarget(CsvFolder(path, TableLayout(("number",), "utf-8", ",", "\n")))


@pytest.mark.parametrize("broken_after", [(), (1,), (2, 1), (0, 2, 2)])
def test_records_are_counted_once_however_often_a_round_is_tried(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, broken_after: tuple[int, ...]
) -> None:
    """A folder forgets what an interrupted round had taken; a table had written it. Both have six records then."""
    targets = (folder(tmp_path / "folder"), PagesTarget())
    for target in targets:
        report = first_report(monkeypatch, Inbox(*broken_after), target)
        assert (report.records, report.refused, report.positions) == ({STREAM: 6}, {STREAM: 2}, {STREAM: 6})
        target.close()
    written = "".join(path.read_text() for path in sorted((tmp_path / "folder").glob(f"*-{6:019d}.csv")))
    assert written.split() == ["number", "1", "2", "4", "5"]
