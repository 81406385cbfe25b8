"""`yrdx outbox`: what this node sends, and how far it is."""

from __future__ import annotations

from typing import Annotated

import typer

from services.node.cli.node_access import connect
from services.node.cli.stream import NameArgument, state_words, stream_fields, streams
from services.node.cli.verbs import HERE, HomeOption, JsonOption, group, verb
from services.node.output import print_fields, print_json, print_table, say

app = group("发件箱 · what this node sends")


@verb(
    app,
    "ls",
    "列出发送进度 · how far each outbound stream is",
    "yrdx outbox ls --home A",
    "yrdx outbox ls --home A --json",
)
def ls(home: HomeOption = HERE, json: JsonOption = False) -> None:
    """List outbound streams."""
    with connect(home) as session:
        found = streams(session, "outbound")
    if json:
        print_json([stream_fields(status) for status in found])
        return
    print_table(
        (
            "数据流 stream",
            "状态 state",
            "已提交 submitted",
            "已确认 acknowledged",
            "被拒 rejected",
            "待确认 pending",
            "最久(秒) oldest_s",
        ),
        [(s.stream, state_words(s), s.submitted, s.acknowledged, s.rejected, s.pending, s.oldest_age_s) for s in found],
    )
    for status in found:
        if why := status.state_reason or status.last_error:
            say(f"{status.stream}: {why}")


@verb(
    app,
    "show",
    "一条已发记录的来历：哪个来源的哪一行、哪版映射 · where a record that was sent comes from",
    "yrdx outbox show 320600/310000/social.contribution/0 --sequence 1234 --home A",
)
def show(
    stream: NameArgument,
    *,
    sequence: Annotated[int, typer.Option(min=1, help="序号 · the record's sequence")],
    epoch: Annotated[int, typer.Option(min=0, help="代次，0 为当前 · epoch; 0: the present one")] = 0,
    home: HomeOption = HERE,
    json: JsonOption = False,
) -> None:
    """Show a record's lineage; never what it says."""
    from yrdx.node.v1 import node_pb2

    with connect(home) as session:
        request = node_pb2.GetLineageRequest(stream=stream, epoch=epoch, sequence=sequence)
        found = session.stub.GetLineage(request)
    fields = {
        "stream": stream,
        "epoch": found.epoch,
        "sequence": sequence,
        "source": found.source,
        "file": found.file,
        "row": found.row,
        "mapping": found.mapping,
        "normalisations": list(found.normalisations),
        "submitted_time": found.submitted_time.ToJsonString(),
    }
    if json:
        print_json(fields)
        return
    words = ("数据流 stream", "代次 epoch", "序号 sequence", "来源 source", "文件 file", "行 row", "映射 mapping",
             "读取时的改动 normalisations", "提交时间 submitted")  # fmt: skip
    print_fields(dict(zip(words, (*map(str, list(fields.values())[:7]), "、".join(found.normalisations),
                                  fields["submitted_time"]), strict=True)))  # fmt: skip
