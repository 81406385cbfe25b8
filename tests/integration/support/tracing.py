"""Whether system calls can be traced here: strace is not everywhere, and some containers forbid it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

STRACE: Final = shutil.which("strace") or ""
_YAMA: Final = Path("/proc/sys/kernel/yama/ptrace_scope")


def _why_not() -> str:
    """Return why strace cannot look into a process of ours; empty when it can."""
    if not STRACE:
        return "strace is not installed: nothing shows the system calls"
    if subprocess.run([STRACE, "-o", os.devnull, "true"], capture_output=True, check=False).returncode:
        return "strace may not trace here: run on a machine, or in a container, that allows ptrace"
    if os.geteuid() and _YAMA.exists() and _YAMA.read_text(encoding="ascii").strip() != "0":
        return f"strace may not attach to running processes: {_YAMA} must say 0, or the tests run as root"
    return ""


_REASON: Final = _why_not()
needs_strace = pytest.mark.skipif(bool(_REASON), reason=_REASON)
