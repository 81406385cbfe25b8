"""Logs: one JSON object a line on stderr, with a last scrub for personal data.

Nothing personal is ever given to the log; the scrub is the net below that. It looks at text only, so counts,
sequences and hashes stay as they are.
"""

from __future__ import annotations

import logging
import re
import sys
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
            # Frames without locals: locals hold records.
            structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
            _scrub,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


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
