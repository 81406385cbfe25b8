"""Resubmission: a rejects file that a clerk mended goes out, each row linked to the rejection that it mends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, NamedTuple

from adapters.mapping import Mapping as DialectMapping
from adapters.mapping import find_mappings, load_mapping
from adapters.tables import REASON_COLUMNS, REFERENCE_COLUMN, BadRow, FileRefused, TableLayout, open_table
from services.domain.stream import StreamName
from services.node.exits import CommandFailed, Exit
from services.node.rejected import RejectedRecord, rejected_records
from services.node.session import NodeSession
from services.node.sync.inputs import FileInput, layout_of
from services.node.sync.report import Progress, SyncJob, SyncReport
from services.node.sync.run import Sync
from services.node.sync.second_pass import Mend
from yrdx.node.v1 import node_pb2


class NotResubmitted(CommandFailed):
    """The file is no mended rejects file of this node; nothing was sent."""

    reason: ClassVar[str] = "NOT_RESUBMITTED"
    code: ClassVar[Exit] = Exit.USAGE


class Resubmitted(NamedTuple):
    """What became of a mended file.

    Attributes:
        report: What became of the rows that were sent; None when there was nothing to send.
        closed_before: Rows whose rejection was closed before: somebody mended them already, so they were left out.
    """

    report: SyncReport | None
    closed_before: int


@dataclass(frozen=True, slots=True)
class _Mended:
    """A mended file.

    Attributes:
        mapping: Mapping of the file's dataset.
        references: By row, the rejection that it mends.
    """

    mapping: DialectMapping
    references: Mapping[int, int]


def resubmit(session: NodeSession, path: Path, *, wait_s: float, progress: Progress) -> Resubmitted:
    """Send a mended rejects file; the same file again sends nothing.

    Args:
        session: The node.
        path: The file, in the shape in which it was written.
        wait_s: How long to follow delivery.
        progress: Where progress is shown.

    Raises:
        NotResubmitted: A row names no rejection of this node, or rows of several streams stand in one file.
        SourceRefused: The file as a whole is refused.
        ExchangeError: The node refuses, or is not there.
    """
    mended = _read(path, session.settings.dialect)
    rejections = _rejections(session, set(mended.references.values()))
    stream = _stream_of(mended, rejections)
    mends = dict(_mends(mended.references, rejections, _epoch(session, stream)))
    closed_before = len(mended.references) - len(mends)
    if not mends:
        return Resubmitted(None, closed_before)
    job_input = FileInput(path, layout_of(mended.mapping))
    job = SyncJob(job_input, stream.to_city, stream.dataset, wait_s=wait_s)
    return Resubmitted(Sync(session, job, progress, mends=mends).run(), closed_before)


def _read(path: Path, dialect: str) -> _Mended:
    """Find out by its columns of which dataset a file is, and which rejection each of its rows names.

    Raises:
        SourceRefused: The file is no table, or of no dataset.
        NotResubmitted: A row names no rejection.
    """
    refusal: FileRefused | None = None
    for mapping in (load_mapping(*pair) for pair in find_mappings() if pair[0] == dialect):
        try:
            return _Mended(mapping, dict(_references(path, layout_of(mapping))))
        except FileRefused as error:
            if not error.rule_id.startswith("header."):
                raise
            refusal = error
    raise NotResubmitted(
        f"{path.name}: 不是被拒文件：须有某一数据集的全部列和“{REFERENCE_COLUMN}”列 · no rejects file: it needs all "
        f"columns of one dataset and the column {REFERENCE_COLUMN}"
    ) from refusal


def _references(path: Path, layout: TableLayout) -> Iterator[tuple[int, int]]:
    only = replace(layout, columns=(REFERENCE_COLUMN, *layout.columns))
    with open_table(path, only, ignored=REASON_COLUMNS) as source:
        for row in source:
            reference = "" if isinstance(row, BadRow) or not row.cells else str(row.cells[0]).strip()
            if not reference.isdecimal():
                raise NotResubmitted(
                    f"{path.name} 第 {row.number} 行缺少“{REFERENCE_COLUMN}”；新的行请用 yrdx sync run 发送 · row "
                    f"{row.number} does not name what it mends; send new rows with `yrdx sync run`"
                )
            yield row.number, int(reference)


def _rejections(session: NodeSession, wanted: set[int]) -> dict[int, RejectedRecord]:
    """Return rejections by id.

    Raises:
        NotResubmitted: One is not known to this node.
    """
    found: dict[int, RejectedRecord] = {}
    for one in rejected_records(session, after_id=min(wanted, default=1) - 1):
        if one.id in wanted:
            found[one.id] = one
        if len(found) == len(wanted):
            return found
    if wanted:
        raise NotResubmitted(
            f"本节点没有编号 {_some(wanted - found.keys())} 的拒绝记录 · this node has no such rejections: is the file "
            "of another node? `yrdx rejections ls` lists them"
        )
    return found


def _stream_of(mended: _Mended, rejections: Mapping[int, RejectedRecord]) -> StreamName:
    streams = {one.stream for one in rejections.values()}
    if len(streams) != 1:
        raise NotResubmitted(
            f"文件须恰好属于一个数据流 · the file must be of exactly one stream: {_some(streams) or 'it has no rows'}"
        )
    stream = StreamName.parse(streams.pop())
    if stream.dataset != mended.mapping.dataset:
        raise NotResubmitted(
            f"文件的列属于 {mended.mapping.dataset}，编号属于 {stream} · the columns are of {mended.mapping.dataset}, "
            f"the numbers of {stream}"
        )
    return stream


def _mends(
    references: Mapping[int, int], rejections: Mapping[int, RejectedRecord], epoch: int
) -> Iterator[tuple[int, Mend]]:
    """Yield what every row mends, but those whose rejection is closed."""
    for row, reference in references.items():
        rejected = rejections[reference]
        if not rejected.HasField("closed_time"):
            yield row, Mend(reference, rejected.sequence if rejected.epoch == epoch else 0)


def _epoch(session: NodeSession, stream: StreamName) -> int:
    status = session.stub.GetStatus(node_pb2.GetStatusRequest())
    return next((one.epoch for one in status.streams if (one.stream, one.direction) == (str(stream), "outbound")), 0)


def _some(names: Iterable[object]) -> str:
    shown = [str(name) for name in sorted(names, key=str)]
    return "、".join(shown[:5]) + (f" … ({len(shown)})" if len(shown) > 5 else "")
