"""Errors that nobody caught: told by types and places, never by their text, which may quote what was worked on.

Python itself would print text and source for each: of a process, of a thread, of a finalizer, and of a library that
logs while no log was set up.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Callable, Iterator

Tell = Callable[[BaseException], None]


def tell_crashes(tell: Tell) -> None:
    """Let uncaught errors of this process be told in one way, from now on.

    Args:
        tell: Is given the error.
    """
    sys.excepthook = lambda _kind, error, _trace: tell(error)
    threading.excepthook = lambda args: tell(args.exc_value or args.exc_type())
    sys.unraisablehook = lambda args: tell(args.exc_value or args.exc_type())
    logging.lastResort = _LastResort(tell)


def print_crash(error: BaseException) -> None:
    """Tell an error on stderr: one line for each place, then its type and its causes'."""
    print("\n".join([*(f"  {frame}" for frame in frames(error)), " < ".join(types(error))]), file=sys.stderr)


def types(error: BaseException) -> list[str]:
    """Return the types of an error and of its causes, outermost first."""
    return [f"{type(one).__module__}.{type(one).__qualname__}" for one in _chain(error)]


def frames(error: BaseException) -> list[str]:
    """Return the places that an error and its causes came from, "file:line function"."""
    found = (frame for one in _chain(error) for frame in traceback.extract_tb(one.__traceback__))
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in found]


class _LastResort(logging.Handler):
    """What libraries log in a process that keeps no log: their template and the error's type, without arguments."""

    def __init__(self, tell: Tell) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        print(f"{record.name}: {template(record)}", file=sys.stderr)
        if record.exc_info and record.exc_info[1] is not None:
            self._tell(record.exc_info[1])


def template(record: logging.LogRecord) -> str:
    """Return what a library says without what it says it about; the first line alone, asyncio's next show texts."""
    return str(record.msg).partition("\n")[0]


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    while id(error) not in seen:
        yield error
        seen.add(id(error))
        error = error.__cause__ or error.__context__ or error
