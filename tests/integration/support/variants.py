"""Nodes that run other versions of a standard: the contract patched, its stubs generated anew, in its own tree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[3]
_PROTO: Final = "proto/yrdx/social/v1/contribution.proto"
_ADDED: Final = """
  // Subsidy (补贴, AAA999), fen. Absent when not stated.
  optional int64 subsidy_fen = 23 [
    (yrdx.types.v1.since) = "1.1",
    (buf.validate.field).int64 = {gte: 0, lte: 9999999999}
  ];
}
"""
_PATH: Final = f"""import sys

sys.path[:] = [one for one in sys.path if one != {str(REPOSITORY / "proto")!r}]
"""
"""Python adds up the folders of namespace packages: without this the contract of the repository would be there too."""


def with_addition(folder: Path) -> Path:
    """Make a contract in which contributions are at version 1.1: a field is added, nothing else."""
    tree = _copied(folder)
    proto = tree / _PROTO
    text = proto.read_text(encoding="utf-8").replace('standard: "1"', 'standard: "1.1"')
    proto.write_text(text.rstrip().removesuffix("}") + _ADDED, encoding="utf-8")
    return _generated(tree)


def with_another_major(folder: Path, *, former_kept: bool = True) -> Path:
    """Make a contract, and mapping files, in which contributions are at version 2 alone.

    Args:
        folder: Where to.
        former_kept: Leave the former message without its declaration: the node's own questions read it.
    """
    tree = _copied(folder)
    old = tree / _PROTO
    new = tree / _PROTO.replace("/v1/", "/v2/")
    new.parent.mkdir()
    text = old.read_text(encoding="utf-8").replace('standard: "1"', 'standard: "2"')
    text = text.replace("package yrdx.social.v1;", "package yrdx.social.v2;").replace(
        " Scheme ", " yrdx.social.v1.Scheme "
    )
    new.write_text(text, encoding="utf-8")
    declaration = re.compile(r"(?ms)^  option \(yrdx\.types\.v1\.dataset\) = \{.*?^  \};\n")
    old.write_text(declaration.sub("", old.read_text(encoding="utf-8")), encoding="utf-8")
    if not former_kept:
        old.unlink()
    for mapping in (tree / "adapters").glob("*/social_contribution.toml"):
        declared = mapping.read_text(encoding="utf-8")
        mapping.write_text(re.sub(r'(?m)^(standard *= )"1"$', r'\1"2"', declared), encoding="utf-8")
    return _generated(tree)


@contextmanager
def software(tree: Path) -> Iterator[None]:
    """Start processes from a tree while the block runs; those that stand keep what they run."""
    chosen = {
        "PYTHONPATH": f"{tree}{os.pathsep}{tree / 'proto'}",
        "PYTHONSAFEPATH": "1",  # or the working folder, which may be the repository, would come first
    }
    former = {name: os.environ.get(name) for name in chosen}
    os.environ.update(chosen)
    try:
        yield
    finally:
        for name, value in former.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _copied(folder: Path) -> Path:
    generated = shutil.ignore_patterns("*_pb2*", "*.binpb", "__pycache__")
    for name in ("proto", "adapters"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=generated)
    (folder / "sitecustomize.py").write_text(_PATH, encoding="utf-8")
    return folder


def _generated(tree: Path) -> Path:
    subprocess.run([sys.executable, str(tree / "proto" / "generate.py")], check=True)
    return tree
