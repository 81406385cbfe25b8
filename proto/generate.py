"""Generate the Python stubs and the full descriptor set from the contract under ``proto/yrdx``.

Run by ``make`` when a .proto changed and by the build hook for every wheel: ``python proto/generate.py``.
Nothing generated is committed. Proto path = Python path: ``yrdx/types/v1/types.proto`` becomes
``yrdx.types.v1.types_pb2``, with ``proto`` as the import root of both.
"""

from __future__ import annotations

import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.rpc import status_pb2
from grpc_tools import protoc
from protovalidate._gen.buf.validate import validate_pb  # guarded by tests/unit/test_packaging.py

PROTO_ROOT = Path(__file__).resolve().parent
VALIDATE_PROTO = "buf/validate/validate.proto"
DESCRIPTORS = "yrdx/descriptors.binpb"
ERROR_DETAILS = ("google/rpc/error_details.proto", "google/rpc/status.proto")
"""What every status carries (docs/protocol.md, "Errors"). No .proto of ours imports them, and clients need them too."""
STUB_PATTERNS = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py")


class BrokenContract(Exception):
    """A .proto does not compile; the compiler has already said where and why."""


def contract_protos() -> list[str]:
    """List the contract's own files, as paths relative to the proto root, in a stable order."""
    return sorted(path.relative_to(PROTO_ROOT).as_posix() for path in (PROTO_ROOT / "yrdx").rglob("*.proto"))


def validate_descriptor_set() -> bytes:
    """Take ``buf/validate/validate.proto`` from the installed protovalidate.

    The wheel ships no .proto, only the descriptor inside a private module; taking it from there keeps the
    rules in the contract and the engine that checks them at one version.

    Returns:
        A serialised ``FileDescriptorSet`` of that one file.
    """
    validate = FileDescriptorProto.FromString(validate_pb.desc().proto.to_binary())
    return FileDescriptorSet(file=[validate]).SerializeToString()


def compile_protos(out: Path, protos: list[str]) -> None:
    """Compile the contract and ``buf/validate`` into ``out``.

    Args:
        out: An existing empty folder; receives stubs and the descriptor set at their import paths.
        protos: Paths relative to the proto root.

    Raises:
        BrokenContract: The compiler refused a file; its message is on stderr.
    """
    validate_set = out / "validate.binpb"
    validate_set.write_bytes(validate_descriptor_set())
    (out / DESCRIPTORS).parent.mkdir()
    googleapis = Path(status_pb2.__file__).parents[2]
    sources = [
        f"--descriptor_set_in={validate_set}",
        f"-I{PROTO_ROOT}",
        f"-I{files('grpc_tools') / '_proto'}",  # google/protobuf
        f"-I{googleapis}",  # google/rpc
    ]
    messages = [f"--python_out={out}", f"--pyi_out={out}", VALIDATE_PROTO, *protos]
    # With imports: loaders in other languages fail without validate.proto. With source: comments for linters.
    descriptors = [f"--descriptor_set_out={out / DESCRIPTORS}", "--include_imports", "--include_source_info"]
    run_protoc([*sources, *messages])
    run_protoc([*sources, f"--grpc_python_out={out}", *protos])
    run_protoc([*sources, *descriptors, *protos, *ERROR_DETAILS])


def run_protoc(arguments: list[str]) -> None:
    """Run the compiler that grpcio-tools brings.

    Raises:
        BrokenContract: It ended with an error.
    """
    if protoc.main(["protoc", *arguments]) != 0:
        raise BrokenContract


def install(out: Path) -> None:
    """Put what was generated in place, file by file at once, and remove stubs whose .proto is gone.

    The descriptor set comes last: its date is make's stamp.
    """
    generated = {path.relative_to(out) for pattern in STUB_PATTERNS for path in out.rglob(pattern)}
    for path in generated:
        (PROTO_ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).replace(PROTO_ROOT / path)
    for pattern in STUB_PATTERNS:
        for stub in (PROTO_ROOT / "yrdx").rglob(pattern):
            if stub.relative_to(PROTO_ROOT) not in generated:
                stub.unlink()
    (out / DESCRIPTORS).replace(PROTO_ROOT / DESCRIPTORS)


def main() -> int:
    """Generate everything, or leave everything as it was.

    Returns:
        The exit code: 0, or 1 when the contract is missing or broken.
    """
    protos = contract_protos()
    if not protos:
        print(f"No .proto file under {PROTO_ROOT / 'yrdx'}: nothing to generate.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(dir=PROTO_ROOT, prefix=".stubs-") as out:
        try:
            compile_protos(Path(out), protos)
        except BrokenContract:
            print("The contract does not compile, see above. The former stubs stand.", file=sys.stderr)
            return 1
        install(Path(out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
