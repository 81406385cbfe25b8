"""The command line as operators run it, while no node serves: real keys, a real store."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import chdir, closing, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tests.integration.support.commands import finish, yrdx

AGREEMENT = """
[agreement]
id = "NT-SH-2026-001"
version = 1
provider = "320600"
consumer = "310000"
dataset = "social.contribution"
standard = "1"
mode = "push"
fields = ["*"]
purposes = ["relation-transfer"]
legal_basis = "..."
valid_from = "2026-01-01"
valid_until = "2099-12-31"
retention_days = 365
"""


@contextmanager
def owner_only() -> Iterator[None]:
    """What the entry point of the command does first."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


class Desk:
    """A folder in which an operator works."""

    def __init__(self, folder: Path) -> None:
        """Work in a folder."""
        self.folder = folder

    def start(self, line: str, **environment: str) -> subprocess.Popen[str]:
        """Start a command line in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "services.node.main", *line.split()],
            cwd=self.folder,
            env={name: value for name, value in os.environ.items() if not name.startswith("YRDX_")} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, line: str, *, code: int = 0, **environment: str) -> tuple[str, str]:
        """Run a command line in this process and return what it wrote, once it ended as it must."""
        with chdir(self.folder), patch.dict(os.environ, environment), owner_only():
            ran = yrdx(*line.split(), code=code)
        return ran.out, ran.err

    def json(self, line: str, *, code: int = 0, **environment: str) -> Any:
        """Run a command line with --json and return its answer."""
        return json.loads(self.run(f"{line} --json", code=code, **environment)[0])


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """An empty desk."""
    return Desk(tmp_path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nantong's home as `yrdx init` makes it, on a port that nobody uses."""
    desk = Desk(tmp_path_factory.mktemp("made"))
    process = desk.start(f"init --city 320600 --home A --listen 127.0.0.1:{_free_port()} --dialect local")
    finish(process)
    return desk.folder / "A"


@pytest.fixture
def home(desk: Desk, made: Path) -> Path:
    """A copy of Nantong's home on the desk."""
    return shutil.copytree(made, desk.folder / "A", symlinks=True)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_two_cities_meet_by_hand(desk: Desk, home: Path) -> None:
    """Init, bundle, partner, fingerprint and agreement follow one another as the manual says."""
    desk.run(f"init --city 310000 --home B --listen 127.0.0.1:{_free_port()} --dialect shanghai")
    wrong = "SHA256:" + "0" * 32
    fingerprint = desk.run("bundle export --home A -o a.bundle")[0].strip()

    shown, told = desk.run("partner add a.bundle --home B --endpoint 127.0.0.1:7320")
    assert shown.strip() == fingerprint
    assert "unconfirmed" in told
    assert fingerprint not in desk.run(f"partner confirm 320600 --home B --fingerprint {wrong}", code=1)[1]
    assert desk.json("partner ls --home B")[0]["state"] == "UNCONFIRMED"
    assert desk.json(f"partner confirm 320600 --home B --fingerprint {fingerprint}")["state"] == "LIVE"

    (desk.folder / "nt-sh.toml").write_text(AGREEMENT)
    assert desk.json("agreement import nt-sh.toml --home B")["created"]
    assert not desk.json("agreement import nt-sh.toml --home B")["created"]
    assert desk.json("agreement show NT-SH-2026-001 --home B")[0]["retention_days"] == 365

    for listing in ("outbox ls", "inbox ls", "receipts ls", "rejections ls"):
        assert desk.json(f"{listing} --home B") == []
    assert desk.json("doctor --home B")["ok"]


def test_a_partner_is_confirmed_as_it_was_shown(desk: Desk, home: Path) -> None:
    """Without a fingerprint the one that ``partner add`` printed counts as compared, and the command names it."""
    desk.run(f"init --city 310000 --home B --listen 127.0.0.1:{_free_port()} --dialect shanghai")
    fingerprint = desk.run("bundle export --home A -o a.bundle")[0].strip()
    desk.run("partner add a.bundle --home B --endpoint 127.0.0.1:7320")

    assert fingerprint in desk.run("partner confirm 320600 --home B")[1]

    assert desk.json("partner show 320600 --home B")["state"] == "LIVE"
    desk.run("partner confirm 330100 --home B", code=4)


def test_a_demo_home_confirms_by_itself(desk: Desk, home: Path) -> None:
    """The two demo cities need no telephone."""
    desk.run("init --city 310000 --home B --listen 127.0.0.1:7310 --dialect shanghai --demo")
    desk.run("bundle export --home A -o a.bundle")

    assert desk.json("partner add a.bundle --home B --endpoint 127.0.0.1:7320")["state"] == "LIVE"


def test_init_never_overwrites_and_a_failed_one_leaves_nothing(desk: Desk, home: Path) -> None:
    """A second init changes no byte of the first; a refused one leaves no folder."""
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}

    assert desk.json("init --city 320600 --home A", code=1)["error"]["reason"] == "HOME_EXISTS"
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before
    for mistake in ("--city 3206", "--city 320600 --dialect beijing", "--city 320600 --store-url mysql://h/d"):
        assert desk.json(f"init {mistake} --home C", code=2)["error"]["reason"] == "SETTINGS"
    desk.run("init --city 320600 --home C --store-url postgresql://nobody@127.0.0.1:1/none", code=6)
    assert not (desk.folder / "C").exists()


def test_everything_in_a_home_is_for_its_owner_alone(home: Path) -> None:
    """Keys and personal data are closed to others, whatever the caller's umask."""
    assert [path for path in (home, *home.rglob("*")) if not path.is_symlink() and path.stat().st_mode & 0o077] == []


def test_settings_are_shown_with_their_source(desk: Desk, home: Path) -> None:
    """The environment wins over the file, and a misspelt variable stops the command."""
    found = {one["name"]: one for one in desk.json("config show --home A", YRDX_DELIVERY__LEASE_S="12")}

    assert (found["city"]["value"], found["city"]["source"]) == ("320600", "node.toml")
    assert (found["delivery.lease_s"]["value"], found["delivery.lease_s"]["source"]) == (12.0, "environment")
    assert found["store_url"] | {"description": ""} == {
        "name": "store_url",
        "value": f"sqlite:///{home}/store.sqlite",
        "source": "default",
        "description": "",
    }
    assert desk.json("config validate", YRDX_HOME=str(home))["valid"]
    assert "YRDX_DELIVERY__LEASE_S" in desk.run("config validate --home A", code=2, YRDX_DELIVERY_LEASE_S="12")[1]


def test_doctor_names_each_trouble_and_what_mends_it(desk: Desk, home: Path) -> None:
    """A taken port, an open folder, a lost store and an exposed key are four failed checks."""
    listen = {one["name"]: one["value"] for one in desk.json("config show --home A")}["listen"]
    home.chmod(0o755)
    (home / "store.sqlite").unlink()
    (home / "certs" / "gen" / "1" / "gateway.key").chmod(0o644)

    with socket.create_server(("127.0.0.1", int(listen.partition(":")[2]))):
        answer = desk.json("doctor --home A", code=7)

    failed = {one["check"]: one for one in answer["checks"] if one["state"] == "failed"}
    assert {"home.modes", "store.open", "keys.whole", "port.free"} <= failed.keys()
    assert all(one["found"] and one["mend"] for one in failed.values())


def test_a_backup_is_a_whole_store_and_never_overwrites(desk: Desk, home: Path) -> None:
    """The copy opens, holds what the store holds, and is closed to others."""
    assert desk.json("db backup --home A -o copy.sqlite")["bytes"] > 0
    assert desk.json("db backup --home A -o copy.sqlite", code=1)["error"]["reason"] == "UNFIT"

    with closing(sqlite3.connect(desk.folder / "copy.sqlite")) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert (desk.folder / "copy.sqlite").stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in desk.folder.iterdir()) == ["A", "copy.sqlite"]


def test_the_contract_is_one_file_with_all_it_imports(desk: Desk) -> None:
    """Loaders of other languages find protovalidate's own rules in it."""
    desk.run("proto export -o yrdx.binpb")

    files = FileDescriptorSet.FromString((desk.folder / "yrdx.binpb").read_bytes()).file
    names = [file.name for file in files]
    assert {"yrdx/exchange/v1/exchange.proto", "buf/validate/validate.proto"} <= set(names)
    assert all(imported in names for file in files for imported in file.dependency)


@pytest.fixture
def holder(home: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the home as a serving node does."""
    code = (
        "import sys, time; from pathlib import Path; from services.node.home import Home;"
        "from services.node.lock import NodeLock\n"
        "with NodeLock(Home(Path(sys.argv[1])), serving=True): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(home)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_home_in_use_names_its_holder_until_it_dies(desk: Desk, home: Path, holder: subprocess.Popen[str]) -> None:
    """What would touch the store beside a serving node is refused with its pid; kill -9 leaves nothing locked."""
    for line in ("serve --home A", "db migrate --home A"):
        assert f"process {holder.pid}" in desk.run(line, code=1)[1]

    holder.kill()
    holder.wait()

    assert desk.json("db migrate --home A")["migrated"] == []


def test_ctrl_c_ends_with_130_and_one_line(desk: Desk, home: Path, holder: subprocess.Popen[str]) -> None:
    """No traceback, and shells see an interruption."""
    with desk.start("db migrate --home A") as waiting:
        time.sleep(1.2)  # it imports for a moment, then waits two seconds for the lock
        waiting.send_signal(signal.SIGINT)
        _, err = waiting.communicate(timeout=30)

    assert waiting.returncode == 130
    assert "Traceback" not in err
