"""`yrdx proto`: the contract for clients in other languages."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from services.node.cli.verbs import group, verb
from services.node.output import say

app = group("接口契约 · the contract")

STDOUT = Path("-")


@verb(
    app,
    "export",
    "导出完整描述符集 · export one full descriptor set",
    "yrdx proto export -o yrdx.binpb",
    "yrdx proto export -o - > yrdx.binpb",
    more="google.protobuf.FileDescriptorSet，含 buf/validate · with everything it imports",
)
def export(out: Annotated[Path, typer.Option("-o", "--out", help="文件，- 为标准输出 · file, - for stdout")]) -> None:
    """Write the descriptor set."""
    from importlib.resources import files

    content = (files("yrdx") / "descriptors.binpb").read_bytes()
    if out == STDOUT:
        sys.stdout.buffer.write(content)
        return
    out.write_bytes(content)
    out.chmod(0o644)  # no secret
    say(f"已导出 · exported {out}, {len(content)} bytes")
