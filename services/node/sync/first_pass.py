"""The first pass of a sync: read, map, stage, find repeats. Nothing is sent, and nothing is kept afterwards."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from adapters.mapping import Mapping as DialectMapping
from adapters.tables import cell_text
from services.domain.receipt import Violation
from services.node.sync.cells import CellSpool
from services.node.sync.mapped import Mapped, Refused, map_runs
from services.node.sync.mapping_run import RunMapper
from services.node.sync.reading import AnyRow, RowsOfRecord, RunOfRows, in_runs, read_runs
from services.node.sync.rejections import Spool
from services.node.sync.report import Progress, SyncJob
from services.node.sync.row_bits import RowBits
from services.node.sync.staging import Repeats, Staged, Staging
from services.node.sync.standing import KEY_BYTES
from services.node.sync.submission import Reread, Told
from services.ports.gate import Gate
from services.wire.datasets import Dataset

RUN_RECORDS: Final = 500


@dataclass
class FirstPass:
    """What a source holds; a context manager, since it lies in temporary files.

    Attributes:
        folder: Where they lie.
        read: Rows read.
        mapped: Rows whose record may be sent.
        duplicates: Rows of records that repeat another.
        last_row: Last row read.
        digest: SHA-256 of a file.
        cursors: (row, where the reader goes on after it), rising.
        rules: Rows refused here, by rule.
        unknown_keys: Refused rows of which nobody knows whose they are.
        reread: Rows that an earlier read refused without knowing whose they are.
    """

    folder: Path
    staging: Staging = field(init=False)
    refused: Spool = field(init=False)
    cells: CellSpool = field(init=False)
    repeats: Repeats = field(init=False)
    read: int = 0
    refused_rows: int = 0
    duplicates: int = 0
    last_row: int = 0
    digest: str = ""
    cursors: list[tuple[int, str]] = field(default_factory=list)
    rules: Counter[str] = field(default_factory=Counter)
    unknown_keys: int = 0
    reread: list[Reread] = field(default_factory=list)
    _by_gate: int = 0
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        """Open the temporary files."""
        self.staging = self._stack.enter_context(Staging(self.folder))
        self.refused = self._stack.enter_context(Spool(self.folder))
        self.cells = self._stack.enter_context(CellSpool(self.folder))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove them."""
        self._stack.close()

    @property
    def mapped(self) -> int:
        """Rows whose record may be sent."""
        return self.read - self.refused_rows - self.duplicates

    @property
    def records(self) -> int:
        """Records that may be sent."""
        return self.staging.count - self.repeats.duplicates.count - len(self.repeats.conflicts) - self._by_gate

    def stage(self, mapped: Mapped) -> None:
        """Keep the records of a run."""
        self.staging.add(mapped.records)
        self.read += mapped.rows
        self.last_row = max(self.last_row, mapped.last_row)

    def refuse(self, part: str, told: Told, rows: int, *, identity: bytes = b"") -> None:
        """Keep refused rows.

        Args:
            part: Of the spool.
            told: What is wrong.
            rows: How many.
            identity: Stands for a business key that nobody can read: the same rows, read again, are known by it.
        """
        self.refused.add(part, told if told.key else told._replace(key=identity))
        self._count(told.rule_id, rows)
        if told.key:
            self.staging.add_refused(told.key)
        else:
            self.unknown_keys += 1

    def refuse_by_gate(self, refused: Iterable[tuple[Staged, str]]) -> None:
        """Count records that the node's own gate refused.

        Args:
            refused: Records, each with the rule.
        """
        for staged, rule_id in refused:
            self._count(rule_id, staged.rows)
            self._by_gate += 1

    def records_at(self, rows: RowBits) -> Iterator[Staged]:
        """Yield the records of some rows but those that were refused here."""
        own = RowBits()
        for told in self.refused.rows():
            own.add(told.position)
        if rows.beside(own):
            yield from (one for one in self.staging.records() if one.row in rows and one.row not in own)

    def _count(self, rule_id: str, rows: int) -> None:
        self.refused_rows += rows
        self.rules[rule_id] += rows


def first_pass(
    found: FirstPass,
    job: SyncJob,
    mapping: DialectMapping,
    dataset: Dataset,
    *,
    cursor: str,
    waiting: Collection[bytes],
    progress: Progress,
) -> None:
    """Read an input to its end.

    Args:
        found: Where everything goes.
        job: What to read.
        mapping: The city's dialect.
        dataset: The standard.
        cursor: Where an earlier read stopped.
        waiting: What stands for the keys of rows that earlier reads refused.
        progress: Where progress is shown.

    Raises:
        SourceRefused: The input as a whole is refused; nothing was sent.
    """
    mapper = RunMapper(mapping, dataset)
    with job.input.open(cursor) as source:
        for run, mapped in map_runs(read_runs(source, mapping, RUN_RECORDS), mapper, mapping):
            found.stage(mapped)
            if waiting:
                found.reread += (Reread(row.number, row.identity) for row in _rows(run) if row.identity in waiting)
            for one in mapped.refused:
                _refuse(found, one, keep_cells=job.input.file is None)
            found.cursors.append((found.last_row, run.cursor))
            progress.read(found.read, run.done, run.total)
        found.digest = source.sha256() if job.input.file is not None else ""  # type: ignore[attr-defined]
    _find_repeats(found)


def _rows(run: RunOfRows) -> Iterator[AnyRow]:
    for one in run.records:
        yield from one.rows if isinstance(one, RowsOfRecord) else (one,)


def _refuse(found: FirstPass, refused: Refused, *, keep_cells: bool) -> None:
    identity = _identity(refused) if keep_cells else b""
    found.refuse("source", refused.told, len(refused.rows), identity=identity)
    if keep_cells:
        found.cells.add(refused.told.position, [(row.number, row.cells) for row in refused.rows])


def _identity(refused: Refused) -> bytes:
    """A row of a table without a key of its own is known by what its cells say: only until it is mended."""
    for row in refused.rows:
        if row.identity:
            return row.identity
    texts = [[cell_text(cell) for cell in row.cells] for row in refused.rows]
    return hashlib.blake2b(json.dumps(texts).encode(), digest_size=KEY_BYTES).digest()


def _find_repeats(found: FirstPass) -> None:
    """Records that share a key: repeated ones count once, contradicting ones are refused."""
    found.repeats = found.staging.repeats()
    if not (found.repeats.duplicates.count or found.repeats.conflicts):
        return
    for staged in found.staging.records():
        if staged.row in found.repeats.duplicates:
            found.duplicates += staged.rows
        elif other := found.repeats.conflicts.get(staged.row):
            found.refuse("repeated", _conflict(staged, other), staged.rows)


def refused_by_gate(
    gate: Gate, dataset: Dataset, bodies: Iterator[tuple[Staged, bytes]]
) -> Iterator[tuple[Staged, str]]:
    """Judge records by the node's own rules without sending them: those that are refused, each with the rule."""
    for run in in_runs(bodies, RUN_RECORDS):
        verdicts = gate.check(dataset.name, dataset.standard, [body for _, body in run])
        for (staged, _), found in zip(run, verdicts, strict=True):
            if isinstance(found, Violation):
                yield staged, found.rule_id


def _conflict(staged: Staged, other: int) -> Told:
    reason = (
        f"与第 {other} 行业务主键相同而内容不同，均不发送 / same business key as row {other} with other content: "
        "neither is sent"
    )
    return Told(staged.row, "", "", "file.key_conflict", reason, staged.key)
