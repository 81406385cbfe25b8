"""What a database's error means: wait and retry, a conflict, or the end of the process.

A domain error never carries the database's own one: databases quote row values in their messages.
"""

from __future__ import annotations

import os
import sys
from typing import Final, NoReturn

import psycopg
import pysqlite3.dbapi2 as sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from services.domain.errors import Conflict, StoreFailed, StoreUnavailable

DATABASE_ERRORS: Final = (DBAPIError, PoolTimeout, sqlite.Error, psycopg.Error)

_EXIT_CODE: Final = 70
_RETRY_S: Final = 1.0
_RETRY_FULL_S: Final = 30.0

_SQLITE_UNAVAILABLE: Final = {
    sqlite.SQLITE_PERM,
    sqlite.SQLITE_BUSY,
    sqlite.SQLITE_LOCKED,
    sqlite.SQLITE_READONLY,
    sqlite.SQLITE_IOERR,
    sqlite.SQLITE_CANTOPEN,
    sqlite.SQLITE_PROTOCOL,
}
_SQLITE_DAMAGED: Final = {sqlite.SQLITE_CORRUPT, sqlite.SQLITE_NOTADB}

# Classes and codes of PostgreSQL's appendix A.
_POSTGRESQL_INTEGRITY: Final = "23"
_POSTGRESQL_FULL: Final = "53100"
_POSTGRESQL_RETRIED: Final = ("40001", "40P01")  # serialization_failure, deadlock_detected
_POSTGRESQL_UNAVAILABLE: Final = ("08", "25006", "40", "53", "55P03", "57", "58")


def to_domain_error(error: Exception) -> Exception:
    """Say in the exchange's words what a database's error means.

    Args:
        error: One of DATABASE_ERRORS.

    Returns:
        `StoreUnavailable`, `Conflict` (another process stored the same first), `StoreFailed` (the file is damaged),
        or the error itself, when it is a mistake of ours.
    """
    original = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(original, PoolTimeout):
        return StoreUnavailable("the store is busy: every connection is in use", retry_after_s=_RETRY_S)
    if isinstance(original, sqlite.Error):
        return _from_sqlite(original) or error
    if isinstance(original, psycopg.Error):
        return _from_postgresql(original) or error
    return error


def is_io_error(error: Exception) -> bool:
    """Say whether SQLite failed to read, write or sync: after a commit, its outcome is unknown."""
    code = _sqlite_code(error.orig if isinstance(error, DBAPIError) else error)
    return code is not None and code == sqlite.SQLITE_IOERR


def is_transient(error: Exception) -> bool:
    """Say whether PostgreSQL undid a transaction only because of another one, so that it may run again at once."""
    original = error.orig if isinstance(error, DBAPIError) else error
    return getattr(original, "sqlstate", None) in _POSTGRESQL_RETRIED


def end_process(failure: StoreFailed) -> NoReturn:
    """End the process at once, without cleaning up: nothing may be acknowledged any more."""
    sys.stderr.write(f"yrdx: {failure}; the process ends\n")
    sys.stderr.flush()
    os._exit(_EXIT_CODE)


def _sqlite_code(error: BaseException | None) -> int | None:
    """Return SQLite's primary result code."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else int(code) & 0xFF


def _from_sqlite(error: sqlite.Error) -> Exception | None:
    code = _sqlite_code(error)
    name = getattr(error, "sqlite_errorname", "")
    if code == sqlite.SQLITE_FULL:
        return StoreUnavailable(f"the store's disk is full ({name}): free some space", retry_after_s=_RETRY_FULL_S)
    if code in _SQLITE_UNAVAILABLE:
        return StoreUnavailable(f"the store is locked or gone ({name})", retry_after_s=_RETRY_S)
    if code in _SQLITE_DAMAGED:
        return StoreFailed(f"the store's file is damaged ({name}): restore a backup")
    if code == sqlite.SQLITE_CONSTRAINT:
        return Conflict(f"another process stored the same first ({name})")
    return None


def _from_postgresql(error: psycopg.Error) -> Exception | None:
    state = error.sqlstate or ""
    if state == _POSTGRESQL_FULL:
        return StoreUnavailable(f"the store's disk is full ({state}): free some space", retry_after_s=_RETRY_FULL_S)
    lost = not state and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    if lost or state.startswith(_POSTGRESQL_UNAVAILABLE):
        return StoreUnavailable(f"the store is not reachable or busy ({state or 'no answer'})", retry_after_s=_RETRY_S)
    if state.startswith(_POSTGRESQL_INTEGRITY):
        return Conflict(f"another process stored the same first ({state})")
    return None
