"""One unit of work, the same on both databases."""

from __future__ import annotations

from services.store.transaction.access import AccessPart
from services.store.transaction.cases import CasesPart
from services.store.transaction.directory import DirectoryPart
from services.store.transaction.merging import MergingPart
from services.store.transaction.recovery import RecoveryPart
from services.store.transaction.revocations import RevocationsPart
from services.store.transaction.snapshot import SnapshotPart
from services.store.transaction.streams import StreamsPart
from services.store.transaction.subjects import SubjectsPart


class SqlTransaction(
    StreamsPart,
    RecoveryPart,
    SnapshotPart,
    DirectoryPart,
    RevocationsPart,
    SubjectsPart,
    MergingPart,
    AccessPart,
    CasesPart,
):
    """`services.ports.store.Transaction` in SQL. Each part stands in a file of its own."""
