"""Why a store is not opened: an operator acts. What happens to an open one says `services.domain.errors`."""

from __future__ import annotations

from collections.abc import Sequence


class StoreRefused(Exception):
    """Root: this store is not opened; the message says what to do."""


class MigrationsPending(StoreRefused):
    """The store is older than this software, or empty.

    Args:
        pending: Revisions that it lacks, oldest first.
    """

    def __init__(self, pending: Sequence[str]) -> None:
        super().__init__(f"the store lacks the migrations {', '.join(pending)}: stop the node, run `yrdx db migrate`")
        self.pending = tuple(pending)


class SchemaTooNew(StoreRefused):
    """A newer version of this software has migrated the store; an older one would misread it."""


class UnsafeDatabase(StoreRefused):
    """The database may lose what it has acknowledged: a setting, or a bug of its version."""


class BackupUnfit(StoreRefused):
    """A file is no whole backup of such a store, or a database is not ready to take it."""


class ToolFailed(StoreRefused):
    """A program of PostgreSQL is not there, or failed."""
