"""`yrdx stream`: how streams stand, and an operator's acts on one that waits for a human."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from services.domain.errors import NotFound
from services.node.cli.node_access import connect
from services.node.cli.verbs import HERE, HomeOption, JsonOption, group, verb
from services.node.output import print_fields, print_json, print_table, say

if TYPE_CHECKING:
    from services.node.session import NodeSession
    from yrdx.node.v1 import node_pb2

app = group("数据流 · streams")

NameArgument = Annotated[
    str, typer.Argument(metavar="STREAM", help="数据流 · stream, 320600/310000/social.contribution/0")
]
STATES = {
    "OPEN": "正常 open",
    "DIVERGED": "已分叉 diverged",
    "RECOVERING": "待恢复 recovering",
    "REPLAY": "回放中 replay",
    "PAUSED": "已暂停 paused",
}


@verb(app, "ls", "列出数据流 · list streams", "yrdx stream ls --home A")
def ls(home: HomeOption = HERE, json: JsonOption = False) -> None:
    """List streams of both directions."""
    with connect(home) as session:
        found = streams(session)
    if json:
        print_json([stream_fields(status) for status in found])
        return
    print_table(
        ("数据流 stream", "方向 direction", "状态 state", "纪元 epoch", "水位 watermark", "说明 reason"),
        [
            (s.stream, s.direction, state_words(s), s.epoch, s.watermark, s.state_reason or s.standard_problem)
            for s in found
        ],
    )


@verb(app, "show", "显示一条数据流 · show one stream", "yrdx stream show 320600/310000/social.contribution/0 --home A")
def show(name: NameArgument, home: HomeOption = HERE, json: JsonOption = False) -> None:
    """Show a stream."""
    with connect(home) as session:
        found = [stream_fields(status) for status in streams(session) if status.stream == name]
    if not found:
        raise NotFound(f"没有数据流 {name} · no stream of that name here: `yrdx stream ls` lists them")
    if json:
        print_json(found[0])
    else:
        print_fields(found[0])


@verb(
    app,
    "recover",
    "备份恢复后继续 · let a stream go on after a restored backup",
    "yrdx stream recover 320600/310000/social.contribution/0 --home A",
    more="接收方：接受对方回放原批次；发送方：从对方取回已发批次 · "
    "receiver: takes the sender's original batches again; sender: takes back from the partner what it had sent",
)
def recover(name: NameArgument, home: HomeOption = HERE, json: JsonOption = False) -> None:
    """Recover a stream."""
    from yrdx.node.v1 import node_pb2

    with connect(home) as session:
        answer = session.stub.RecoverStream(node_pb2.RecoverStreamRequest(stream=name))
    _tell(answer.status, answer.records, "取回记录 · records taken back", json=json)


@verb(
    app,
    "new-epoch",
    "分叉后开启新纪元 · go on in a new epoch after histories diverged",
    "yrdx stream new-epoch 320600/310000/social.contribution/0 --home A --reason 备份丢失",
    more="未确认的记录在新纪元重发，或以 --void-unacknowledged 作废 · "
    "unacknowledged records are sent again in the new epoch, or declared undeliverable",
)
def new_epoch(
    name: NameArgument,
    reason: Annotated[str, typer.Option(help="原因，写入日志 · why, for the log")],
    home: HomeOption = HERE,
    void_unacknowledged: Annotated[
        bool,
        typer.Option("--void-unacknowledged", help="作废未确认记录 · declare unacknowledged records undeliverable"),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Open the next epoch."""
    from yrdx.node.v1 import node_pb2

    request = node_pb2.OpenEpochRequest(stream=name, reason=reason, void_unacknowledged=void_unacknowledged)
    with connect(home) as session:
        answer = session.stub.OpenEpoch(request)
    done = "作废记录 · records void" if void_unacknowledged else "重发记录 · records sent again"
    _tell(answer.status, answer.records, done, json=json)


def streams(session: NodeSession, direction: str | None = None) -> list[node_pb2.StreamStatus]:
    """Return the streams of a node, or those of one direction ("outbound", "inbound")."""
    from yrdx.node.v1 import node_pb2

    status = session.stub.GetStatus(node_pb2.GetStatusRequest())
    return [stream for stream in status.streams if direction in (None, stream.direction)]


def state_words(status: node_pb2.StreamStatus) -> str:
    """Return a stream's state for people."""
    return STATES.get(status.state, status.state)


def stream_fields(status: node_pb2.StreamStatus) -> dict[str, str | int | float | None]:
    """Return a stream as it stands in JSON, with the words of its direction."""
    fields: dict[str, str | int | float | None] = {
        "stream": status.stream,
        "direction": status.direction,
        "state": status.state,
        "state_reason": status.state_reason,
        "epoch": status.epoch,
        "watermark": status.watermark,
        "standard_problem": status.standard_problem,
    }
    if status.direction == "inbound":
        return fields | {
            "received": status.submitted,
            "accepted": status.acknowledged,
            "rejected": status.rejected,
            "held": status.held,
        }
    return fields | {
        "submitted": status.submitted,
        "acknowledged": status.acknowledged,
        "rejected": status.rejected,
        "pending": status.pending,
        "void": status.void,
        "oldest_age_s": round(status.oldest_age_s, 3),
        "last_error": status.last_error,
    }


def _tell(status: node_pb2.StreamStatus, records: int, what: str, *, json: bool) -> None:
    if json:
        print_json({"status": stream_fields(status), "records": records})
    else:
        say(f"{status.stream}: {state_words(status)}, {what}: {records}")
