"""`yrdx sync`: what this city has into the exchange."""

from __future__ import annotations

import shlex
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.node.cli.node_access import connect
from services.node.cli.sync_inputs import (
    CaOption,
    CardOption,
    CertOption,
    DatasetOption,
    DatumOption,
    FileArgument,
    HeadersOption,
    HttpsOption,
    InputOptions,
    KeyOption,
    OverlapOption,
    SerialOption,
    SqlOption,
    TableOption,
    ToOption,
    UpdatedOption,
    VehiclesOption,
    seconds,
)
from services.node.cli.verbs import HERE, HomeOption, JsonOption, group, verb
from services.node.exits import Exit, Mistake, resumable
from services.node.output import print_fields, print_json, print_table, say

if TYPE_CHECKING:
    from services.node.session import NodeSession
    from services.node.sync.report import SyncJob, SyncPlan, SyncReport
    from services.node.sync.run import Sync

app = group("同步 · sync files, tables and interfaces")

SnapshotOption = Annotated[
    bool,
    typer.Option(
        "--snapshot", help="输入是完整清单：其中已无的记录撤销 · the input is complete: withdraw what is absent"
    ),
]
AllowOption = Annotated[
    int | None,
    typer.Option(
        "--allow-retract",
        min=0,
        help="--snapshot 最多撤销几条，默认现有的 5% · most that --snapshot may withdraw; default 5 % of what stands",
    ),
]
WaitOption = Annotated[str, typer.Option(help="等待送达 90s | 10m | 2h · how long to follow delivery")]


@verb(
    app,
    "run",
    "读取、映射、提交并跟踪 · read, map, submit and follow",
    "yrdx sync run contributions.csv --home A --to 310000 --dataset social.contribution",
    "yrdx sync run contributions.xlsx --snapshot --to 310000 --dataset social.contribution",
    "yrdx sync run --sql env:HR_DATABASE --table hr.sbjf --updated GXSJ --to 310000 --dataset social.contribution",
    "yrdx sync run rides.jtt978 --card card.csv --to 310000 --dataset transport.tap",
    "yrdx sync run gps.jtt808 --datum WGS84 --vehicles vehicles.csv --to 310000 --dataset transport.position",
    more="中断或重复运行都不会重复发送，未变的行不再发送；--again 才作为新记录再发 · interrupted or run again it sends "
    "nothing twice, and rows that did not change are not sent; only --again sends everything as new records",
)
def run(
    file: FileArgument = None,
    *,
    to: ToOption,
    dataset: DatasetOption,
    home: HomeOption = HERE,
    sql: SqlOption = "",
    table: TableOption = "",
    serial: SerialOption = "",
    updated: UpdatedOption = "",
    overlap: OverlapOption = "",
    https: HttpsOption = "",
    headers: HeadersOption = None,
    ca: CaOption = None,
    cert: CertOption = None,
    key: KeyOption = None,
    datum: DatumOption = "",
    vehicles: VehiclesOption = None,
    card: CardOption = None,
    snapshot: SnapshotOption = False,
    allow_retract: AllowOption = None,
    wait: WaitOption = "10m",
    no_wait: Annotated[bool, typer.Option("--no-wait", help="提交后即返回 · return once submitted")] = False,
    again: Annotated[bool, typer.Option("--again", help="作为新记录再次发送 · send as new records")] = False,
    json: JsonOption = False,
) -> None:
    """Sync an input; exits with 3 when rows were rejected, with 6 when the wait ended with pending ones."""
    from services.node.sync.progress import shown_progress
    from services.node.sync.run import Sync

    options = InputOptions(
        file, sql, table, serial, updated, overlap, https, headers, ca, cert, key, datum, vehicles, card
    )
    _verify(options, snapshot=snapshot, allow_retract=allow_retract)
    wait_s = 0.0 if no_wait else seconds("--wait", wait)
    sync: Sync | None = None

    def resume() -> str:
        """Once the new run of --again exists, the command without it goes on with that run."""
        words = ["yrdx", *sys.argv[1:]]
        return shlex.join(word for word in words if word != "--again" or not (sync and sync.opened))

    with resumable(resume), connect(home) as session, shown_progress() as progress:
        job = _job(session, options, to, dataset, again=again, wait_s=wait_s, snapshot=snapshot, allowed=allow_retract)
        sync = Sync(session, job, progress)
        report = sync.run()
        serving = session.serving
    if json:
        print_json(report.to_json())
    else:
        tell(report, home, serving=serving)
    raise typer.Exit(exit_code(report, waited=not no_wait))


@verb(
    app,
    "plan",
    "只演算不发送：会发送、更正、撤销、拒绝什么 · a dry run: what would be sent, corrected, withdrawn and rejected",
    "yrdx sync plan contributions.csv --home A --to 310000 --dataset social.contribution",
    "yrdx sync plan contributions.xlsx --snapshot --to 310000 --dataset social.contribution --json",
)
def plan(
    file: FileArgument = None,
    *,
    to: ToOption,
    dataset: DatasetOption,
    home: HomeOption = HERE,
    sql: SqlOption = "",
    table: TableOption = "",
    serial: SerialOption = "",
    updated: UpdatedOption = "",
    overlap: OverlapOption = "",
    https: HttpsOption = "",
    headers: HeadersOption = None,
    ca: CaOption = None,
    cert: CertOption = None,
    key: KeyOption = None,
    datum: DatumOption = "",
    vehicles: VehiclesOption = None,
    card: CardOption = None,
    snapshot: SnapshotOption = False,
    allow_retract: AllowOption = None,
    json: JsonOption = False,
) -> None:
    """Plan a sync; nothing is sent and nothing is kept."""
    from services.node.sync.progress import shown_progress
    from services.node.sync.run import Sync

    options = InputOptions(
        file, sql, table, serial, updated, overlap, https, headers, ca, cert, key, datum, vehicles, card
    )
    _verify(options, snapshot=snapshot, allow_retract=allow_retract)
    with connect(home) as session, shown_progress() as progress:
        job = _job(session, options, to, dataset, snapshot=snapshot, allowed=allow_retract)
        found = Sync(session, job, progress).plan()
    if json:
        print_json(found.to_json())
    else:
        _tell_plan(found)


@verb(
    app,
    "watch",
    "监视文件夹，逐个同步放入的文件 · watch a folder and sync every file that is put there",
    "yrdx sync watch /srv/outgoing --home A --to 310000 --dataset social.contribution",
    more="处理完的移入 done/，读不了的移入 failed/ 并附原因；写完前请用 .tmp 结尾的文件名 · done files move to done/, "
    "unreadable ones to failed/ with the reason beside; write under a name that ends in .tmp",
)
def watch(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="文件夹 · folder")],
    *,
    to: ToOption,
    dataset: DatasetOption,
    home: HomeOption = HERE,
    settle: Annotated[
        str, typer.Option(help="文件多久不变才算写完 · how long a file must stand still to be complete")
    ] = "5s",
    wait: WaitOption = "1m",
    datum: DatumOption = "",
    vehicles: VehiclesOption = None,
    card: CardOption = None,
    once: Annotated[bool, typer.Option("--once", help="处理完现有文件即结束 · end once nothing is left")] = False,
    json: JsonOption = False,
) -> None:
    """Watch a folder until Ctrl-C; with --json one line of JSON for each file. Exits with 3 when rows were rejected."""
    from services.node.sync.inputs import FrameOptions
    from services.node.sync.watch import Watch

    settle_s, wait_s = seconds("--settle", settle), seconds("--wait", wait)
    watching: AbstractContextManager[None] = resumable(lambda: shlex.join(["yrdx", *sys.argv[1:]]))
    partial = False
    with watching:
        frames = FrameOptions(datum, vehicles, card)
        for taken in Watch(home, folder, to, dataset, settle_s, wait_s, frames).files(once=once):
            partial = partial or taken.is_partial
            if json:
                print_json(taken.to_json())
            else:
                say(taken.words)
    raise typer.Exit(Exit.PARTIAL if partial else Exit.OK)


def exit_code(report: SyncReport, *, waited: bool) -> Exit:
    """Return what a sync ends with."""
    if report.pending and waited:
        return Exit.PARTNER_UNAVAILABLE
    if report.rejected_local or report.rejected_partner:
        return Exit.PARTIAL
    return Exit.OK


def tell(report: SyncReport, home: Path, *, serving: bool) -> None:
    """Show people what became of the rows, and the commands that go on with them."""
    print_table(
        ("读取 read", "映射 mapped", "本地拒绝 rejected", "重复 duplicates", "未变 unchanged", "更正 corrected",
         "撤销 withdrawn"),
        [(report.read, report.mapped, report.rejected_local, report.duplicates_in_file, report.unchanged,
          report.corrected, report.retracted)],
    )  # fmt: skip
    print_table(
        ("提交 submitted", "送达 acknowledged", "对方拒绝 by partner", "待送 pending"),
        [(report.submitted, report.acknowledged, report.rejected_partner, report.pending)],
    )
    if report.already_submitted:
        say(f"此前已提交到第 {report.already_submitted} 行，未重复发送 · rows up to there were submitted before")
    if report.rejects_file:
        say(f"被拒的行及原因 · rejected rows with reasons: {report.rejects_file}")
        say(
            "改正后 · once mended: "
            + shlex.join(["yrdx", "rejections", "resubmit", report.rejects_file, "--home", str(home)])
        )
    if report.pending and not serving:
        say(f"节点未运行，记录已在发件箱，请运行 · the records wait in the outbox, run: yrdx serve --home {home}")
    elif report.pending:
        say(f"节点继续发送 · the node goes on sending: {report.pending} ({report.state} {report.state_reason})")


def _verify(options: InputOptions, *, snapshot: bool, allow_retract: int | None) -> None:
    options.verify()
    if snapshot and options.incremental:
        raise Mistake("--snapshot 须读完整的表，不能与 --serial、--updated 同用 · a snapshot reads the whole table")
    if allow_retract is not None and not snapshot:
        raise Mistake("--allow-retract 只用于 --snapshot · --allow-retract belongs to --snapshot")


def _job(
    session: NodeSession,
    options: InputOptions,
    to: str,
    dataset: str,
    *,
    snapshot: bool,
    allowed: int | None,
    again: bool = False,
    wait_s: float = 0.0,
) -> SyncJob:
    from adapters.mapping import load_mapping
    from services.node.sync.report import SyncJob

    job_input = options.input(load_mapping(session.settings.dialect, dataset))
    return SyncJob(job_input, to, dataset, again, wait_s, snapshot, allowed)


def _tell_plan(found: SyncPlan) -> None:
    print_fields(
        {
            "读取 read": found.read,
            "可映射 mapped": found.mapped,
            "会拒绝 would be rejected": found.rejected_local,
            "重复 duplicates": found.duplicates_in_file,
            "会新发 new": found.new,
            "会更正 corrected": found.corrected,
            "会撤销 withdrawn": found.retracted,
            "未变 unchanged": found.unchanged,
            "已提交到第几行 submitted up to row": found.already_submitted,
        }
    )
    if found.rejected_by_rule:
        print_table(("规则 rule", "行 rows"), list(found.rejected_by_rule.items()))
