from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from services.node import main
from services.node.cli import node_access


def test_help_imports_neither_grpc_nor_sqlalchemy_nor_rich_and_is_quick() -> None:
    """`yrdx --help` stays under 0.3 s: nothing heavy is imported before a verb needs it."""
    code = (
        "import sys; from services.node.main import run; status = run(['--help']);"
        "heavy = {'grpc', 'sqlalchemy', 'rich', 'google.protobuf', 'pydantic', 'cryptography'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else status)"
    )
    began = time.monotonic()

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < 2, "measured 0.1 s on an idle machine"


def test_tls_is_narrowed_before_grpc_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing the entry point sets the cipher list whatever the environment said, and imports no grpc."""
    code = (
        "import os, sys; import services.node.main;"
        "assert 'grpc' not in sys.modules; print(os.environ['GRPC_SSL_CIPHER_SUITES'])"
    )
    environment = os.environ | {"GRPC_SSL_CIPHER_SUITES": "AES128-SHA"}

    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "ECDHE-PSK-CHACHA20-POLY1305"


def test_without_arguments_it_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    """A newcomer who types `yrdx` sees the verbs."""
    assert main.run([]) == 0
    assert "agreement" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["partner"], ["partner", "add"], ["outbox", "ls", "--nonsense"], ["init"]]
)
def test_a_mistake_on_the_command_line_is_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, one line, and the help that explains it."""
    assert main.run(arguments) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert "--help`" in err


def test_with_json_an_error_is_an_object_on_stdout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Programs get reason and message, people the line on stderr."""
    assert main.run(["outbox", "ls", "--home", str(tmp_path), "--json"]) == 4

    out, err = capsys.readouterr()
    assert json.loads(out)["error"]["reason"] == "HOME_MISSING"
    assert "yrdx init" in json.loads(out)["error"]["message"]
    assert err.startswith("未找到 · not found: ")


def test_a_bug_is_told_by_type_and_place_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error that nobody foresaw may quote a row, so its text is shown nowhere."""

    def broken(_home: Path) -> None:
        raise KeyError("110101199003070018")

    monkeypatch.setattr(node_access, "connect", broken)
    monkeypatch.setattr("services.node.cli.outbox.connect", broken)

    assert main.run(["outbox", "ls", "--json"]) == 1

    out, err = capsys.readouterr()
    assert "110101199003070018" not in out + err
    assert json.loads(out)["error"]["reason"] == "INTERNAL"
    assert "KeyError" in err
    assert "test_main.py" in err


def test_ctrl_c_ends_with_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Shells and make tell an interruption from a failure."""

    def interrupted(_home: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("services.node.cli.outbox.connect", interrupted)

    assert main.run(["outbox", "ls"]) == 130
    assert "interrupted" in capsys.readouterr().err
