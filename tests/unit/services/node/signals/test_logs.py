from __future__ import annotations

import ast
import asyncio
import errno
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import PIPE_BUF
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from services.node.signals.logs import FACTS, _pieces, known, start_logging

INVENTED = "320612199001010018"


@pytest.mark.parametrize(
    "number", [INVENTED, "32061219900101001X", "320612900101001", "13812345678", "6222021234567890123"]
)
def test_personal_numbers_are_masked(number: str) -> None:
    """The last net below everything that should not have been logged."""
    assert number not in known(f"row of {number}, refused")
    assert known([(number,)]) == [["***"]]


@given(st.integers(0, 10**15), st.text("0123456789abcdef", min_size=64, max_size=64).filter(lambda h: not h.isdigit()))
def test_counts_and_hashes_stay(count: int, digest: str) -> None:
    """Numbers are no text, and hashes hold letters on both sides of any run that matters."""
    assert known(count) == count
    assert len(known("x" + digest)) == 65


@contextmanager
def logged(capsys: pytest.CaptureFixture[str]) -> Iterator[list[dict[str, Any]]]:
    """Log while a block runs; afterwards the list holds every line."""
    handlers = logging.getLogger().handlers[:]
    hooks = (sys.excepthook, threading.excepthook, sys.unraisablehook, logging.lastResort, warnings.showwarning)
    start_logging("info")
    lines: list[dict[str, Any]] = []
    try:
        yield lines
    finally:
        lines += [json.loads(line) for line in capsys.readouterr().err.splitlines()]
        structlog.reset_defaults()
        logging.getLogger().handlers[:] = handlers
        sys.excepthook, threading.excepthook, sys.unraisablehook, logging.lastResort, warnings.showwarning = hooks


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
            structlog.get_logger("test").error("test.broken", exc_info=True)

    (line,) = lines
    assert line["fault"] == ["builtins.RuntimeError", "builtins.KeyError"]
    assert all("test_logs.py" in frame for frame in line["frames"])
    assert secret not in json.dumps(line, ensure_ascii=False)


def test_causes_that_go_in_a_circle_end(capsys: pytest.CaptureFixture[str]) -> None:
    """Describing a fault never hangs."""
    first, second = ValueError(), KeyError()
    first.__cause__, second.__cause__ = second, first
    with logged(capsys) as lines:
        structlog.get_logger("test").error("test.broken", exc_info=first)

    (line,) = lines
    assert (line["fault"], line["frames"]) == (["builtins.ValueError", "builtins.KeyError"], [])


async def test_what_libraries_log_goes_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    """A task's error that nobody fetched is told as JSON, without its text."""
    with logged(capsys) as lines:
        asyncio.get_running_loop().call_exception_handler(
            {"message": "Task exception was never retrieved", "exception": ValueError("沈示例"), "number": INVENTED}
        )
        await asyncio.sleep(0)

    (line,) = lines
    assert (line["event"], line["logger"]) == ("library.warning", "asyncio")
    assert line["message"] == "Task exception was never retrieved"
    assert line["fault"] == ["builtins.ValueError"]
    assert "沈示例" not in json.dumps(line, ensure_ascii=False)


async def test_lines_of_one_turn_are_one_write(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write lets another thread have Python's lock; a line from a thread waits for nobody."""
    writes: list[int] = []
    with logged(capsys) as lines:
        written = sys.stderr.write

        def write(text: str) -> int:
            writes.append(text.count("\n"))
            return written(text)

        monkeypatch.setattr(sys.stderr, "write", write)
        log = structlog.get_logger("test")
        for number in range(3):
            log.info("call.ended", number=number)
        assert writes == []
        await asyncio.sleep(0)
        log.info("call.ended", number=3)
        await asyncio.to_thread(log.info, "call.ended", number=4)
        monkeypatch.undo()

    assert (writes[0], sum(writes)) == (3, 5)
    assert [line["number"] for line in lines] == [0, 1, 2, 3, 4]


def test_a_loop_that_ended_keeps_no_line_back(capsys: pytest.CaptureFixture[str]) -> None:
    """The last turn's lines come with the next line, or with the end of the process."""

    async def last_words() -> None:
        structlog.get_logger("test").info("node.stopped")

    with logged(capsys) as lines:
        for _ in range(2):
            loop = asyncio.new_event_loop()
            loop.run_until_complete(last_words())
            loop.close()
        structlog.get_logger("test").info("node.ended")

    assert [line["event"] for line in lines] == ["node.stopped", "node.stopped", "node.ended"]


async def test_a_stderr_that_takes_nothing_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk or a closed pipe loses the lines; the loop does not turn them into more lines."""
    tried: list[str] = []

    def write(text: str) -> int:
        tried.append(text)
        raise OSError(errno.ENOSPC, "no space left on device")

    start_logging("info")
    monkeypatch.setattr(sys.stderr, "write", write)
    structlog.get_logger("test").info("node.serving")
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(tried) == 1
    monkeypatch.undo()
    structlog.reset_defaults()


@given(st.lists(st.integers(1, 3 * PIPE_BUF)))
def test_pieces_hold_whole_lines_and_no_more_than_a_pipe_takes(lengths: list[int]) -> None:
    """All lines in their order; what is longer than a pipe takes is alone."""
    lines = [f"{'文' * (length // 3)}{'x' * (length % 3)}\n" for length in lengths]
    pieces = list(_pieces(lines))
    assert "".join(pieces) == "".join(lines)
    assert all(len(piece.encode()) <= PIPE_BUF or piece.count("\n") == 1 for piece in pieces)


def test_a_fact_passes_by_its_name_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """What nobody listed leaves its type and no more, and so does an object under a listed name."""
    with logged(capsys) as lines:
        structlog.get_logger("test").info(
            "batch.applied", record_count=3, name="沈示例", row={"姓名": "沈示例"}, reason=ValueError("沈示例")
        )

    (line,) = lines
    assert (line["record_count"], line["name"], line["row"], line["reason"]) == (3, "<str>", "<dict>", "<ValueError>")
    assert "沈示例" not in json.dumps(line, ensure_ascii=False)


def test_an_event_is_a_word_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    """A sentence with something in it is not one."""
    with logged(capsys) as lines:
        structlog.get_logger("test").warning("沈示例 was refused")

    assert [line["event"] for line in lines] == ["<str>"]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text("ab沈"), st.lists, max_leaves=5))
def test_plain_values_pass_as_they_are(value: Any) -> None:
    """Lists of them too, at any depth."""
    assert known(value) == value


def _said() -> Iterator[tuple[str, ast.Call]]:
    """Yield every line that the product logs: file and call."""
    levels = {"debug", "info", "warning", "error"}
    for file in [*Path("services").rglob("*.py"), *Path("adapters").rglob("*.py"), *Path("certs").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in levels:
                owner = ast.unparse(node.func.value)
                if owner == "_log" or "get_logger" in owner:
                    yield f"{file}:{node.lineno}", node


def test_every_line_of_the_product_says_known_facts_alone() -> None:
    """None of them would lose a fact to the list, and none has an event that is put together."""
    said = list(_said())
    unknown = [
        (place, word.arg) for place, call in said for word in call.keywords if word.arg not in {*FACTS, "exc_info"}
    ]
    made_up = [place for place, call in said if any(isinstance(part, ast.JoinedStr) for part in ast.walk(call.args[0]))]

    assert len(said) > 20
    assert (unknown, made_up) == ([], [])


def test_errors_that_nobody_caught_are_told_without_their_text(capsys: pytest.CaptureFixture[str]) -> None:
    """Of a thread, of a finalizer and of the process itself: Python would print text and source."""
    with logged(capsys) as lines:
        thread = threading.Thread(target=lambda: int("沈示例"))
        thread.start()
        thread.join()
        sys.excepthook(ValueError, ValueError("沈示例"), None)
        warnings.showwarning(UserWarning("沈示例"), UserWarning, "some.py", 3)

    assert [line["event"] for line in lines] == ["process.fault", "process.fault", "library.warning"]
    assert lines[0]["fault"] == ["builtins.ValueError"]
    assert "沈示例" not in json.dumps(lines, ensure_ascii=False)
