"""Pack one file that installs yrdx where there is no network: ``python deploy/bundle.py``, or ``make bundle``.

Inside lie a wheel of the product, a wheel of everything it needs at run time, their hashes, the installer and the
files of this folder. The hashes of the dependencies are those of requirements.lock, so what pip installs on the other
side is what was tested here; pip itself refuses anything else (``--require-hashes``).

Compiled wheels fit one Python, one kind of machine and a C library that is not older than theirs: PLATFORM says which,
and the installer looks before it begins.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

ROOT: Final = Path(__file__).resolve().parents[1]
DEPLOY: Final = ROOT / "deploy"
PIP: Final = (sys.executable, "-m", "pip", "-qq", "--no-input", "--disable-pip-version-check")
PYTHON: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
_PIN: Final = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==\S.*(?:\n    .*)*\n", re.MULTILINE)
_GLIBC: Final = re.compile(r"manylinux_2_(\d+)_")
_GLIBC_2014: Final = 17
"""What "manylinux2014" means (PEP 599)."""
_UNPACKED: Final = 0o755
_FILE: Final = 0o644


def build_wheel(folder: Path) -> Path:
    """Build the product's wheel with what is installed here and return its path.

    Raises:
        subprocess.CalledProcessError: The build failed; pip has said why.
    """
    command = [*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True)
    return max(folder.glob("yrdx-*.whl"), key=lambda path: path.stat().st_mtime_ns)


def runtime_pins(lock: str) -> str:
    """Return the part of a lock that the product needs at run time on this machine, hashes included.

    Args:
        lock: requirements.lock, which also holds what only builds and tests need.

    Raises:
        KeyError: Something that the product needs is not locked.
    """
    pins = {canonicalize_name(match["name"]): match[0] for match in _PIN.finditer(lock)}
    return "".join(pins[name] for name in sorted(needed("yrdx")))


def needed(name: str) -> set[NormalizedName]:
    """Return the names of what an installed distribution needs on this machine, directly or not."""
    found: set[str] = set()
    waiting = [Requirement(name)]
    while waiting:
        asked = waiting.pop()
        for requirement in map(Requirement, distribution(asked.name).requires or ()):
            if _applies(requirement, asked.extras) and str(requirement) not in found:
                waiting.append(requirement)
                found.add(str(requirement))
    return {canonicalize_name(Requirement(text).name) for text in found}


def _applies(requirement: Requirement, extras: set[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras or {""})


def glibc_of(wheel: str) -> int:
    """Return the minor version of the oldest glibc 2 that a wheel runs on, by its name; 0 when it needs none."""
    found = [int(minor) for minor in _GLIBC.findall(wheel)]
    return min([*found, *([_GLIBC_2014] if "manylinux2014" in wheel else [])], default=0)


def fill(folder: Path) -> None:
    """Put everything into an empty folder that will be the bundle.

    Raises:
        subprocess.CalledProcessError: A wheel could not be built or had, or has another hash than the lock says.
    """
    wheels = folder / "wheels"
    wheels.mkdir()
    wheel = build_wheel(wheels)
    pins = folder / "requirements.txt"
    pins.write_text(runtime_pins((ROOT / "requirements.lock").read_text(encoding="utf-8")), encoding="utf-8")
    download = ["download", "--require-hashes", "--no-deps", "--only-binary=:all:", "--dest", str(wheels)]
    subprocess.run([*PIP, *download, "--requirement", str(pins)], check=True)
    name, version = wheel.name.split("-")[:2]
    with pins.open("a", encoding="utf-8") as file:
        file.write(f"{name}=={version} --hash=sha256:{_sha256(wheel)}\n")
    glibc = max(glibc_of(path.name) for path in wheels.iterdir())
    (folder / "PLATFORM").write_text(f"{version} {PYTHON} {platform.machine()} 2.{glibc}\n", encoding="utf-8")
    for path in (DEPLOY / "offline/install.sh", DEPLOY / "offline/README.md", ROOT / "LICENSE"):
        shutil.copyfile(path, folder / path.name)
    (folder / "install.sh").chmod(_UNPACKED)
    shutil.copytree(DEPLOY / "systemd", folder / "systemd")
    sums = [f"{_sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in _files(folder)]
    (folder / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")


def pack(folder: Path, out: Path) -> None:
    """Write a folder as ``.tar.gz``, the same bytes for the same content: no times, no owners, in order."""
    with (
        out.open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in _files(folder):
            archive.add(path, f"{folder.name}/{path.relative_to(folder).as_posix()}", filter=_plain)


def make_bundle(dist: Path) -> Path:
    """Make the bundle and return its path, ``dist/yrdx-<version>-offline.tar.gz``."""
    dist.mkdir(parents=True, exist_ok=True)
    version = distribution("yrdx").version
    with tempfile.TemporaryDirectory(dir=dist, prefix=".bundle-") as place:
        folder = Path(place) / f"yrdx-{version}-offline"
        folder.mkdir()
        fill(folder)
        partial = Path(place) / "bundle.tar.gz"
        pack(folder, partial)
        return partial.replace(dist / f"{folder.name}.tar.gz")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = "root"
    entry.mode = _UNPACKED if entry.mode & 0o100 else _FILE
    return entry


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> int:
    """Make the bundle and say where it lies.

    Returns:
        The exit code: 0, or 1 when a wheel could not be built or downloaded.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="folder to write to (default: dist)")
    try:
        made = make_bundle(parser.parse_args().dist)
    except subprocess.CalledProcessError:
        print("No bundle was made: pip failed, see above.", file=sys.stderr)
        return 1
    print(f"{_sha256(made)}  {made}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
