"""`yrdx case`: matters that records of both cities tell, and until when they must end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Final

import typer

from services.node.cli.node_access import connect
from services.node.cli.verbs import HERE, HomeOption, JsonOption, group, verb
from services.node.output import Cell, print_fields, print_json, print_json_array, print_table, say

if TYPE_CHECKING:
    from services.node.session import NodeSession
    from yrdx.node.v1.node_pb2 import Case

app = group("案件：两市共同办理的事项 · cases that both cities' records tell")

PAGE_CASES: Final = 500
_STATE: Final = {"OPEN": "在办 open", "CLOSED": "已办结 closed"}
_WEEKDAYS_ONLY: Final = (
    "期限含未公布节假日的年份，只按周一至周五计算 · due date by weekdays alone: of a year whose holidays are unknown"
)


@verb(
    app,
    "ls",
    "列出案件、期限和是否超期 · list cases with their due dates",
    "yrdx case ls --home A",
    "yrdx case ls --home A --overdue",
    "yrdx case ls --home A --dataset social.transfer --open --json",
    more="列出案件编号，不列姓名和证件号码；期限按工作日计 · shows case numbers, never names or person numbers; due "
    "dates count working days",
)
def ls(
    *,
    home: HomeOption = HERE,
    dataset: Annotated[str, typer.Option(help="只列此数据集 · only of this dataset")] = "",
    open_only: Annotated[bool, typer.Option("--open", help="只列在办的 · only open ones")] = False,
    overdue: Annotated[
        bool, typer.Option("--overdue", help="只列超期未办结的 · only open ones past their due date")
    ] = False,
    json: JsonOption = False,
) -> None:
    """List cases."""
    with connect(home) as session:
        found = _cases(session, dataset, open_only=open_only, overdue_only=overdue)
        if json:
            print_json_array(case_fields(case) for case in found)
            return
        print_table(
            ("案件 case", "数据集 dataset", "对方 partner", "状态 state", "环节 stands at", "已用 used", "期限 due",
             "超期 overdue"),
            map(_line, _telling_weekdays(found)),
        )  # fmt: skip


@verb(
    app,
    "show",
    "显示一个案件的各环节和期限 · show a case's steps and its due date",
    "yrdx case show NT2026000001 --home A",
    "yrdx case show NT2026000001 --home B --json",
    more="两市看到的相同；序号 0 表示对方尚未答复 · both cities see the same; sequence 0: not answered yet",
)
def show(
    number: Annotated[str, typer.Argument(metavar="CASE_NUMBER", help="案件编号 · number of the case")],
    home: HomeOption = HERE,
    json: JsonOption = False,
) -> None:
    """Show a case."""
    from yrdx.node.v1 import node_pb2

    with connect(home) as session:
        found = session.stub.GetCase(node_pb2.GetCaseRequest(number=number)).cases
    if json:
        print_json([case_fields(case) for case in found])
        return
    for case in _telling_weekdays(found):
        print_fields(_summary(case))
        print_table(
            ("环节 step", "日期 day", "报送 sent by", "纪元 epoch", "序号 sequence"),
            [(s.label, s.day, s.city, s.epoch, s.sequence) for s in case.steps],
        )


def case_fields(case: Case) -> dict[str, object]:
    """Return a case as it stands in JSON."""
    until = case.deadline if case.HasField("deadline") else None
    return {
        "case_number": case.number,
        "dataset": case.dataset,
        "partner": case.partner,
        "state": case.state,
        "steps": [
            {"step": s.step, "day": s.day, "city": s.city, "epoch": s.epoch, "sequence": s.sequence} for s in case.steps
        ],
        "clock_start_day": until.start_day if until else None,
        "due_day": until.due_day if until else None,
        "working_days": until.working_days if until else None,
        "used_days": until.used_days if until else None,
        "overdue": until.overdue if until else None,
        "holidays_known": until.holidays_known if until else None,
    }


def _cases(session: NodeSession, dataset: str, *, open_only: bool, overdue_only: bool) -> Iterator[Case]:
    """Yield cases by rising id, page by page."""
    from yrdx.node.v1 import node_pb2

    request = node_pb2.ListCasesRequest(
        page_size=PAGE_CASES, dataset=dataset, open_only=open_only, overdue_only=overdue_only
    )
    while page := session.stub.ListCases(request).cases:
        yield from page
        request.after_id = page[-1].id


def _telling_weekdays(cases: Iterable[Case]) -> Iterator[Case]:
    """Pass cases on, and say once that the due dates of some are by weekdays alone."""
    told = False
    for case in cases:
        if case.HasField("deadline") and not case.deadline.holidays_known and not told:
            say(_WEEKDAYS_ONLY)
            told = True
        yield case


def _line(case: Case) -> tuple[Cell, ...]:
    last = case.steps[-1].label if case.steps else ""
    return (case.number, case.dataset, case.partner, _STATE[case.state], last, *_clock(case))


def _clock(case: Case) -> tuple[str, str, str]:
    """Days used of those given, due date, whether it is past; nothing where the clock has not started."""
    if not case.HasField("deadline"):
        return ("", "", "")
    until = case.deadline
    mark = "" if until.holidays_known else " *"
    return (f"{until.used_days}/{until.working_days}", f"{until.due_day}{mark}", "是 yes" if until.overdue else "")


def _summary(case: Case) -> dict[str, Cell]:
    used, due, overdue = _clock(case)
    start = f"{case.deadline.start_label} {case.deadline.start_day}" if case.HasField("deadline") else ""
    return {
        "案件 case": case.number,
        "数据集 dataset": case.dataset,
        "对方 partner": case.partner,
        "状态 state": _STATE[case.state],
        "起算 clock starts": start,
        "已用工作日 working days used": used,
        "期限 due": due,
        "超期 overdue": overdue,
    }
