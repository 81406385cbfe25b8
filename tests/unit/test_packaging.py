"""Set-up holds together: stubs, the lock, and what a wheel contains."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import google.protobuf
import protovalidate
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import generate
from yrdx.social.v1 import contribution_pb2

ROOT = Path(__file__).parents[2]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
WHEEL: dict[str, Any] = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
WHEEL_ROOTS = [ROOT / package for package in WHEEL["packages"]]

GOOD_PROTO = """
syntax = "proto3";
package yrdx.good.v1;
import "buf/validate/validate.proto";
import "google/protobuf/timestamp.proto";
import "google/rpc/status.proto";
message Good {
  google.rpc.Status status = 1 [(buf.validate.field).required = true];
  google.protobuf.Timestamp made_time = 2;
}
"""


@pytest.fixture
def proto_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty contract for the generator to work on."""
    (tmp_path / "yrdx").mkdir()
    monkeypatch.setattr(generate, "PROTO_ROOT", tmp_path)
    return tmp_path


def test_protovalidate_still_holds_the_descriptor_of_its_rules() -> None:
    """The private module that stands in for the missing validate.proto still holds the whole file."""
    (validate,) = FileDescriptorSet.FromString(generate.validate_descriptor_set()).file

    assert (validate.name, validate.package) == (generate.VALIDATE_PROTO, "buf.validate")
    assert {"FieldRules", "MessageRules", "Rule", "Violation"} <= {m.name for m in validate.message_type}
    assert {"field", "message", "oneof"} <= {extension.name for extension in validate.extension}


def test_rules_in_the_contract_reach_the_engine() -> None:
    """A rule written in a .proto is enforced on the generated Python class."""
    assert protovalidate.collect_violations(contribution_pb2.Contribution())


def test_generates_stubs_and_one_full_descriptor_set(proto_root: Path) -> None:
    """Stubs stand at their import paths; the descriptor set holds every import, and the comments."""
    (proto_root / "yrdx" / "good.proto").write_text(GOOD_PROTO)

    assert generate.main() == 0

    found = {path.relative_to(proto_root).as_posix() for path in proto_root.rglob("*_pb2*")}
    validate_stubs = {"buf/validate/validate_pb2.py", "buf/validate/validate_pb2.pyi"}
    assert found == {"yrdx/good_pb2.py", "yrdx/good_pb2.pyi", "yrdx/good_pb2_grpc.py"} | validate_stubs
    descriptors = FileDescriptorSet.FromString((proto_root / generate.DESCRIPTORS).read_bytes())
    by_name = {file.name: file for file in descriptors.file}
    assert {"buf/validate/validate.proto", "google/rpc/status.proto", "yrdx/good.proto"} <= by_name.keys()
    assert by_name["yrdx/good.proto"].source_code_info.location


def test_a_removed_proto_takes_its_stubs_along(proto_root: Path) -> None:
    """No stub outlives its .proto, so nothing can import a message the contract no longer has."""
    (proto_root / "yrdx" / "good.proto").write_text(GOOD_PROTO)
    stale = proto_root / "yrdx" / "gone_pb2.py"
    stale.touch()

    assert generate.main() == 0
    assert not stale.exists()


def test_a_broken_proto_is_named_and_changes_nothing(proto_root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The message says file and line; the stubs of the last good contract stay."""
    (proto_root / "yrdx" / "good.proto").write_text(GOOD_PROTO)
    generate.main()
    before = {path: path.read_bytes() for path in proto_root.rglob("*") if path.is_file()}
    broken = proto_root / "yrdx" / "broken.proto"
    broken.write_text('syntax = "proto3";\nmessage Broken {')

    assert generate.main() == 1
    assert "yrdx/broken.proto:2:" in capfd.readouterr().err
    broken.unlink()
    assert {path: path.read_bytes() for path in proto_root.rglob("*") if path.is_file()} == before


def test_generated_code_is_never_newer_than_the_runtime() -> None:
    """Every protobuf that the dependencies admit can load the stubs."""
    stub = Path(contribution_pb2.__file__).read_text()
    match = re.search(r"Protobuf Python Version: (\S+)", stub)
    assert match is not None
    (protobuf,) = (r for r in requirements(PYPROJECT["project"]["dependencies"]) if r.name == "protobuf")
    oldest = min(Version(s.version) for s in protobuf.specifier if s.operator == ">=")

    assert Version(match[1]) <= oldest <= Version(google.protobuf.__version__)


def test_the_lock_answers_every_range() -> None:
    """Each dependency is locked inside its range: whoever changes a range compiles the lock anew."""
    lock = (ROOT / "requirements.lock").read_text()
    locked = {canonicalize_name(n): version for n, version in re.findall(r"^(\S+)==(\S+)", lock, re.M)}
    groups = PYPROJECT["dependency-groups"].values()
    texts = [text for group in groups for text in group if isinstance(text, str)]
    asked = [*PYPROJECT["project"]["dependencies"], *PYPROJECT["build-system"]["requires"], *texts]

    outside = [str(r) for r in requirements(asked) if locked[canonicalize_name(r.name)] not in r.specifier]
    assert outside == []
    assert lock.count("--hash=sha256:") >= len(locked) > 0
    assert "://" not in lock, "the lock names no registry"


def test_the_domain_needs_nothing_but_python() -> None:
    """``services.domain`` imports itself and the standard library; import-linter cannot say that."""
    allowed = sys.stdlib_module_names | {"services.domain"}
    foreign = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / "services" / "domain").rglob("*.py")
        for name in imported_names(path)
        if name.split(".")[0] not in allowed and ".".join(name.split(".")[:2]) not in allowed
    }
    assert foreign == set()


def test_every_source_root_is_known_to_wheel_and_linter() -> None:
    """A new top-level package is in the wheel and under the import contracts, or this fails."""
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}

    assert packages == set(PYPROJECT["tool"]["importlinter"]["root_packages"])
    assert {ROOT / name for name in packages} | {ROOT / "proto/yrdx", ROOT / "proto/buf"} == set(WHEEL_ROOTS)


def test_a_wheel_holds_every_file_of_the_packages(tmp_path: Path) -> None:
    """Stubs, descriptor set, .proto files, mappings and migrations are inside, and nothing else is."""
    pip = [sys.executable, "-m", "pip", "-qq", "wheel", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(tmp_path), str(ROOT)], check=True)
    (wheel,) = tmp_path.glob("yrdx-*.whl")
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}

    kit = (ROOT / "kit/FILES").read_text().split()
    assert inside == {*package_files(), *(f"services/node/kit_sources/{name}" for name in ("kit/FILES", *kit))}
    assert {"yrdx/descriptors.binpb", "buf/validate/validate_pb2.py"} <= inside
    assert {"yrdx/social/v1/contribution.proto", "yrdx/social/v1/contribution_pb2.pyi"} <= inside


def requirements(texts: list[str]) -> list[Requirement]:
    """Parse dependency lines (PEP 508)."""
    return [Requirement(text) for text in texts]


def imported_names(path: Path) -> Iterator[str]:
    """Yield the modules that a source file imports, also inside its functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def package_files() -> Iterator[str]:
    """Yield the path inside a wheel of every file in the packages."""
    for root in WHEEL_ROOTS:
        for path in root.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(root.parent).as_posix()
