"""How the node is stopped and started again: by the commands that its operator gave, or not at all."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from services.node.conformance.promises import Skipped
from services.node.exits import CommandFailed

COMMAND_WITHIN_S: Final = 60.0
SERVING_WITHIN_S: Final = 60.0
_ASK_AGAIN_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """Commands for a shell on this machine.

    Attributes:
        restart_command: Stops the node in order where it runs, and starts it; empty: none was given.
        kill_command: Ends the node at once, without a word to it; empty: none was given.
    """

    restart_command: str = ""
    kill_command: str = ""

    def require(self, *, kill: bool = False) -> None:
        """Make sure that the commands were given.

        Raises:
            Skipped: One is missing.
        """
        if not self.restart_command:
            raise Skipped("未给出 --restart-command · no --restart-command was given")
        if kill and not self.kill_command:
            raise Skipped("未给出 --kill-command · no --kill-command was given")

    def kill(self) -> None:
        """End the node at once.

        Raises:
            CommandFailed: The command failed.
        """
        _run("--kill-command", self.kill_command)

    def restart(self, answers: Callable[[], bool]) -> None:
        """Start the node, and wait until it answers.

        Raises:
            CommandFailed: The command failed, or the node does not answer within a minute.
        """
        _run("--restart-command", self.restart_command)
        deadline = time.monotonic() + SERVING_WITHIN_S
        while not answers():
            if time.monotonic() > deadline:
                raise CommandFailed(
                    "--restart-command：节点一分钟内未恢复应答 · the node did not answer within a minute"
                )
            time.sleep(_ASK_AGAIN_S)


def _run(option: str, command: str) -> None:
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=COMMAND_WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(
            f"{option}：命令未在一分钟内返回，后台启动请用 setsid 和 & · did not return within a minute: "
            "start the node in the background"
        ) from error
    if done.returncode:
        raise CommandFailed(f"{option}：命令以 {done.returncode} 结束 · ended with {done.returncode}")
