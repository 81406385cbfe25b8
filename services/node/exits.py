"""Exit codes of `yrdx`, and which error ends with which.

Programs branch on the code and on ``reason``; people read the message. Unknown errors are our own bugs: their text may
quote a row (a driver's message does), so of those only the type and the place are ever shown.
"""

from __future__ import annotations

import difflib
import errno
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final

from certs.errors import Reason, TrustError
from services.domain.errors import ExchangeError, NotFound, NotPermitted, StoreFailed, Unauthenticated, Unavailable


class Exit(IntEnum):
    """What the process ends with."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    """The caller's mistake: command line, settings, a file to import."""
    PARTIAL = 3
    """Done, and some records were rejected."""
    NOT_FOUND = 4
    NOT_PERMITTED = 5
    PARTNER_UNAVAILABLE = 6
    """Nothing is wrong with what was asked: the same again succeeds later."""
    PREFLIGHT_FAILED = 7
    INTERRUPTED = 130


class CommandFailed(Exception):
    """A command cannot do what it was asked; the message says what happened and what to do."""

    reason: ClassVar[str] = "FAILED"
    code: ClassVar[Exit] = Exit.FAILURE


class Mistake(CommandFailed, ValueError):
    """The caller made a mistake in something they wrote; every mistake is named at once."""

    reason: ClassVar[str] = "USAGE"
    code: ClassVar[Exit] = Exit.USAGE


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that comes closest to one that a caller wrote.

    Args:
        name: As written.
        known: Known names, at least one.
    """
    return difflib.get_close_matches(name, list(known), n=1, cutoff=0.0)[0]


class Interrupted(CommandFailed):
    """Ctrl-C during work that a command resumes.

    Attributes:
        resume: That command.
    """

    reason: ClassVar[str] = "INTERRUPTED"
    code: ClassVar[Exit] = Exit.INTERRUPTED

    def __init__(self, resume: str) -> None:
        super().__init__(f"已中断，继续请运行 · interrupted, to resume run: {resume}")
        self.resume = resume


@dataclass(frozen=True, slots=True)
class Fault:
    """One error as it is told.

    Attributes:
        reason: Stable word for programs.
        message: What happened and what to do, without personal data.
        code: What the process ends with.
    """

    reason: str
    message: str
    code: Exit


_EXCHANGE_CODES: Final = (
    (NotFound, Exit.NOT_FOUND),
    (NotPermitted, Exit.NOT_PERMITTED),
    (Unauthenticated, Exit.NOT_PERMITTED),
    (Unavailable, Exit.PARTNER_UNAVAILABLE),
)
_TRUST_CODES: Final = {
    Reason.KEYSTORE_MISSING: Exit.NOT_FOUND,
    Reason.OFFLINE_KEY_ABSENT: Exit.NOT_FOUND,
    Reason.SERVER_UNREACHABLE: Exit.PARTNER_UNAVAILABLE,
}
_FILE_CODES: Final = {
    "file.missing": Exit.NOT_FOUND,
    "folder.missing": Exit.NOT_FOUND,
    "file.unreadable": Exit.NOT_PERMITTED,
    "file.frames_unsaid": Exit.USAGE,
    "file.card_unsaid": Exit.USAGE,
}
_SYSTEM_CODES: Final = {
    errno.ENOENT: Exit.NOT_FOUND,
    errno.EACCES: Exit.NOT_PERMITTED,
    errno.EPERM: Exit.NOT_PERMITTED,
}


def fault_of(error: Exception) -> Fault | None:
    """Return how an error is told, or None when nobody foresaw it."""
    match error:
        case CommandFailed():
            return Fault(error.reason, str(error), error.code)
        case ExchangeError():
            code = next((code for kind, code in _EXCHANGE_CODES if isinstance(error, kind)), Exit.FAILURE)
            return Fault(error.reason, str(error), code)
        case TrustError():
            return Fault(error.reason, str(error), _TRUST_CODES.get(error.reason, Exit.FAILURE))
        case StoreFailed():
            return Fault("STORE_FAILED", str(error), Exit.FAILURE)
        case OSError() if error.errno is not None:
            return _system_fault(error)
        case _:
            return _late_fault(error)


def _late_fault(error: Exception) -> Fault | None:
    """Imported only now, when a command has failed: these packages bring grpc, SQLAlchemy and the mappings along."""
    from adapters.mapping import MappingInvalid, NotExpressible
    from adapters.samples import SizeRefused
    from adapters.tables import (
        RowNotWritten,
        SinkMoved,
        SinkRefused,
        SinkUnavailable,
        SourceRefused,
        SourceUnavailable,
    )
    from services.rpc.server import AddressTaken
    from services.store.errors import StoreRefused
    from services.store.failures import DATABASE_ERRORS, to_domain_error

    told = to_domain_error(error) if isinstance(error, DATABASE_ERRORS) else error
    if told is not error:
        return fault_of(told)
    code = Exit.FAILURE
    match error:
        case SizeRefused():
            return Fault(Mistake.reason, str(error), Mistake.code)
        case SourceUnavailable() | SinkUnavailable() | SinkMoved():
            code = Exit.PARTNER_UNAVAILABLE
        case SourceRefused():
            code = _FILE_CODES.get(error.rule_id, Exit.FAILURE)
        case SinkRefused():
            code = _FILE_CODES.get(error.rule_id, Exit.FAILURE)
        case StoreRefused() | AddressTaken() | MappingInvalid() | NotExpressible() | RowNotWritten():
            pass
        case _:
            return None
    return Fault(_reason(type(error)), str(error), code)


def _reason(kind: type[Exception]) -> str:
    """Return a class's name as a reason: ADDRESS_TAKEN."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).upper()


def _system_fault(error: OSError) -> Fault:
    number = error.errno or 0
    place = f"{error.filename}: " if error.filename is not None else ""
    reason = errno.errorcode.get(number, "SYSTEM")
    return Fault(reason, f"{place}{error.strerror}", _SYSTEM_CODES.get(number, Exit.FAILURE))


@contextmanager
def resumable(command: Callable[[], str]) -> Iterator[None]:
    """Name the command that resumes when the work inside is interrupted with Ctrl-C.

    Args:
        command: Returns that command; asked when it happens.

    Raises:
        Interrupted: In place of KeyboardInterrupt.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        raise Interrupted(command()) from error
