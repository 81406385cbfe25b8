"""`yrdx kit`: what another city needs that runs no yrdx."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.node.cli.verbs import JsonOption, group, verb
from services.node.output import print_json, say

app = group("伙伴工具包 · the partner kit")


@verb(
    app,
    "export",
    "导出伙伴工具包 · write the partner kit",
    "yrdx kit export partner-kit",
    more="协议文档、接口契约、测试向量、密钥脚本，以及 Python 和 Node.js 的发送方；不含秘密 · the protocol document, "
    "the contract, vectors, a script for keys, and a sender each in Python and Node.js; no secrets",
)
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="新目录 · a new folder")], json: JsonOption = False
) -> None:
    """Write the kit."""
    from services.node.kit import write_kit

    written = write_kit(folder)
    if json:
        print_json({"folder": str(folder), "files": list(written)})
        return
    say(f"已导出 {len(written)} 个文件 · written: {folder}；先读 · read first: {folder / 'README.zh-CN.md'}")
