"""The outcome of a sync: its report, and the rejects file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.mapping import Mapping
from adapters.tables import rejects_suffix
from services.node.sync.rejections import ListedRejections
from services.node.sync.rejects_file import write_rejects
from services.node.sync.report import SyncJob, SyncReport
from services.node.sync.second_pass import SecondPass
from services.node.sync.submission import Submission
from yrdx.node.v1 import node_pb2

_FORMER_REJECTS: Final = re.compile(r"(-[0-9a-f]{8}\.rejects)+$")
"""What the name of a rejects file ends with: those of its own resubmission are not named ever longer."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an input.

    Attributes:
        folder: Where rejects files go.
        job: What was synced.
        mapping: The city's dialect.
        second: What was sent of it.
        listed: What was refused of it.
    """

    folder: Path
    job: SyncJob
    mapping: Mapping
    second: SecondPass
    listed: ListedRejections

    def list_rejections(self, rejections: Iterable[node_pb2.ListRejectionsResponse.RejectedRecord]) -> None:
        """Take what the node lists of the source; rows of a table's earlier reads are left out."""
        base = self.second.base
        for one in rejections:
            if one.row > base:
                self.listed.add(one, one.row - base, one.column or self.mapping.column_of(one.field_path))

    def report(self, submission: Submission, answer: node_pb2.WatchSourceResponse, elapsed_s: float) -> SyncReport:
        """Write the rejects file and return the report.

        Args:
            submission: The source as it was submitted.
            answer: How far its records are.
            elapsed_s: Seconds since the sync began.
        """
        second, found, whole = self.second, self.second.found, not self.job.input.goes_on
        found.refuse_by_gate((staged, "gate") for staged in found.records_at(self.listed.local_rows))
        retracted = max(0, submission.position - second.last_position)
        return SyncReport(
            read=found.read,
            mapped=found.mapped,
            rejected_local=found.refused_rows,
            duplicates_in_file=found.duplicates,
            # Of a source as it stands, whichever call submitted its records; of one that goes on, of this read.
            unchanged=found.records - answer.submitted + retracted if whole else second.changes.unchanged.count,
            corrected=second.changes.corrections.count,
            retracted=retracted,
            submitted=answer.submitted,
            acknowledged=answer.acknowledged,
            rejected_partner=answer.rejected,
            pending=answer.pending,
            rejects_file=self._write_rejects(),
            elapsed_s=round(elapsed_s, 3),
            source=submission.source,
            already_submitted=submission.opened_at if whole else 0,
            state=answer.state,
            state_reason=answer.state_reason,
        )

    def _write_rejects(self) -> str | None:
        if not self.listed.open:
            return None
        path = self.folder / self._rejects_name()
        write_rejects(path, self.job.input, self.mapping, self.second.found, self.listed)
        return str(path)

    def _rejects_name(self) -> str:
        """Name a file after its source and its content, another source after its name and its place in it."""
        job_input = self.job.input
        if job_input.file is not None:
            stem = _FORMER_REJECTS.sub("", job_input.file.stem)
            return f"{stem}-{self.second.found.digest[:8]}.rejects{rejects_suffix(job_input.file)}"
        digest = hashlib.sha256(job_input.name.encode()).hexdigest()[:8]
        words = "".join(c if c.isalnum() else "_" for c in job_input.label)[-60:]
        return f"{words}-{digest}-{self.second.base + 1}.rejects.csv"
