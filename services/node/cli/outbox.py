"""`yrdx outbox`: what this node sends, and how far it is."""

from __future__ import annotations

from services.node.cli.node_access import connect
from services.node.cli.stream import state_words, stream_fields, streams
from services.node.cli.verbs import HERE, HomeOption, JsonOption, group, verb
from services.node.output import print_json, print_table, say

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
