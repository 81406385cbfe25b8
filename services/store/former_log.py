"""The access log of a store that a backup replaces: what it holds since the backup goes on in the copy.

The log is evidence, and nothing in it is ever removed, by a restore neither. It only grows, so the copy's log is the
beginning of the replaced store's, id by id; where it is not, the two are different histories and are not mixed.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import pysqlite3.dbapi2 as sqlite

from services.store.engines import sqlite_path, sqlite_uri
from services.store.failures import to_domain_error
from services.store.tables import ACCESS

_NAMES: Final = [column.name for column in ACCESS.columns]
_HAS_LOG: Final = "SELECT count(*) FROM former.sqlite_master WHERE type = 'table' AND name = 'access'"
_IS_WHOLE: Final = "PRAGMA former.integrity_check('access')"
_COMMON_END: Final = (
    "SELECT min((SELECT coalesce(max(id), 0) FROM main.access), (SELECT coalesce(max(id), 0) FROM former.access))"
)
_IS_SAME: Final = (
    "SELECT (SELECT count(*) FROM main.access WHERE id <= :end) = (SELECT count(*) FROM former.access WHERE id <= :end)"  # noqa: S608 - its names are ours
    " AND NOT EXISTS (SELECT 1 FROM main.access AS copied LEFT JOIN former.access AS one ON one.id = copied.id"
    f" WHERE copied.id <= :end AND ({', '.join(f'copied.{name}' for name in _NAMES)})"
    f" IS NOT ({', '.join(f'one.{name}' for name in _NAMES)}))"
)
_CARRY: Final = (
    f"INSERT INTO main.access ({', '.join(_NAMES)}) SELECT {', '.join(_NAMES)} FROM former.access"  # noqa: S608 - the same
    " WHERE id > (SELECT coalesce(max(id), 0) FROM main.access) ORDER BY id"
)


class FormerLog(StrEnum):
    """What became of the access log of the store that was replaced."""

    CONTINUED = "CONTINUED"
    """The copy's log holds all of it."""
    ABSENT = "ABSENT"
    """There is no such store, or it is from before there was such a log."""
    ELSEWHERE = "ELSEWHERE"
    """PostgreSQL: it stays in the former database, which the settings do not name any more."""
    UNREADABLE = "UNREADABLE"
    """It is damaged, or has another form than this version's."""
    DIVERGED = "DIVERGED"
    """The copy's log is not its beginning; nothing was copied."""


@dataclass(frozen=True, slots=True)
class CarriedAccesses:
    """What was done.

    Attributes:
        former: Of the former log.
        count: Accesses that were copied; 0 unless it is continued.
    """

    former: FormerLog
    count: int = 0


def carry_accesses(former: Path | None, staged_url: str) -> CarriedAccesses:
    """Append to a staged store the accesses that a former one has since, all or none; the former one is only read.

    Args:
        former: SQLite file of the former store, which nobody serves; None if there is none.
        staged_url: As `services.store.restore.staged` gave it, migrated.

    Raises:
        services.domain.errors.StoreUnavailable: The staged store cannot be written: the disk is full.
    """
    if former is None:
        return CarriedAccesses(FormerLog.ABSENT)
    with closing(sqlite.connect(sqlite_uri(sqlite_path(staged_url), "rw"), uri=True, isolation_level=None)) as staged:
        found = _attach(staged, former)
        return CarriedAccesses(found, _carry(staged) if found is FormerLog.CONTINUED else 0)


def _attach(staged: sqlite.Connection, former: Path) -> FormerLog:
    """Let the staged store's connection see the former one as `former`, and say how its log goes on."""
    try:
        staged.execute("ATTACH ? AS former", (sqlite_uri(former, "ro"),))
        if not staged.execute(_HAS_LOG).fetchone()[0]:
            return FormerLog.ABSENT
        if staged.execute(_IS_WHOLE).fetchone() != ("ok",):
            return FormerLog.UNREADABLE
        (end,) = staged.execute(_COMMON_END).fetchone()
        (is_same,) = staged.execute(_IS_SAME, {"end": end}).fetchone()
    except sqlite.Error:
        return FormerLog.UNREADABLE
    return FormerLog.CONTINUED if is_same else FormerLog.DIVERGED


def _carry(staged: sqlite.Connection) -> int:
    try:
        return int(staged.execute(_CARRY).rowcount)
    except sqlite.Error as error:
        raise to_domain_error(error) from None  # see services.store.failures
