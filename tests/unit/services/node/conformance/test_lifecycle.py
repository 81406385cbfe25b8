from __future__ import annotations

from pathlib import Path

import pytest

from services.node.conformance.lifecycle import Lifecycle
from services.node.conformance.promises import Skipped
from services.node.exits import CommandFailed


def test_what_needs_a_command_is_skipped_without_it() -> None:
    """The reason names the option."""
    with pytest.raises(Skipped, match="--restart-command"):
        Lifecycle().require()
    Lifecycle(restart_command="true").require()
    with pytest.raises(Skipped, match="--kill-command"):
        Lifecycle(restart_command="true").require(kill=True)


def test_commands_run_in_a_shell_and_the_node_is_waited_for(tmp_path: Path) -> None:
    """Until it answers."""
    answers = iter([False, False, True])
    lifecycle = Lifecycle(f"echo up >> {tmp_path}/log", f"echo killed >> {tmp_path}/log")

    lifecycle.kill()
    lifecycle.restart(lambda: next(answers))

    assert (tmp_path / "log").read_text().split() == ["killed", "up"]
    assert next(answers, None) is None


def test_a_command_that_fails_ends_the_run() -> None:
    """Nothing is known about the node then."""
    with pytest.raises(CommandFailed, match=r"--kill-command.*3"):
        Lifecycle("true", "exit 3").kill()
