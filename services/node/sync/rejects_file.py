"""The rejects file: every row of a refused record in the source's own shape, with the reasons beside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from adapters.mapping import Mapping
from adapters.tables import RejectedCells, RejectsSink, open_rejects
from services.node.sync.first_pass import FirstPass
from services.node.sync.inputs import Input, layout_of
from services.node.sync.reading import of_any_record, textual_rows
from services.node.sync.rejections import ListedRejections


def write_rejects(path: Path, job_input: Input, mapping: Mapping, found: FirstPass, listed: ListedRejections) -> None:
    """Write what a clerk mends.

    A file is read once more for its cells; when it changed since it was mapped, rows are written without cells, since
    those of another file must not be mended in their place. Of another source the cells were kept while it was read, or
    are what the mapping says of the record.

    Args:
        path: Rejects file; a former one is replaced.
        job_input: Where the rows come from.
        mapping: The city's dialect.
        found: The first pass.
        listed: The source's open rejections.
    """
    with open_rejects(path, layout_of(mapping)) as sink:
        waiting = _Waiting(listed.rows())
        records = _records_of_file(job_input, mapping, found) if job_input.file else _records_kept(mapping, found)
        for rows in records:
            waiting.write(sink, rows)
            if waiting.is_empty:
                return
        waiting.write_rest(sink)


Rows = list[tuple[int, list[str]]]
"""The rows of one record: number and cells."""


class _Waiting:
    """Rejections by rising row, each written when its record comes by."""

    def __init__(self, rejections: Iterator[RejectedCells]) -> None:
        self._rejections = rejections
        self._next = next(rejections, None)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits any more."""
        return self._next is None

    def write(self, sink: RejectsSink, rows: Rows) -> None:
        """Write a record's rows if one of them is rejected; rejections of rows before it have no cells."""
        while self._next is not None and self._next.number < rows[0][0]:
            self._write_alone(sink, self._next)
        of_record: dict[int, RejectedCells] = {}
        while self._next is not None and self._next.number <= rows[-1][0]:
            of_record[self._next.number] = self._next
            self._next = next(self._rejections, None)
        if not of_record:
            return
        reference = next(iter(of_record.values())).reference
        for number, cells in rows:
            # A good row beside a bad one of the same record: both are needed to send it again.
            sink.row(cells, of_record.get(number, RejectedCells(number, "", "", "", reference)))

    def write_rest(self, sink: RejectsSink) -> None:
        """Write what is left, without cells."""
        while self._next is not None:
            self._write_alone(sink, self._next)

    def _write_alone(self, sink: RejectsSink, rejected: RejectedCells) -> None:
        sink.row([], rejected)
        self._next = next(self._rejections, None)


def _records_of_file(job_input: Input, mapping: Mapping, found: FirstPass) -> Iterator[Rows]:
    with job_input.open("") as source:
        for _ in source:
            pass
        if source.sha256() != found.digest:  # type: ignore[attr-defined]  # a file's source has one
            return
    with job_input.open("") as source:
        groups = mapping.gather(textual_rows(source, mapping), of_any_record)
        for group in groups:
            yield [(row.number, list(row.cells)) for row in group.rows]


def _records_kept(mapping: Mapping, found: FirstPass) -> Iterator[Rows]:
    """Yield kept cells of refused rows and, in between, the rows of records that the node or the partner may refuse."""
    kept = found.cells.rows()
    next_kept = next(kept, None)
    message_type = mapping.message_type
    for staged in found.staging.records():
        while next_kept is not None and next_kept[0] < staged.row:
            yield next_kept[1]
            next_kept = next(kept, None)
        rows = mapping.from_standard_rows(message_type.FromString(staged.message))
        yield [(staged.row + offset, cells) for offset, cells in enumerate(rows)]
    while next_kept is not None:
        yield next_kept[1]
        next_kept = next(kept, None)
