from __future__ import annotations

import hashlib
import json
import runpy
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from services.node.exits import Mistake
from services.node.kit import LIST, SUMS, kit_files, write_kit
from services.node.main import run

ROOT = Path(__file__).parents[4]


def test_the_list_names_every_file_of_the_kit() -> None:
    """A file that is added to the kit's folder is handed out, or this fails."""
    named = set((ROOT / LIST).read_text().split())
    found = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "kit").rglob("*")
        if path.is_file() and not {"node_modules", "__pycache__"} & set(path.parts)
    }
    assert {name for name in named if name.startswith("kit/")} == found - {LIST}
    assert all((ROOT / name).is_file() for name in named)


def test_the_same_release_writes_the_same_bytes(tmp_path: Path) -> None:
    """Twice, with sums that hold, readable for everybody."""
    write_kit(tmp_path / "one")
    write_kit(tmp_path / "two")
    write_kit(tmp_path / "two")

    def content(folder: Path) -> dict[str, bytes]:
        return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    assert content(tmp_path / "one") == content(tmp_path / "two") == dict(kit_files())
    sums = dict(line.split("  ")[::-1] for line in (tmp_path / "one" / SUMS).read_text().splitlines())
    assert sums == {n: hashlib.sha256(c).hexdigest() for n, c in kit_files().items() if n != SUMS}
    assert stat.S_IMODE((tmp_path / "one" / "keys.sh").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "one" / "docs" / "protocol.md").stat().st_mode) == 0o644


def test_the_contract_is_whole() -> None:
    """Every .proto, and a descriptor set with everything that they and the statuses need."""
    found = kit_files()
    names = {file.name for file in FileDescriptorSet.FromString(found["yrdx.binpb"]).file}

    assert {f"proto/{name}" for name in names if name.startswith("yrdx/")} == {n for n in found if n.endswith(".proto")}
    assert {"buf/validate/validate.proto", "google/rpc/status.proto", "google/rpc/error_details.proto"} <= names


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    """Nothing is written among what is somebody else's."""
    (tmp_path / "mine").touch()

    with pytest.raises(Mistake, match="holds other files"):
        write_kit(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_the_command_tells_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With ``--json`` the files, for programs."""
    assert run(["kit", "export", str(tmp_path / "kit"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"] == list(kit_files())


def test_the_python_client_gives_the_published_values() -> None:
    """Leaves, roots, key ids and record keys of the vectors, by the client's own functions."""
    wire = runpy.run_path(str(ROOT / "kit/python/wire.py"))
    vectors: dict[str, Any] = json.loads((ROOT / "tests/vectors/protocol.json").read_bytes())
    records = [
        SimpleNamespace(salt=bytes.fromhex(one["salt"]), body=bytes.fromhex(one["body"])) for one in vectors["records"]
    ]
    leaves = [wire["leaf"](sequence, record) for sequence, record in enumerate(records, 1)]

    assert [one.hex() for one in leaves] == [one["leaf"]["SHA256"] for one in vectors["records"]]
    for one in vectors["roots"]:
        assert wire["root"](leaves[: one["count"]]).hex() == one["root"]["SHA256"]
    for key in vectors["keys"].values():
        assert wire["key_id"](bytes.fromhex(key["public"])) == key["key_id"]
    said = vectors["record_key"]
    names = said["subject_fields"] + said["fields"]
    message = SimpleNamespace(**dict(zip(names, said["subject_parts"] + said["parts"], strict=True)))
    declared = SimpleNamespace(subject=said["subject_fields"], key=said["fields"])
    assert wire["record_key"](message, declared).hex() == said["key"]
