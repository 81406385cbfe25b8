"""`yrdx sync`: a file of this city's own into the exchange."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.node.cli.verbs import HERE, HomeOption, JsonOption, group, verb
from services.node.exits import Exit, Mistake, resumable
from services.node.output import print_json, print_table, say

if TYPE_CHECKING:
    from services.node.sync.run import SyncReport

app = group("同步文件 · sync files")

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


@verb(
    app,
    "run",
    "读取、映射、提交并跟踪一个文件 · read, map, submit and follow one file",
    "yrdx sync run contributions.csv --home A --to 310000 --dataset social.contribution",
    more="中断或重复运行都不会重复发送；--again 才作为新记录再发 · interrupted or run again it sends nothing twice; "
    "only --again sends the file as new records",
)
def run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="本市方言的 CSV · CSV in this city's dialect")],
    *,
    to: Annotated[str, typer.Option("--to", help="接收城市 · city that receives")],
    dataset: Annotated[str, typer.Option(help="数据集 · dataset")],
    home: HomeOption = HERE,
    wait: Annotated[str, typer.Option(help="等待送达 90s | 10m | 2h · how long to follow delivery")] = "10m",
    no_wait: Annotated[bool, typer.Option("--no-wait", help="提交后即返回 · return once submitted")] = False,
    again: Annotated[bool, typer.Option("--again", help="作为新记录再次发送 · send as new records")] = False,
    json: JsonOption = False,
) -> None:
    """Sync a file; exits with 3 when rows were rejected, with 6 when the wait ended with pending ones."""
    from services.node.session import open_session
    from services.node.sync.progress import shown_progress
    from services.node.sync.run import Sync, SyncJob

    wait_s = 0.0 if no_wait else seconds(wait)
    sync: Sync | None = None

    def resume() -> str:
        """Once the new run of --again exists, the command without it goes on with that run."""
        line = ["yrdx", "sync", "run", str(file), "--home", str(home), "--to", to, "--dataset", dataset]
        return shlex.join([*line, "--again"] if again and not (sync and sync.opened) else line)

    with resumable(resume), open_session(home) as session, shown_progress() as progress:
        sync = Sync(session, SyncJob(file, to, dataset, again, wait_s), progress)
        report = sync.run()
        serving = session.serving
    if json:
        print_json(report.to_json())
    else:
        _tell(report, serving=serving)
    raise typer.Exit(exit_code(report, waited=not no_wait))


def exit_code(report: SyncReport, *, waited: bool) -> Exit:
    """Return what a sync ends with."""
    if report.pending and waited:
        return Exit.PARTNER_UNAVAILABLE
    if report.rejected_local or report.rejected_partner:
        return Exit.PARTIAL
    return Exit.OK


def seconds(text: str) -> float:
    """Read a duration, "90s", "10m" or "2h".

    Raises:
        Mistake: It is none.
    """
    match = re.fullmatch(r"([0-9]{1,6})([smh]?)", text)
    if match is None:
        raise Mistake("--wait: 写作 90s、10m 或 2h · write it as 90s, 10m or 2h")
    return float(match[1]) * _UNITS[match[2] or "s"]


def _tell(report: SyncReport, *, serving: bool) -> None:
    print_table(
        ("读取 read", "映射 mapped", "本地拒绝 rejected", "重复 duplicates", "提交 submitted", "送达 acknowledged",
         "对方拒绝 by partner", "待送 pending"),
        [(report.read, report.mapped, report.rejected_local, report.duplicates_in_file, report.submitted,
          report.acknowledged, report.rejected_partner, report.pending)],
    )  # fmt: skip
    if report.already_submitted:
        say(f"此前已提交到第 {report.already_submitted} 行，未重复发送 · rows up to there were submitted before")
    if report.rejects_file:
        say(f"被拒的行及原因 · rejected rows with reasons: {report.rejects_file}")
    if report.pending and not serving:
        say("节点未运行，记录已在发件箱 · the node does not serve; the records wait in its outbox: yrdx serve")
    elif report.pending:
        say(f"节点继续发送 · the node goes on sending: {report.pending} ({report.state} {report.state_reason})")
