"""Logs: one JSON object a line on stderr, of known facts alone, with a last scrub for personal data.

Nothing personal is ever given to the log. Two nets hang below that: a fact passes by its name, and whatever has
another name leaves its type alone; then whatever looks like a personal number is masked. Of an error that nobody
foresaw only types and places are told: its text, and every traceback's locals, may hold what was being worked on.
Libraries' own lines, and Python's about errors that nobody caught, go the same way.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
import re
import sys
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from select import PIPE_BUF
from typing import Any, Final, TextIO

import structlog

from services.node.signals.crashes import frames, tell_crashes, template, types

FACTS: Final = frozenset(
    {
        # every line
        *("event", "level", "timestamp", "message", "reason"),
        # calls and batches
        *("method", "city", "role", "status", "duration_ms", "records", "bytes_in", "bytes_out"),
        *("trace_id", "remote_trace_id", "stream", "epoch", "first_sequence", "last_sequence", "record_count"),
        *("accepted_count", "rejected_count", "duplicate", "receipt_hash", "attempts"),
        # the node, its keys and its trust
        *("listen", "software", "metrics", "act", "generation", "fingerprint", "version", "ends", "ended", "number"),
        *("usage", "alert", "calls", "others", "slowest_ms", "files", "days"),
        # faults
        *("fault", "frames", "logger"),
    }
)
"""Names of what a line may say; a test holds them against every line in the code."""

_JSON: Final = json.JSONEncoder(ensure_ascii=False)
_EVENT: Final = re.compile(r"[a-z_]+(\.[a-z_]+)+")
_PERSONAL: Final = re.compile(r"(?<![0-9A-Za-z])(?:[1-9]\d{16}[\dXx]|[1-9]\d{14}|1[3-9]\d{9}|\d{16,19})(?![0-9A-Za-z])")
"""Citizen numbers of 18 and 15 digits, mobile telephones, bank cards."""
_PERSONAL_MIN: Final = 11
"""Characters of the shortest of them."""


def start_logging(level: str) -> None:
    """Let a process keep a log: our lines, and what libraries and Python itself would print to stderr.

    Args:
        level: "debug", "info", "warning" or "error".
    """
    write_lines(level)
    logging.basicConfig(handlers=[_LibraryHandler()], level=logging.WARNING, force=True)
    warnings.showwarning = _show_warning
    tell_crashes(lambda error: structlog.get_logger().error("process.fault", exc_info=error))


def write_lines(level: str) -> None:
    """Send our own lines to stderr as JSON.

    Args:
        level: As in `start_logging`.
    """
    structlog.configure(
        processors=[structlog.processors.add_log_level, _tell_fault, _as_line],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=lambda *_: _LINES,
        cache_logger_on_first_use=True,
    )


def log_beside() -> None:
    """Let a command that works on a home itself warn on stderr, by the same rules: stdout is its answer."""
    if not structlog.is_configured():
        write_lines("warning")


class _Lines:
    """Writes lines to whatever stderr is now: those of one turn of an event loop together, any other at once.

    A write lets another thread have Python's lock, and the loop waits to get it back: a write for each of the calls
    that end in one turn took longer than all else that is told of them. Only a process that is killed loses a turn's.
    Where nobody takes them any more (a closed pipe, a full disk) lines are lost, and the node goes on.
    """

    def __init__(self) -> None:
        self._waiting: deque[str] = deque()
        self._turning: asyncio.AbstractEventLoop | None = None
        atexit.register(self.write)

    def msg(self, line: str) -> None:
        """Take a line, from any thread."""
        self._waiting.append(f"{line}\n")
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.write()
            return
        if self._turning is not loop:
            self._turning = loop
            loop.call_soon(self.write)

    def write(self) -> None:
        """Write what waits, from any thread; two processes' lines do not mix on one pipe."""
        self._turning = None
        lines = []
        with suppress(IndexError):
            while True:
                lines.append(self._waiting.popleft())
        with suppress(OSError, ValueError):  # raised in the loop it would be logged, and so on for ever
            for piece in _pieces(lines):
                sys.stderr.write(piece)
                sys.stderr.flush()

    debug = info = warning = error = msg


def _pieces(lines: Iterable[str]) -> Iterator[str]:
    """Put lines together up to what a pipe takes whole (POSIX, PIPE_BUF); a longer line is a piece of its own."""
    piece, size = list[str](), 0
    for line in lines:
        length = len(line.encode())
        if size + length > PIPE_BUF and piece:
            yield "".join(piece)
            piece, size = [], 0
        piece.append(line)
        size += length
    if piece:
        yield "".join(piece)


_LINES: Final = _Lines()


def write_waiting() -> None:
    """Write the lines that wait for the end of a turn: the process ends before it."""
    _LINES.write()


class _LibraryHandler(logging.Handler):
    """Passes on what libraries log."""

    def emit(self, record: logging.LogRecord) -> None:
        line = template(record)
        structlog.get_logger().warning("library.warning", logger=record.name, message=line, exc_info=record.exc_info)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Tell a warning by its class and place; its text may quote values."""
    structlog.get_logger().warning("library.warning", logger=category.__name__, frames=[f"{filename}:{lineno}"])


def _tell_fault(_logger: Any, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:  # noqa: ANN401
    """Replace an exception by the types of it and its causes, outermost first, and the places they came from."""
    found = event.pop("exc_info", None)
    error = sys.exc_info()[1] if found is True else found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        event["fault"] = types(error)
        event["frames"] = frames(error)
    return event


def _as_line(_logger: Any, _name: str, event: structlog.typing.EventDict) -> str:  # noqa: ANN401
    """Return the line: a tenth of what a look-up costs the event loop, so usual values pass by their type."""
    said: dict[str, Any] = {}
    for key, value in event.items():
        if key not in FACTS:
            said[key] = _type_of(value)
        elif type(value) is int or (type(value) is str and len(value) < _PERSONAL_MIN):
            said[key] = value
        else:
            said[key] = known(value)
    if not _EVENT.fullmatch(str(said["event"])):
        said["event"] = _type_of(event["event"])
    said["timestamp"] = f"{datetime.now(UTC).replace(tzinfo=None).isoformat()}Z"
    return _JSON.encode(said)


def known(value: Any) -> Any:  # noqa: ANN401 - whatever a log line may hold
    """Return what may be said of a known fact.

    Returns:
        A number as it is, a text with everything that looks like a personal number masked, a list of such; of anything
        else its type, since an object's text may show what it holds.
    """
    if isinstance(value, str):
        return value if len(value) < _PERSONAL_MIN else _PERSONAL.sub("***", value)
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, list | tuple):
        return [known(item) for item in value]
    return _type_of(value)


def _type_of(value: object) -> str:
    return f"<{type(value).__name__}>"
