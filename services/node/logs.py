"""Logs: one JSON object a line on stderr, with a last scrub for personal data.

Nothing personal is ever given to the log; the scrub is the net below that. It looks at text only, so counts,
sequences and hashes stay as they are. Of an error that nobody foresaw only types and places are told: its text, and
every traceback's locals, may hold what was being worked on. Libraries' own lines go the same way.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Iterator
from typing import Any, Final

import structlog

_PERSONAL: Final = re.compile(r"(?<![0-9A-Za-z])(?:[1-9]\d{16}[\dXx]|[1-9]\d{14}|1[3-9]\d{9}|\d{16,19})(?![0-9A-Za-z])")
"""Citizen numbers of 18 and 15 digits, mobile telephones, bank cards."""


def start_logging(level: str) -> None:
    """Send structlog's lines to stderr as JSON.

    Args:
        level: "debug", "info", "warning" or "error".
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _tell_fault,
            _scrub,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_LibraryHandler()], level=logging.WARNING, force=True)


def log_beside() -> None:
    """Send the lines of a command that works on a home itself to stderr, as people read them: stdout is its answer."""
    if not structlog.is_configured():
        structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))


class _LibraryHandler(logging.Handler):
    """Passes on what libraries log, the first line alone: asyncio's next ones show the error's text."""

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage().partition("\n")[0]
        structlog.get_logger().warning("library.warning", logger=record.name, message=line, exc_info=record.exc_info)


def _tell_fault(_logger: Any, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:  # noqa: ANN401
    """Replace an exception by the types of it and its causes, outermost first, and the places they came from."""
    found = event.pop("exc_info", None)
    error = sys.exc_info()[1] if found is True else found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        chain = list(_chain(error))
        frames = (frame for one in chain for frame in traceback.extract_tb(one.__traceback__))
        event["fault"] = [f"{type(one).__module__}.{type(one).__qualname__}" for one in chain]
        event["frames"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return event


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    while id(error) not in seen:
        yield error
        seen.add(id(error))
        error = error.__cause__ or error.__context__ or error


def _scrub(_logger: Any, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:  # noqa: ANN401
    return {key: scrubbed(value) for key, value in event.items()}


def scrubbed(value: Any) -> Any:  # noqa: ANN401 - whatever a log line may hold
    """Return a value with everything that looks like a personal number masked, at any depth."""
    if isinstance(value, str):
        return _PERSONAL.sub("***", value)
    if isinstance(value, dict):
        return {key: scrubbed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [scrubbed(item) for item in value]
    return value
