"""PostgreSQL's own pg_dump and pg_restore, run as they are found on the PATH.

Both must not be older than the server. What they write about a failure may quote rows (COPY names the line that it
could not store), so none of it is told; the message names the command, to be run by hand.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from services.store.errors import ToolFailed


def dump(url: str, path: Path) -> None:
    """Dump a database as of one moment (one snapshot, whatever is written meanwhile) in pg_dump's custom format.

    Args:
        url: ``postgresql://…``.
        path: File that exists, and is overwritten.

    Raises:
        ToolFailed: pg_dump is not there, or failed.
    """
    _run(["pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={path}", f"--dbname={url}"])


def load(url: str, path: Path) -> None:
    """Load a dump into an empty database, all or nothing.

    Raises:
        ToolFailed: pg_restore is not there, or failed; the database is as it was.
    """
    _run(["pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", f"--dbname={url}", str(path)])


def _run(command: list[str]) -> None:
    tool = command[0]
    if shutil.which(tool) is None:
        raise ToolFailed(
            f"{tool} is not on the PATH: install PostgreSQL's client programs, of the server's version or newer"
        )
    ended = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True)
    if ended.returncode != 0:
        raise ToolFailed(
            f"{tool} ended with {ended.returncode}; it must not be older than the server. To see why, run it by hand: "
            + " ".join(command)
        )
