"""A node's process as its operator's shell commands see it: a file with its number, one line to kill, one to start."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from services.node.conformance.lifecycle import Lifecycle

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Commands:
    """Shell commands around one process.

    Attributes:
        folder: Where its number and its log are.
        line: What is run.
    """

    folder: Path
    line: Sequence[object]

    @property
    def kill(self) -> str:
        """Ends it at once."""
        return f"kill -9 $(cat {shlex.quote(str(self._number))})"

    @property
    def restart(self) -> str:
        """Ends it in order where it runs, and starts it."""
        number, log = shlex.quote(str(self._number)), shlex.quote(str(self.folder / "log"))
        path = shlex.quote(os.pathsep.join([str(ROOT), str(ROOT / "proto")]))
        return (
            f"if [ -f {number} ] && kill $(cat {number}) 2>/dev/null; "
            f"then while kill -0 $(cat {number}) 2>/dev/null; do sleep 0.05; done; fi\n"
            f"cd {shlex.quote(str(ROOT))}\n"
            f"PYTHONPATH={path} setsid {shlex.join(map(str, (sys.executable, *self.line)))} "
            f"< /dev/null >> {log} 2>&1 &\n"
            f"echo $! > {number}"
        )

    @property
    def lifecycle(self) -> Lifecycle:
        """Both commands."""
        return Lifecycle(self.restart, self.kill)

    def end(self) -> None:
        """End whatever still runs."""
        with suppress(ProcessLookupError, FileNotFoundError):
            os.kill(int(self._number.read_text(encoding="ascii")), signal.SIGKILL)

    @property
    def _number(self) -> Path:
        return self.folder / "pid"
