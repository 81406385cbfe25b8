"""Contracts that exist in tests only: built in memory, or compiled like a new domain's .proto would be."""

from __future__ import annotations

import itertools
from importlib.resources import files
from pathlib import Path

from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import Default
from grpc_tools import protoc

import generate
import yrdx

_numbers = itertools.count()

HEAD = """
syntax = "proto3";
package {package};
import "buf/validate/validate.proto";
import "google/protobuf/timestamp.proto";
import "yrdx/types/v1/types.proto";
"""


def compile_messages(folder: Path, text: str) -> dict[str, Descriptor]:
    """Compile messages of a made-up contract and return their descriptors by name.

    Args:
        folder: An empty folder.
        text: Messages in protobuf's language; options and rules of the contract are imported.
    """
    package = f"yrdx.made_up_{next(_numbers)}.v1"
    name = f"{package.replace('.', '/')}/made_up.proto"
    write_proto(folder, name, HEAD.format(package=package) + text)
    out = folder / "set.binpb"
    run_protoc(folder, [f"--descriptor_set_out={out}"], name)
    (file,) = FileDescriptorSet.FromString(out.read_bytes()).file
    Default().AddSerializedFile(file.SerializeToString())
    return dict(Default().FindFileByName(name).message_types_by_name)


def write_proto(folder: Path, name: str, text: str) -> None:
    """Put a .proto at its path under a folder."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def run_protoc(folder: Path, outputs: list[str], name: str) -> None:
    """Compile one .proto of a folder as ``proto/generate.py`` does."""
    validate = folder / "validate.binpb"
    validate.write_bytes(generate.validate_descriptor_set())
    (contract_root,) = {str(Path(root).parent) for root in yrdx.__path__ if (Path(root) / "types").is_dir()}
    includes = [f"-I{folder}", f"-I{contract_root}", f"-I{files('grpc_tools') / '_proto'}"]
    assert protoc.main(["protoc", f"--descriptor_set_in={validate}", *includes, *outputs, name]) == 0
