"""Packages installed as on another machine: the wheel into an empty venv, the bundle without a network."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
from pathlib import Path
from typing import Any, Final

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from adapters.samples import DATASETS
from deploy.bundle import make_bundle

pytestmark = [pytest.mark.long, pytest.mark.timeout(1_200)]

PEOPLE: Final = 120
RUN_S: Final = 600
STREAMS: Final = 2 * len(DATASETS)
"""Every dataset of the demo, both ways."""
ALONE: Final = ("unshare", "--map-root-user", "--net")
"""A network of its own that has no route, and not even loopback until it is switched on."""
_LOOPBACK_UP: Final = (
    "import fcntl, socket, struct;"
    "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
    "fcntl.ioctl(s, 0x8914, struct.pack('16sH14x', b'lo', 0x1 | 0x40))"  # SIOCSIFFLAGS: IFF_UP, IFF_RUNNING
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An offline bundle, unpacked."""
    folder = tmp_path_factory.mktemp("bundle")
    with tarfile.open(make_bundle(folder)) as archive:
        archive.extractall(folder, filter="data")
    (unpacked,) = folder.glob("yrdx-*-offline")
    return unpacked


def run(command: list[Any], folder: Path, *, code: int = 0) -> str:
    """Run a command in a folder, without anything of this project's in its environment, and return its stdout."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("YRDX_", "PYTHON", "PIP_", "VIRTUAL_ENV"))
    }
    ran = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=RUN_S,
    )
    assert ran.returncode == code, f"{command}: {ran.returncode}\n{ran.stdout}{ran.stderr}"
    return ran.stdout


def require_demo(said: str) -> None:
    """The demo ended well: every stream of both cities, nothing lost, doubled or overlooked."""
    report = json.loads(said)
    assert report["verified"] is True
    assert len(report["streams"]) == STREAMS
    assert all(stream["acknowledged"] > 0 for stream in report["streams"])


def demo_line(yrdx: Path) -> list[Any]:
    """Return the demo's command line."""
    return [yrdx, "up", "--once", "--json", "--people", PEOPLE, "--home", "demo"]


def test_the_wheel_installs_into_an_empty_venv_and_runs(bundle: Path, tmp_path: Path) -> None:
    """With its dependencies alone it runs the demo, exports the contract and tests its golden samples."""
    venv.create(tmp_path / "venv", with_pip=True)
    python, yrdx = tmp_path / "venv/bin/python", tmp_path / "venv/bin/yrdx"
    wheels = bundle / "wheels"
    (wheel,) = wheels.glob("yrdx-*.whl")
    run([python, "-m", "pip", "-q", "install", "--no-index", "--find-links", wheels, wheel], tmp_path)

    require_demo(run(demo_line(yrdx), tmp_path))
    run([yrdx, "proto", "export", "-o", "yrdx.binpb"], tmp_path)
    exported = {file.name for file in FileDescriptorSet.FromString((tmp_path / "yrdx.binpb").read_bytes()).file}
    assert {"yrdx/exchange/v1/exchange.proto", "buf/validate/validate.proto"} <= exported
    run([yrdx, "mapping", "test"], tmp_path)
    files = run([python, "-m", "pip", "show", "--files", "yrdx"], tmp_path)
    assert "licenses/LICENSE" in files
    assert not re.search(r"^\s*tests/", files, re.MULTILINE)  # the kit's vectors lie in a folder of that name


@pytest.fixture
def alone(tmp_path: Path) -> list[str]:
    """The beginning of a command line that runs the rest without a network; loopback alone is up."""
    if shutil.which(ALONE[0]) is None:
        pytest.skip("no unshare here: nothing can be run without a network")
    script = f'"{sys.executable}" -c "{_LOOPBACK_UP}" && exec "$@"'
    command = [*ALONE, "sh", "-c", script, "sh"]
    tried = subprocess.run([*command, "true"], cwd=tmp_path, check=False, capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"no network namespaces here: {tried.stderr.strip()}")
    return command


def test_the_bundle_installs_and_runs_without_a_network(bundle: Path, alone: list[str], tmp_path: Path) -> None:
    """Behind no route at all the installer ends well and the demo is verified; a second install changes nothing."""
    reach = "import socket; socket.create_connection(('192.0.2.1', 443), 3)"
    unreachable = subprocess.run([*alone, sys.executable, "-c", reach], check=False, capture_output=True, text=True)
    assert "Network is unreachable" in unreachable.stderr, "the control: there is a way out"
    install, opt = [*alone, "sh", bundle / "install.sh", tmp_path / "opt"], tmp_path / "opt"

    said = run(install, tmp_path)

    (version,) = (path.name for path in opt.iterdir() if not path.is_symlink())
    assert (opt / "current").readlink() == Path(version)
    assert f"{opt}/current/bin/yrdx up --once" in said
    assert json.loads(run([*alone, opt / "current/bin/yrdx", "version", "--json"], tmp_path))["yrdx"] == version
    require_demo(run([*alone, *demo_line(opt / "current/bin/yrdx")], tmp_path))
    run(install, tmp_path, code=1)
    assert json.loads(run([opt / "current/bin/yrdx", "version", "--json"], tmp_path))["yrdx"] == version


def test_a_bundle_with_a_foreign_wheel_is_not_installed(bundle: Path, tmp_path: Path) -> None:
    """Also with sums that were made to fit: pip holds every wheel against the hash of the lock; nothing stays."""
    forged = shutil.copytree(bundle, tmp_path / "forged")
    (wheel,) = (forged / "wheels").glob("tenacity-*.whl")
    with wheel.open("ab") as file:
        file.write(b"\0")
    sums = subprocess.run(
        "find . -type f ! -name SHA256SUMS | xargs sha256sum",
        shell=True,
        cwd=forged,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    (forged / "SHA256SUMS").write_text(sums)
    run(["sh", forged / "install.sh", tmp_path / "opt"], tmp_path, code=1)
    assert list((tmp_path / "opt").iterdir()) == []
