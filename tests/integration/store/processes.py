"""Running `tests.integration.store.writer`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def start_writer(url: str, *options: str, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """Start a writer; ``before`` is what it runs under."""
    command = [*before, sys.executable, "-m", "tests.integration.store.writer", url, *options]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def answered(line: str) -> int:
    """Read what the writer said."""
    word, position = line.split()
    assert word == "answered"
    return int(position)
