"""Sync: a file of the city's own dialect → outbox, and what became of every row.

First pass: read, map, stage (`services.node.sync.staging`). Then rows that share a business key are known, and the
rest is submitted after the position where the source stands: a sync that was interrupted, or run again, goes on there.
At the end every rejected row, ours or the partner's, stands in one file of the source's own shape.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from adapters.mapping import Mapping, RowRejected, load_mapping
from adapters.tables import BadRow, CsvLayout, open_csv
from services.domain.errors import Unavailable
from services.domain.receipt import Violation
from services.node.gates import local_gates
from services.node.session import NodeSession
from services.node.sync.rejections import RejectedRow, Rejections, write_rejects
from services.node.sync.staging import Repeats, Staging
from services.node.sync.submission import Submission
from services.wire.datasets import Dataset, load_datasets
from yrdx.exchange.v1 import exchange_pb2
from yrdx.node.v1 import node_pb2
from yrdx.types.v1 import types_pb2

PROGRESS_ROWS: Final = 500
GATE_ROWS: Final = 1_000


class Progress(Protocol):
    """Where progress is shown."""

    def read(self, rows: int, bytes_read: int, bytes_total: int) -> None:
        """Say how far the file is read."""
        ...

    def delivered(self, answer: node_pb2.WatchSourceResponse) -> None:
        """Say how far the records are delivered."""
        ...


@dataclass(frozen=True, slots=True)
class SyncJob:
    """What to sync.

    Attributes:
        file: CSV file in the city's own dialect.
        to_city: City that receives.
        dataset: Dataset.
        again: Submit a file that was submitted before as new records.
        wait_s: How long to follow delivery; 0: not at all.
    """

    file: Path
    to_city: str
    dataset: str
    again: bool
    wait_s: float


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What became of the rows.

    ``read = mapped + rejected_local + duplicates_in_file`` and
    ``submitted = acknowledged + rejected_partner + pending``; the second line is about the source as it stands,
    whichever run submitted it.
    """

    read: int
    mapped: int
    rejected_local: int
    duplicates_in_file: int
    submitted: int
    acknowledged: int
    rejected_partner: int
    pending: int
    rejects_file: str | None
    elapsed_s: float
    source: str
    already_submitted: int
    state: str
    state_reason: str

    def to_json(self) -> dict[str, Any]:
        """Return the report for programs."""
        return asdict(self)


class Sync:
    """One run of a sync.

    Attributes:
        opened: The node knows the source: what is left of it can be resumed.
    """

    def __init__(self, session: NodeSession, job: SyncJob, progress: Progress) -> None:
        """Prepare a run; `run` does the work.

        Raises:
            MappingInvalid: The city's dialect has no mapping for the dataset.
        """
        self._session = session
        self._job = job
        self._progress = progress
        self._mapping: Mapping = load_mapping(session.settings.dialect, job.dataset)
        self._dataset: Dataset = load_datasets().find(job.dataset, self._mapping.standard.version)
        self._layout = layout_of(self._mapping)
        self._columns = {column.field: column.name for column in self._mapping.declaration.columns}
        settings = session.settings
        self._gate = local_gates(settings.dialect, settings.limits().record_bytes_max).submit
        self._real_data = not session.settings.demo
        self._read = self._last_row = 0
        self._digest = ""
        self.opened = False

    def run(self) -> SyncReport:
        """Sync the file.

        Raises:
            FileRefused: The file as a whole is refused; nothing was submitted.
            ExchangeError: The node refuses, or is not there; what was answered stands.
        """
        begun = time.monotonic()
        folder = self._session.home.temporary
        with Staging(folder) as staging, Rejections(folder) as rejections:
            self._stage(staging, rejections)
            repeats = staging.repeats()
            for row in sorted(repeats.conflicts):
                rejections.add("repeated", _conflict(row, repeats.conflicts[row]))
            submission = self._submit(staging, repeats, rejections)
            answer = self._follow(submission.source)
            self._collect_rejections(submission.source, answer, rejections)
            return SyncReport(
                read=self._read,
                mapped=self._read - rejections.local - len(repeats.duplicates),
                rejected_local=rejections.local,
                duplicates_in_file=len(repeats.duplicates),
                submitted=answer.submitted,
                acknowledged=answer.acknowledged,
                rejected_partner=answer.rejected,
                pending=answer.pending,
                rejects_file=self._write_rejects(rejections),
                elapsed_s=round(time.monotonic() - begun, 3),
                source=submission.source,
                already_submitted=min(submission.position, self._last_row),
                state=answer.state,
                state_reason=answer.state_reason,
            )

    def _stage(self, staging: Staging, rejections: Rejections) -> None:
        size = self._job.file.stat().st_size if self._job.file.exists() else 0
        key, encode = self._dataset.key, body_encoder(self._dataset, real_data=self._real_data)
        to_standard = self._mapping.to_standard
        with open_csv(self._job.file, self._layout) as source:
            for row in source:
                self._read += 1
                self._last_row = row.number
                if isinstance(row, BadRow):
                    rejections.add("file", RejectedRow(row.number, row.column, row.rule_id, row.reason))
                    continue
                try:
                    message = to_standard(row.cells).message
                except RowRejected as error:
                    rejections.add("file", RejectedRow(row.number, error.column, error.rule_id, error.reason))
                    continue
                digest = key(message)
                staging.add(row.number, digest, encode(digest, message))
                if self._read % PROGRESS_ROWS == 0:
                    self._progress.read(self._read, source.bytes_read, size)
            self._digest = source.sha256()
            self._progress.read(self._read, size, size)

    def _submit(self, staging: Staging, repeats: Repeats, rejections: Rejections) -> Submission:
        opening = node_pb2.SubmitRequest.Opening(
            to_city=self._job.to_city,
            dataset=self._job.dataset,
            source=f"sha256:{self._digest}",
            label=self._job.file.name[:200],
            again=self._job.again,
        )

        def rejected(rejection: exchange_pb2.Rejection) -> None:
            rejections.add("gate", self._rejected(rejection.sequence, rejection))

        submission = Submission(self._session.stub, opening, rejected, lambda _: None)
        submission.open()
        self.opened = True
        try:
            left_out = repeats.duplicates | repeats.conflicts.keys()
            rows = ((row, body) for row, body in staging.rows() if row not in left_out)
            rest = self._check_submitted(rows, submission.position, rejections)
            submission.send(rest, last_row=self._last_row)
        finally:
            submission.close()
        return submission

    def _check_submitted(
        self, rows: Iterator[tuple[int, bytes]], position: int, rejections: Rejections
    ) -> Iterator[tuple[int, bytes]]:
        """Judge again the rows that an earlier run submitted, so that its rejections are named; yield the others."""
        earlier: list[tuple[int, bytes]] = []
        for row, body in rows:
            if row > position:
                self._judge(earlier, rejections)
                earlier = []
                yield row, body
                yield from rows
                return
            earlier.append((row, body))
            if len(earlier) >= GATE_ROWS:
                self._judge(earlier, rejections)
                earlier = []
        self._judge(earlier, rejections)

    def _judge(self, rows: list[tuple[int, bytes]], rejections: Rejections) -> None:
        if not rows:
            return
        verdicts = self._gate.check(self._dataset.name, self._dataset.standard, [body for _, body in rows])
        for (row, _), verdict in zip(rows, verdicts, strict=True):
            if isinstance(verdict, Violation):
                rejections.add("gate", self._rejected(row, verdict))

    def _follow(self, source: str) -> node_pb2.WatchSourceResponse:
        """Follow delivery until every record is answered, or the time is over."""
        job = self._job
        request = node_pb2.WatchSourceRequest(to_city=job.to_city, dataset=job.dataset, source=source)
        answer = self._present(request)
        self._progress.delivered(answer)
        if not (self._session.serving and job.wait_s and answer.pending):
            return answer
        try:
            for answer in self._session.stub.WatchSource(request, timeout_s=job.wait_s):
                self._progress.delivered(answer)
        except Unavailable:
            return self._present(request)  # raises when it was not the time that ended it
        return answer

    def _present(self, request: node_pb2.WatchSourceRequest) -> node_pb2.WatchSourceResponse:
        answer: node_pb2.WatchSourceResponse = next(self._session.stub.WatchSource(request))
        return answer

    def _collect_rejections(self, source: str, answer: node_pb2.WatchSourceResponse, rejections: Rejections) -> None:
        after_id = 0
        while rejections.counts["partner"] < answer.rejected:
            page = self._session.stub.ListRejections(
                node_pb2.ListRejectionsRequest(
                    after_id=after_id, source=source, to_city=self._job.to_city, dataset=self._job.dataset
                )
            ).rejections
            if not page:
                return
            after_id = page[-1].id
            for found in page:
                rejections.add("partner", self._rejected(found.row, found))

    def _rejected(self, row: int, found: Any) -> RejectedRow:  # noqa: ANN401 - whatever names field, rule and reason
        column = self._columns.get(found.field_path.partition(".")[0], "")
        return RejectedRow(row, column, found.rule_id, found.reason)

    def _write_rejects(self, rejections: Rejections) -> str | None:
        if not any(rejections.counts.values()):
            return None
        name = f"{self._job.file.stem}-{self._digest[:8]}.rejects.csv"
        path = self._session.home.rejects / name
        write_rejects(path, self._job.file, self._layout, self._digest, rejections.merged())
        return str(path)


def layout_of(mapping: Mapping) -> CsvLayout:
    """Return the CSV layout of a mapping's dialect."""
    file = mapping.file
    return CsvLayout(tuple(mapping.columns), file.encoding, file.delimiter, file.line_end)


def body_encoder(dataset: Dataset, *, real_data: bool) -> Callable[[bytes, Any], bytes]:
    """Return a function (key, message) → serialised ``RecordBody`` of an UPSERT."""
    upsert, type_url = types_pb2.OPERATION_UPSERT, dataset.type_url

    def encode(key: bytes, message: Any) -> bytes:  # noqa: ANN401 - the dataset's message
        body = types_pb2.RecordBody(operation=upsert, key=key, real_data=real_data)
        body.message.type_url = type_url
        body.message.value = message.SerializeToString()
        return body.SerializeToString()

    return encode


def _conflict(row: int, other: int) -> RejectedRow:
    return RejectedRow(
        row,
        "",
        "file.key_conflict",
        f"与第 {other} 行业务主键相同而内容不同，两行均不发送 / same business key as row {other} with other content: "
        "neither is sent",
    )
