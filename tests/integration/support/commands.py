"""The command line as operators and scripts use it: in this process where it is quick, in one of its own otherwise."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from services.node.main import run


@dataclass(frozen=True, slots=True)
class Ran:
    """A command line that ended.

    Attributes:
        line: What was run, for messages.
        code: Exit code.
        out: Its stdout.
        err: Its stderr.
    """

    line: str
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The JSON value on stdout."""
        return json.loads(self.out)

    @property
    def reason(self) -> str:
        """The reason of the error that ``--json`` reports."""
        return str(self.json["error"]["reason"])


def yrdx(*arguments: object, code: int | Collection[int] = 0) -> Ran:
    """Run a command line in this process and return what it wrote, once it ended as it must.

    The same code as the command's own entry point, without the second that its start takes.

    Args:
        arguments: What stands after ``yrdx``.
        code: Exit code that is right, or several.
    """
    words = [str(argument) for argument in arguments]
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        ended = run(words)
    return _expected(Ran(" ".join(words), ended, out.getvalue(), err.getvalue()), code)


def start_yrdx(*arguments: object) -> subprocess.Popen[str]:
    """Start a command line in a process and a group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "services.node.main", *map(str, arguments)],
        env={name: value for name, value in os.environ.items() if not name.startswith("YRDX_")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str], *, code: int | Collection[int] = 0, timeout_s: float = 60.0) -> Ran:
    """Wait for a started command line to end as it must."""
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    words = [str(word) for word in process.args][3:] if isinstance(process.args, list) else []
    return _expected(Ran(" ".join(words), process.returncode, out, err), code)


def sync(home: Path, file: Path, to_city: str, *more: object, code: int | Collection[int] = (0, 3)) -> Ran:
    """Run ``yrdx sync run … --json`` in this process."""
    return yrdx(*sync_line(home, file, to_city), *more, code=code)


def sync_line(home: Path, file: Path, to_city: str) -> list[object]:
    """Return the words of ``yrdx sync run … --json`` for contributions."""
    return ["sync", "run", file, "--home", home, "--to", to_city, "--dataset", "social.contribution", "--json"]


def _expected(ran: Ran, code: int | Collection[int]) -> Ran:
    right = {code} if isinstance(code, int) else set(code)
    assert ran.code in right, f"yrdx {ran.line}: exit code {ran.code}\n{ran.out}{ran.err}"
    return ran
