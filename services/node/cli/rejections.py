"""`yrdx rejections`: rows that this city or a partner refused, and how they are mended."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from services.node.cli.node_access import connect
from services.node.cli.sync_inputs import seconds
from services.node.cli.verbs import HERE, HomeOption, JsonOption, group, verb
from services.node.exits import Exit, resumable
from services.node.output import print_json, print_json_array, print_table, say

if TYPE_CHECKING:
    from services.node.rejected import RejectedRecord

app = group("被拒的行 · refused rows")

_BY: Final = {"local": "本市 here", "partner": "对方 partner"}


@verb(
    app,
    "ls",
    "列出被拒的行：本市的与对方的，未处理与已处理的 · list refused rows, ours and the partners', open and closed",
    "yrdx rejections ls --home A",
    "yrdx rejections ls --home A --open --json",
)
def ls(
    home: HomeOption = HERE,
    open_only: Annotated[bool, typer.Option("--open", help="只列未处理的 · only open ones")] = False,
    json: JsonOption = False,
) -> None:
    """List rejections."""
    from services.node.rejected import rejected_records

    with connect(home) as session:
        found = rejected_records(session, open_only=open_only)
        if json:
            print_json_array(rejection_fields(rejected) for rejected in found)
            return
        print_table(
            ("编号 id", "状态 state", "谁拒 by", "来源 source", "行 row", "列 column", "规则 rule", "原因 reason",
             "数据流 stream"),
            ((r.id, _state(r), _BY[r.rejected_by], r.file, r.row, r.column or r.field_path, r.rule_id, r.reason,
              r.stream) for r in found),
        )  # fmt: skip


@verb(
    app,
    "resubmit",
    "发送改正后的被拒文件，只发其中的行 · send a rejects file that was mended, its rows alone",
    "yrdx rejections resubmit A/rejects/contributions-5afa1c75.rejects.csv --home A",
    more="“编号”列把每行与它改正的拒绝记录相连，请勿改动；已处理的行不再发送 · the column 编号 links each row to "
    "what it mends: leave it as it is; rows that somebody mended already are not sent",
)
def resubmit(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="改正后的被拒文件 · mended rejects file")],
    *,
    home: HomeOption = HERE,
    wait: Annotated[str, typer.Option(help="等待送达 90s | 10m | 2h · how long to follow delivery")] = "10m",
    json: JsonOption = False,
) -> None:
    """Resubmit; exits as `yrdx sync run` does."""
    from services.node.cli.sync import exit_code, tell
    from services.node.sync.progress import shown_progress
    from services.node.sync.resubmit import resubmit as send

    wait_s = seconds("--wait", wait)
    with resumable(lambda: shlex.join(["yrdx", *sys.argv[1:]])), connect(home) as session:
        with shown_progress() as progress:
            found = send(session, file, wait_s=wait_s, progress=progress)
        serving = session.serving
    if json:
        report = found.report.to_json() if found.report else None
        print_json({"closed_before": found.closed_before, "report": report})
    else:
        if found.closed_before:
            say(f"{found.closed_before} 行此前已处理，未再发送 · rows were mended before and not sent again")
        if found.report:
            tell(found.report, home, serving=serving)
    raise typer.Exit(exit_code(found.report, waited=wait_s > 0) if found.report else Exit.OK)


@verb(
    app,
    "close",
    "注明原因后关闭一条，不再发送 · close one that will not be mended, with the reason",
    'yrdx rejections close 17 --reason "已停保，不再报送" --home A',
)
def close(
    number: Annotated[int, typer.Argument(metavar="ID", min=1, help="编号 · its number")],
    *,
    reason: Annotated[str, typer.Option(help="原因，不写个人信息 · why; no personal data")],
    home: HomeOption = HERE,
) -> None:
    """Close a rejection."""
    from yrdx.node.v1 import node_pb2

    with connect(home) as session:
        closed = session.stub.CloseRejection(node_pb2.CloseRejectionRequest(id=number, reason=reason)).closed
    say(f"已关闭 {number} · closed" if closed else f"{number} 此前已关闭 · was closed before")


def rejection_fields(rejected: RejectedRecord) -> dict[str, object]:
    """Return a refused row as it stands in JSON; never the value."""
    closed = rejected.HasField("closed_time")
    return {
        "id": rejected.id,
        "open": not closed,
        "rejected_by": rejected.rejected_by,
        "stream": rejected.stream,
        "epoch": rejected.epoch,
        "sequence": rejected.sequence,
        "source": rejected.source,
        "file": rejected.file,
        "row": rejected.row,
        "column": rejected.column,
        "field": rejected.field_path,
        "rule": rejected.rule_id,
        "reason": rejected.reason,
        "rejected_time": rejected.rejected_time.ToJsonString(),
        "closed_time": rejected.closed_time.ToJsonString() if closed else None,
        "closed_by_file": rejected.closed_by_file,
        "closed_by_row": rejected.closed_by_row,
        "closed_reason": rejected.closed_reason,
    }


def _state(rejected: RejectedRecord) -> str:
    """Say whether it is open, or what closed it."""
    if not rejected.HasField("closed_time"):
        return "未处理 open"
    if rejected.closed_by_file:
        return f"已改正 mended: {rejected.closed_by_file} {rejected.closed_by_row}"
    return f"已关闭 closed: {rejected.closed_reason}"
