from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from deploy.bundle import DEPLOY
from services.node.cli.app import app

UNITS = DEPLOY / "systemd"
HOME = "/var/lib/yrdx/%i"
EXPOSURE_MAX = 20
"""Of 100, as `systemd-analyze security` counts: "OK" ends at 50."""

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units with a command that stands on this machine in place of the installed one."""
    for unit in UNITS.glob("*@.*"):
        text = unit.read_text(encoding="utf-8").replace("/opt/yrdx/current/bin/yrdx", "/bin/true")
        name = unit.name.replace("@.", "@320600.") if unit.suffix != ".timer" else unit.name
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze."""
    return subprocess.run(
        ["systemd-analyze", *map(str, arguments)], check=False, capture_output=True, text=True, timeout=60
    )


@needs_systemd
@pytest.mark.parametrize("name", ["yrdx@320600.service", "yrdx-backup@320600.service", "yrdx-backup@.timer"])
def test_systemd_understands_every_line(units: Path, name: str) -> None:
    """No unknown setting, no value that it ignores."""
    ran = analyze("verify", "--recursive-errors=no", "--man=no", units / name)
    assert (ran.returncode, [line for line in ran.stderr.splitlines() if str(units) in line]) == (0, []), ran.stderr


@needs_systemd
@pytest.mark.parametrize("name", ["yrdx@320600.service", "yrdx-backup@320600.service"])
def test_a_node_is_locked_in(units: Path, name: str) -> None:
    """By systemd's own judgement of what the process could still do."""
    ran = analyze("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", "--no-pager", units / name)
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("name", ["yrdx@.service", "yrdx-backup@.service"])
def test_every_command_in_a_unit_parses(name: str) -> None:
    """A unit never holds a command line that this version does not have."""
    text = (UNITS / name).read_text(encoding="utf-8")
    (line,) = re.findall(r"/opt/yrdx/current/bin/yrdx (.*?)'?$", text, re.MULTILINE)
    words, command = line.replace('"', "").split(), get_command(app)
    while isinstance(command, TyperGroup):
        command = command.commands[words.pop(0)]
    command.make_context("yrdx", [word for word in words if not word.startswith(("+%", "-u"))])
    assert f"--home {HOME}" in line


def test_homes_and_backups_belong_to_the_node_alone() -> None:
    """The folders that the units write to are made, for the user that they run as, for nobody else."""
    user = re.search(r"^u (\w+) ", (UNITS / "yrdx.sysusers").read_text(encoding="utf-8"), re.MULTILINE)
    assert user is not None
    made = re.findall(
        r"^d (\S+)\s+(\d+) (\w+) (\w+) ", (UNITS / "yrdx.tmpfiles").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {folder for folder, *_ in made} == {"/var/lib/yrdx", "/var/backups/yrdx"}
    assert {tuple(rest) for _, *rest in made} == {("0700", user[1], user[1])}
    for unit in UNITS.glob("*.service"):
        assert f"\nUser={user[1]}\n" in unit.read_text(encoding="utf-8")
