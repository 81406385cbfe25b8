from __future__ import annotations

import psycopg
import pysqlite3.dbapi2 as sqlite
import pytest
from psycopg import errors
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from services.domain.errors import Conflict, StoreFailed, StoreUnavailable
from services.store.failures import is_io_error, is_transient, to_domain_error


def sqlite_error(code: int) -> sqlite.OperationalError:
    """Make an error as the driver would."""
    error = sqlite.OperationalError("the message")
    error.sqlite_errorcode = code
    error.sqlite_errorname = "SQLITE_NAME"
    return error


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (sqlite.SQLITE_BUSY, StoreUnavailable),
        (sqlite.SQLITE_FULL, StoreUnavailable),
        (sqlite.SQLITE_READONLY, StoreUnavailable),
        (sqlite.SQLITE_CANTOPEN, StoreUnavailable),
        (sqlite.SQLITE_IOERR | 10 << 8, StoreUnavailable),
        (sqlite.SQLITE_CONSTRAINT | 8 << 8, Conflict),
        (sqlite.SQLITE_CORRUPT, StoreFailed),
        (sqlite.SQLITE_NOTADB, StoreFailed),
    ],
)
def test_what_sqlite_says(code: int, meaning: type[Exception]) -> None:
    """Every code that can happen in operation says who must act, wrapped by SQLAlchemy or not."""
    error = sqlite_error(code)
    assert type(to_domain_error(error)) is meaning
    assert type(to_domain_error(DBAPIError("SELECT 1", None, error))) is meaning


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (psycopg.OperationalError("the connection is lost"), StoreUnavailable),
        (psycopg.InterfaceError("the connection is closed"), StoreUnavailable),
        (errors.DiskFull(), StoreUnavailable),
        (errors.AdminShutdown(), StoreUnavailable),
        (errors.DeadlockDetected(), StoreUnavailable),
        (errors.ReadOnlySqlTransaction(), StoreUnavailable),
        (errors.UniqueViolation(), Conflict),
    ],
)
def test_what_postgresql_says(error: psycopg.Error, meaning: type[Exception]) -> None:
    """Every state that can happen in operation says who must act."""
    assert type(to_domain_error(error)) is meaning


def test_a_full_disk_is_waited_for_longer_than_a_lock() -> None:
    """Space does not come back within a second."""
    full, busy = (to_domain_error(sqlite_error(code)) for code in (sqlite.SQLITE_FULL, sqlite.SQLITE_BUSY))
    assert isinstance(full, StoreUnavailable)
    assert isinstance(busy, StoreUnavailable)
    assert full.retry_after_s is not None
    assert busy.retry_after_s is not None
    assert full.retry_after_s > busy.retry_after_s


def test_a_mistake_of_ours_stays_what_it_is() -> None:
    """Wrong SQL is not the operator's matter."""
    for error in (sqlite_error(sqlite.SQLITE_ERROR), errors.SyntaxError()):
        assert to_domain_error(error) is error


def test_no_free_connection_passes() -> None:
    """When every reader is busy, the caller comes back."""
    assert isinstance(to_domain_error(PoolTimeout()), StoreUnavailable)


def test_io_errors_are_told_apart() -> None:
    """Only an I/O error leaves a commit's outcome unknown."""
    assert is_io_error(sqlite_error(sqlite.SQLITE_IOERR | 4 << 8))
    assert not is_io_error(sqlite_error(sqlite.SQLITE_FULL))
    assert not is_io_error(errors.IoError())


def test_only_the_doing_of_others_is_tried_again() -> None:
    """Deadlocks and serialization failures are transient, nothing else is."""
    assert is_transient(errors.SerializationFailure())
    assert is_transient(DBAPIError("SELECT 1", None, errors.DeadlockDetected()))
    assert not is_transient(errors.UniqueViolation())
    assert not is_transient(sqlite_error(sqlite.SQLITE_BUSY))
