from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from services.node.logs import scrubbed, start_logging

INVENTED = "320612199001010018"


@pytest.mark.parametrize(
    "number", [INVENTED, "32061219900101001X", "320612900101001", "13812345678", "6222021234567890123"]
)
def test_personal_numbers_are_masked(number: str) -> None:
    """The last net below everything that should not have been logged."""
    assert number not in scrubbed(f"row of {number}, refused")
    assert scrubbed([{"a": (number,)}]) == [{"a": ["***"]}]


@given(st.integers(0, 10**15), st.text("0123456789abcdef", min_size=64, max_size=64).filter(lambda h: not h.isdigit()))
def test_counts_and_hashes_stay(count: int, digest: str) -> None:
    """Numbers are no text, and hashes hold letters on both sides of any run that matters."""
    assert scrubbed(count) == count
    assert len(scrubbed("x" + digest)) == 65


@contextmanager
def logged(capsys: pytest.CaptureFixture[str]) -> Iterator[list[dict[str, Any]]]:
    """Log while a block runs; afterwards the list holds every line."""
    handlers = logging.getLogger().handlers[:]
    start_logging("info")
    lines: list[dict[str, Any]] = []
    try:
        yield lines
    finally:
        lines += [json.loads(line) for line in capsys.readouterr().err.splitlines()]
        structlog.reset_defaults()
        logging.getLogger().handlers[:] = handlers


def test_an_error_is_told_by_types_and_places(capsys: pytest.CaptureFixture[str]) -> None:
    """Its text and its locals may hold what was being worked on, and so may those of its causes."""
    secret = "沈示例"
    with logged(capsys) as lines:
        try:
            try:
                raise KeyError(secret)
            except KeyError as error:
                raise RuntimeError(f"broken at {secret}") from error
        except RuntimeError:
            structlog.get_logger("test").error("broken", exc_info=True)

    (line,) = lines
    assert line["fault"] == ["builtins.RuntimeError", "builtins.KeyError"]
    assert all("test_logs.py" in frame for frame in line["frames"])
    assert secret not in json.dumps(line, ensure_ascii=False)


def test_causes_that_go_in_a_circle_end(capsys: pytest.CaptureFixture[str]) -> None:
    """Describing a fault never hangs."""
    first, second = ValueError(), KeyError()
    first.__cause__, second.__cause__ = second, first
    with logged(capsys) as lines:
        structlog.get_logger("test").error("broken", exc_info=first)

    (line,) = lines
    assert (line["fault"], line["frames"]) == (["builtins.ValueError", "builtins.KeyError"], [])


async def test_what_libraries_log_goes_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    """A task's error that nobody fetched is told as JSON, without its text."""
    with logged(capsys) as lines:
        asyncio.get_running_loop().call_exception_handler(
            {"message": "Task exception was never retrieved", "exception": ValueError("沈示例"), "number": INVENTED}
        )

    (line,) = lines
    assert (line["event"], line["logger"]) == ("library.warning", "asyncio")
    assert line["message"] == "Task exception was never retrieved"
    assert line["fault"] == ["builtins.ValueError"]
    assert "沈示例" not in json.dumps(line, ensure_ascii=False)
