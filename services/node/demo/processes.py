"""Node processes: started as an operator starts them, watched until they serve, stopped in order."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from services.domain.errors import Unavailable
from services.node.home import Home
from services.node.lock import held_by
from services.node.session import open_session
from yrdx.node.v1 import node_pb2

READY_WITHIN_S: Final = 30.0
STOPPED_WITHIN_S: Final = 20.0


class NodeProcess:
    """One `yrdx serve` of a home, in a process of its own; its log goes to ``node.log``."""

    def __init__(self, home: Home) -> None:
        """Prepare; `start` starts it."""
        self.home = home
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start the node and wait until it serves; one that does not is stopped again."""
        try:
            self.start()
        except BaseException:  # Ctrl-C too: afterwards nobody would know of the process
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the node."""
        self.stop()

    def start(self) -> None:
        """Start the node and wait until it serves.

        Raises:
            Unavailable: It ended, or does not serve in time; the message holds the last line of its log.
        """
        command = [sys.executable, "-m", "services.node.main", "serve", "--home", str(self.home.path)]
        with self.home.log.open("ab") as log, _uninterrupted():
            self.process = subprocess.Popen(  # its own group: a Ctrl-C is ours to pass on
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        self._wait_until_serving()

    def kill(self) -> None:
        """Kill the node with -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> None:
        """Tell the node to stop and wait for it; kill it when it does not."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()

    @property
    def peak_rss_mib(self) -> float:
        """Largest resident memory so far, MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024

    @property
    def pid(self) -> int:
        """Its process id.

        Raises:
            ValueError: It was not started.
        """
        if self.process is None:
            raise ValueError("the node was not started")
        return self.process.pid

    def _wait_until_serving(self) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                break
            if held_by(self.home) == self.pid and self._answers():
                return
            time.sleep(0.05)
        raise Unavailable(
            f"the node of {self.home.path} does not serve; {self.home.log} ends with: {self._last_words()}"
        )

    def _last_words(self) -> str:
        """Return the log's last line; no line of it holds a value of a record."""
        lines = self.home.log.read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "nothing")

    def _answers(self) -> bool:
        try:
            with open_session(self.home.path) as session:
                return session.serving and bool(session.stub.GetStatus(node_pb2.GetStatusRequest()).city)
        except Unavailable:
            return False


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Put off Ctrl-C until the block ends: within `subprocess.Popen` it would leave a process of which nobody knows.

    Raises:
        KeyboardInterrupt: It came meanwhile.
    """
    if threading.current_thread() is not threading.main_thread():  # signals reach the main thread alone
        yield
        return
    came: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    former = [signal.signal(number, lambda number, _: came.append(number)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, former, strict=True):
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0])
