from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from services.node.signals.crashes import frames, template, types

SECRET = "沈示例"

_CRASHES = f"""
import logging, threading
from services.node.signals.crashes import print_crash, tell_crashes
tell_crashes(print_crash)
class Odd:
    def __del__(self): raise ValueError("{SECRET}")
Odd()
thread = threading.Thread(target=lambda: int("{SECRET}"))
thread.start(); thread.join()
try: {{}}["{SECRET}"]
except KeyError: logging.getLogger("library").exception("cannot find %s", "{SECRET}")
raise RuntimeError("{SECRET}")
"""


def test_a_process_without_a_log_tells_types_and_places() -> None:
    """Of a finalizer, a thread, a library's line and its own end; never a text."""
    ended = subprocess.run([sys.executable, "-c", _CRASHES], capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    told = [line for line in ended.stderr.splitlines() if not line.startswith("  ")]
    assert told == [
        "builtins.ValueError",
        "builtins.ValueError",
        "library: cannot find %s",
        "builtins.KeyError",
        "builtins.RuntimeError",
    ]
    assert SECRET not in ended.stderr


def test_causes_are_told_outermost_first_and_a_circle_ends() -> None:
    """Types and places of the whole chain."""
    first, second = ValueError(SECRET), KeyError(SECRET)
    first.__cause__, second.__cause__ = second, first

    assert types(first) == ["builtins.ValueError", "builtins.KeyError"]
    assert frames(first) == []


@pytest.mark.parametrize(("message", "told"), [("a %s", "a %s"), ("first\nsecond", "first")])
def test_a_library_is_quoted_without_its_arguments(message: str, told: str) -> None:
    """The template is its author's; what is filled in may be a row's."""
    record = logging.LogRecord("x", logging.WARNING, __file__, 1, message, (SECRET,) if "%s" in message else (), None)

    assert template(record) == told
