"""The `yrdx` command: the TLS environment first, then the verbs, then how errors are told."""

from __future__ import annotations

import os

# Leaves TLS 1.3 alone: with this list no TLS 1.2 handshake finds a common suite, and grpc has no setting of its own.
# Read when grpc is first imported; set any later it does nothing, silently. Not `setdefault`: what the caller's
# environment says must not weaken it (docs/architecture.md, "TLS").
os.environ["GRPC_SSL_CIPHER_SUITES"] = "ECDHE-PSK-CHACHA20-POLY1305"
# gRPC's core writes plain lines to stderr, also for each handshake that it refuses; the log there is JSON.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Final

from typer.exceptions import TyperException
from typer.main import get_command

from services.node.cli.app import app
from services.node.exits import Exit, Fault, fault_of
from services.node.output import print_json, say
from services.node.signals.crashes import frames, print_crash, tell_crashes

_WORDS: Final = {
    Exit.FAILURE: "失败 · failed",
    Exit.USAGE: "用法有误 · mistake",
    Exit.NOT_FOUND: "未找到 · not found",
    Exit.NOT_PERMITTED: "不允许 · not permitted",
    Exit.PARTNER_UNAVAILABLE: "暂不可用，可重试 · unavailable, try again later",
    Exit.INTERRUPTED: "",
}


def main() -> None:
    """Run the command line of this process and end with its exit code."""
    tell_crashes(print_crash)
    os.umask(0o077)  # whatever a verb writes is personal data or a key, unless it says otherwise
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without Chinese still gets an answer
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line.

    Args:
        arguments: What stands after ``yrdx``.

    Returns:
        The exit code (`services.node.exits.Exit`).
    """
    try:
        code = get_command(app).main(args=list(arguments) or ["--help"], prog_name="yrdx", standalone_mode=False)
    except KeyboardInterrupt:
        code = Exit.INTERRUPTED
    except TyperException as error:
        return _tell(_usage_fault(error), arguments)
    except Exception as error:  # noqa: BLE001 - the last frame: every error is told here, and none twice
        return _tell(fault_of(error) or _bug(error), arguments)
    if code == Exit.INTERRUPTED:
        say("已中断 · interrupted")
    return int(code or Exit.OK)


def _tell(fault: Fault, arguments: Sequence[str]) -> int:
    """One line on stderr for people; with ``--json`` the same as an object on stdout for programs."""
    words = _WORDS.get(fault.code, "")
    say(f"{words}: {fault.message}" if words else fault.message)
    if "--json" in arguments:
        print_json({"error": {"reason": fault.reason, "message": fault.message}})
    return fault.code


def _usage_fault(error: TyperException) -> Fault:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "yrdx"
    return Fault("USAGE", f"{error.format_message()} · 用法 usage: `{command} --help`", Exit.USAGE)


def _bug(error: Exception) -> Fault:
    """Tell an error that nobody foresaw by type and place alone: its text may quote a row."""
    for frame in frames(error):
        say(f"  {frame}")
    message = f"程序错误，请连同以上位置报告 · a bug, please report it with the places above: {type(error).__name__}"
    return Fault("INTERNAL", message, Exit.FAILURE)


if __name__ == "__main__":
    main()
