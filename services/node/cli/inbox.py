"""`yrdx inbox`: what this node received."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.node.cli.node_access import connect
from services.node.cli.stream import state_words, stream_fields, streams
from services.node.cli.verbs import HERE, HomeOption, JsonOption, group, verb
from services.node.output import print_json, print_table, say

app = group("收件箱 · what this node received")


@verb(app, "ls", "列出接收进度 · how far each inbound stream is", "yrdx inbox ls --home B")
def ls(home: HomeOption = HERE, json: JsonOption = False) -> None:
    """List inbound streams."""
    with connect(home) as session:
        found = streams(session, "inbound")
    if json:
        print_json([stream_fields(status) for status in found])
        return
    print_table(
        ("数据流 stream", "状态 state", "已收 received", "接受 accepted", "拒绝 rejected", "水位 watermark"),
        [(s.stream, state_words(s), s.submitted, s.acknowledged, s.rejected, s.watermark) for s in found],
    )


@verb(
    app,
    "export",
    "导出收到的记录 · export received records, a repeatable snapshot",
    "yrdx inbox export --home B --dataset social.contribution -o contributions.csv",
    "yrdx inbox export --home B --dataset social.contribution -o contributions.jsonl --history",
    more=".csv 为本市方言，.jsonl 为区域标准 · .csv in this city's dialect, .jsonl as the regional standard",
)
def export(
    dataset: Annotated[str, typer.Option(help="数据集 · dataset")],
    out: Annotated[Path, typer.Option("-o", "--out", help="文件 .csv 或 .jsonl · file")],
    home: HomeOption = HERE,
    history: Annotated[
        bool, typer.Option("--history", help="含已被替换或撤回的记录 · also records replaced or withdrawn since")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Export a dataset."""
    with connect(home) as session:
        from services.node.export import export_inbox

        rows = export_inbox(session, session.settings.dialect, dataset, out, history)
    if json:
        print_json({"dataset": dataset, "file": str(out), "rows": rows})
    else:
        say(f"已导出 {rows} 行到 {out} · exported {rows} rows")
