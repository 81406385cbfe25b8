"""Sync: an input of the city's own dialect → outbox, and what became of every row.

First pass: read, map, stage. Then rows that share a business key are known, and which records say what stands
already; the rest is submitted after the position where the source stands, so that a sync that was interrupted, or run
again, goes on there. At the end every open rejection, ours or the partner's, stands in one file of the source's own
shape.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping as Table
from contextlib import ExitStack
from typing import Final

from adapters.mapping import Mapping, load_mapping
from services.domain.outbox import SENT_AGAIN
from services.node.gates import local_gates
from services.node.session import NodeSession
from services.node.sync.first_pass import FirstPass, first_pass, refused_by_gate
from services.node.sync.outcome import Outcome
from services.node.sync.rejections import ListedRejections
from services.node.sync.remote import RemoteStream
from services.node.sync.report import Progress, SnapshotRefused, SyncJob, SyncPlan, SyncReport
from services.node.sync.row_bits import RowBits
from services.node.sync.second_pass import Mend, SecondPass
from services.node.sync.standing import Changes, Standing
from services.node.sync.submission import Submission
from services.node.system import spare_collector
from services.wire.bodies import BodyWriter
from services.wire.datasets import Dataset, load_datasets
from yrdx.node.v1 import node_pb2

RETRACTED_SHARE_MAX: Final = 20
"""A snapshot withdraws at most one in so many of what stands, unless it is told how many."""


class Sync:
    """One run of a sync.

    Attributes:
        opened: The node knows the source: what is left of it can be resumed.
    """

    def __init__(
        self, session: NodeSession, job: SyncJob, progress: Progress, *, mends: Table[int, Mend] | None = None
    ) -> None:
        """Prepare a run; `run` or `plan` does the work.

        Args:
            session: The node.
            job: What to sync.
            progress: Where progress is shown.
            mends: By row, what it mends; then every record is sent, whatever stands.

        Raises:
            MappingInvalid: The city's dialect has no mapping for the dataset.
        """
        self._session = session
        self._job = job
        self._progress = progress
        self._mends = mends or {}
        self._mapping: Mapping = load_mapping(session.settings.dialect, job.dataset)
        self._dataset: Dataset = load_datasets().find(job.dataset, self._mapping.standard.version)
        self._stream = RemoteStream(session, job.to_city, job.dataset)
        self._standing = Standing(session.stub, job.to_city, job.dataset)
        self.opened = False

    def run(self) -> SyncReport:
        """Sync the input.

        Raises:
            SourceRefused: The input as a whole is refused; nothing was submitted.
            SnapshotRefused: More would be withdrawn than is allowed; nothing was submitted.
            ExchangeError: The node refuses, or is not there; what was answered stands.
        """
        begun = time.monotonic()
        with ExitStack() as stack:
            found = stack.enter_context(FirstPass(self._session.home.temporary))
            second = self._prepare(found)
            submission = self._submit(second)
            answer = self._stream.follow(submission.source, self._job.wait_s, self._progress)
            listed = stack.enter_context(ListedRejections(self._session.home.temporary))
            outcome = Outcome(self._session.home.rejects, self._job, self._mapping, second, listed)
            outcome.list_rejections(self._stream.rejections(submission.source))
            return outcome.report(submission, answer, time.monotonic() - begun)

    def plan(self) -> SyncPlan:
        """Say what `run` would do, without sending anything."""
        with FirstPass(self._session.home.temporary) as found:
            second = self._prepare(found)
            at = self._source(found)
            settings = self._session.settings
            gate = local_gates(settings.dialect, settings.limits().record_bytes_max).submit
            found.refuse_by_gate(refused_by_gate(gate, self._dataset, second.bodies()))
            changes = second.changes
            corrected, unchanged = changes.corrections.count, changes.unchanged.count
            return SyncPlan(
                read=found.read,
                mapped=found.mapped,
                rejected_local=found.refused_rows,
                duplicates_in_file=found.duplicates,
                new=found.records - corrected - unchanged,
                corrected=corrected,
                unchanged=unchanged,
                retracted=len(changes.absent),
                already_submitted=min(at.position, found.last_row) if self._job.input.file else 0,
                rejected_by_rule=dict(found.rules.most_common()),
            )

    def _prepare(self, found: FirstPass) -> SecondPass:
        """Read the input and find out what it changes."""
        spare_collector()
        job = self._job
        at = self._source(found) if job.input.goes_on else node_pb2.GetSourceResponse()
        cursor = "" if job.again else at.cursor
        waiting = self._waiting(at) if job.input.goes_on else frozenset()
        first_pass(found, job, self._mapping, self._dataset, cursor=cursor, waiting=waiting, progress=self._progress)
        writer = BodyWriter(self._dataset.type_url, real_data=not self._session.settings.demo)
        return SecondPass(found, self._changes(found), writer, at.position, self._mends)

    def _waiting(self, at: node_pb2.GetSourceResponse) -> frozenset[bytes]:
        """Return the keys of what earlier reads of a table refused: a row that is read again is known by them."""
        if not at.source:
            return frozenset()
        found = self._stream.rejections(at.source)
        return frozenset(one.key for one in found if one.key and not one.HasField("closed_time"))

    def _source_name(self, found: FirstPass) -> str:
        return self._job.input.name or f"sha256:{found.digest}"

    def _source(self, found: FirstPass) -> node_pb2.GetSourceResponse:
        return self._stream.source(self._source_name(found))

    def _changes(self, found: FirstPass) -> Changes:
        """Compare with what stands, unless everything is to be sent.

        Raises:
            SnapshotRefused: More would be withdrawn than is allowed.
        """
        job, submitted = self._job, self._stream.submitted_ever()
        again = job.again or self._goes_on_again(found)
        if not submitted or (again and not job.snapshot) or self._mends:
            return Changes()
        changes = self._standing.changes(
            found.staging,
            found.repeats,
            submitted=submitted,
            snapshot=job.snapshot,
            progress=self._progress.preparing,
        )
        if job.snapshot:
            _require_allowed(changes, found, job.allow_retract)
        return Changes(absent=changes.absent, standing=changes.standing) if again else changes

    def _goes_on_again(self, found: FirstPass) -> bool:
        """Whether a new run of a file was begun on purpose and did not come to its end.

        One that began by itself, since the file says otherwise than what stands, sends what still differs.
        """
        at = self._source(found)
        return self._job.input.file is not None and at.cursor == SENT_AGAIN and at.position < found.last_row

    def _begins_again(self, second: SecondPass) -> bool:
        """Whether a new run of the source begins: it is wanted, or the whole source is read anew.

        A file that was sent to its end, and then another one that says otherwise, is sent again where both differ. Rows
        that the partner refused in the former run are no reason: nothing has changed for them.
        """
        job, changes = self._job, second.changes
        if job.input.file is None:
            return not job.input.goes_on
        if job.again:
            return True
        at = self._source(second.found)
        if not (changes.corrections.count + changes.restored.count) or at.position < second.last_position:
            return False
        refused = self._refused_rows(at.source)
        return changes.corrections.beside(refused) + changes.restored.beside(refused) > 0

    def _refused_rows(self, source: str) -> RowBits:
        rows = RowBits()
        for found in self._stream.rejections(source):
            rows.add(found.row)
        return rows

    def _submit(self, second: SecondPass) -> Submission:
        job, found = self._job, second.found
        opening = node_pb2.SubmitRequest.Opening(
            to_city=job.to_city,
            dataset=job.dataset,
            source=self._source_name(found),
            label=job.input.label,
            again=self._begins_again(second),
        )
        on_purpose = job.input.file is not None and (job.again or self._goes_on_again(found))
        cursor_at = (lambda _: SENT_AGAIN) if on_purpose else second.cursor_at()
        submission = Submission(self._session.stub, opening, self._mapping.version, cursor_at)
        submission.open()
        self.opened = True
        try:
            # The node keeps its own rejections: `Outcome.list_rejections` brings them.
            deque(submission.send(second.items(submission.position), upto=second.last_position), maxlen=0)
            if absent := len(second.changes.absent):
                upto = max(submission.position, second.last_position) + absent
                withdrawals = second.withdrawals(self._standing, submission.position)
                deque(submission.send(withdrawals, upto=upto), maxlen=0)
        finally:
            submission.close()
        return submission


def _require_allowed(changes: Changes, found: FirstPass, allowed: int | None) -> None:
    """Hold a snapshot's withdrawals against what is allowed.

    Raises:
        SnapshotRefused: There are more, or it cannot be known which subjects are absent.
    """
    absent = len(changes.absent)
    if absent and found.unknown_keys and allowed is None:
        raise SnapshotRefused(
            f"有 {found.unknown_keys} 行无法识别主键，不能确定哪些记录已缺失；请先改正这些行，或用 --allow-retract N "
            f"允许 · {found.unknown_keys} rows have no readable business key, so nobody knows which subjects are "
            "absent: mend them first, or say --allow-retract N"
        )
    limit = changes.standing // RETRACTED_SHARE_MAX if allowed is None else allowed
    if absent > limit:
        raise SnapshotRefused(
            f"将撤销 {absent} 条（现有 {changes.standing} 条），超过允许的 {limit} 条；未发送任何记录。确认无误请用 "
            f"--allow-retract {absent} · would withdraw {absent} of {changes.standing} subjects, more than {limit}: "
            f"nothing was sent; if that is right, say --allow-retract {absent}"
        )
