"""`yrdx inbox`: what this node received."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from services.node.cli.node_access import connect
from services.node.cli.stream import state_words, stream_fields, streams
from services.node.cli.verbs import HERE, HomeOption, JsonOption, group, verb
from services.node.exits import resumable
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
        (
            "数据流 stream",
            "状态 state",
            "已收 received",
            "接受 accepted",
            "拒绝 rejected",
            "待升级 held",
            "水位 watermark",
        ),
        [(s.stream, state_words(s), s.submitted, s.acknowledged, s.rejected, s.held, s.watermark) for s in found],
    )


@verb(
    app,
    "export",
    "导出收到的记录 · export received records, a repeatable snapshot",
    "yrdx inbox export --home B --dataset social.contribution -o contributions.csv",
    "yrdx inbox export --home B --dataset social.contribution -o contributions.jsonl --history",
    more=".csv、.xlsx 为本市方言，.jsonl 为区域标准；车辆位置可写成帧：南通 .jtt808，上海 .jtt809 · .csv and .xlsx "
    "in this city's dialect, .jsonl as the regional standard; positions also as frames: Nantong's .jtt808, Shanghai's "
    ".jtt809",
)
def export(
    dataset: Annotated[str, typer.Option(help="数据集 · dataset")],
    out: Annotated[Path, typer.Option("-o", "--out", help="文件 .csv | .xlsx | .jsonl | .jtt808 | .jtt809 · file")],
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


@verb(
    app,
    "watch",
    "逐条输出收到的记录，至少一次 · print received records as they come, at least once",
    "yrdx inbox watch --home B --dataset social.contribution --name payroll",
    "yrdx inbox watch --home B --dataset social.contribution --name payroll --once --no-ack",
    more="每行一条 JSON；输出后即确认，下次从其后继续；--no-ack 时由处理程序用 inbox ack 确认 · a line of JSON for "
    "each record; acknowledged once written, so that the next run goes on after it; with --no-ack the reader says how "
    "far it has come with `yrdx inbox ack`",
)
def watch(
    dataset: Annotated[str, typer.Option(help="数据集 · dataset")],
    name: Annotated[str, typer.Option(help="名称，各有各的进度 · name of the watcher; each has its own cursor")],
    *,
    home: HomeOption = HERE,
    from_city: Annotated[str, typer.Option("--from", help="只收这个城市的 · only from this city")] = "",
    no_ack: Annotated[bool, typer.Option("--no-ack", help="不自动确认 · the reader acknowledges")] = False,
    once: Annotated[bool, typer.Option("--once", help="输出现有的即结束 · end once nothing is left")] = False,
) -> None:
    """Print records until Ctrl-C."""
    from services.node.sinks.watching import Watcher

    watcher = Watcher(home, dataset, name, from_city, acknowledges=not no_ack)
    with resumable(lambda: shlex.join(["yrdx", *sys.argv[1:]])):
        watcher.run(lambda lines: print("\n".join(lines), flush=True), once=once)


@verb(
    app,
    "ack",
    "确认某名称已处理到某位置 · say how far a watcher has come",
    "yrdx inbox ack --home B --name payroll --stream 320600/310000/social.contribution/0 --position 1200",
)
def ack(
    name: Annotated[str, typer.Option(help="名称 · name of the watcher")],
    stream: Annotated[str, typer.Option(help="数据流 · stream")],
    position: Annotated[int, typer.Option(min=1, help="已处理的最后一条 · last record that was dealt with")],
    home: HomeOption = HERE,
) -> None:
    """Acknowledge."""
    from yrdx.node.v1 import node_pb2

    request = node_pb2.AcknowledgeInboxRequest(name=name, stream=stream, position=position)
    with connect(home) as session:
        stands = session.stub.AcknowledgeInbox(request).position
    say(f"{name} 已确认到 {stands} · stands at {stands}")
