"""`yrdx lookup`: a typed question to another city, or to this city's own register."""

from __future__ import annotations

import csv
import json as json_text
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.node.cli.node_access import connect
from services.node.cli.verbs import HERE, HomeOption, JsonOption, verb
from services.node.exits import Exit, Mistake
from services.node.output import Cell, print_fields, print_json, say

if TYPE_CHECKING:
    from services.domain.lookup import Right
    from services.node.asking import Answered, Asking

PersonOption = Annotated[
    str, typer.Option("--person", help="证件号码；- 从标准输入读，不留在命令历史里 · number; - reads it from stdin")
]
PlateOption = Annotated[str, typer.Option("--plate", help="车牌号 · number plate")]
ColourOption = Annotated[str, typer.Option("--colour", help="车牌颜色代码 JT/T 415 · colour of the plate")]

_OWN_BASIS = "本市业务 · the city's own business"
_WORDS = {
    "FOUND": "已找到 · found",
    "NOT_FOUND": "没有记录 · nothing on record",
    "AMBIGUOUS": "记录相互矛盾，请向对方经办机构核实 · the records contradict one another: ask that city's office",
}
_CODES = {"FOUND": Exit.OK, "NOT_FOUND": Exit.NOT_FOUND, "AMBIGUOUS": Exit.FAILURE}


def declare(app: typer.Typer) -> None:
    """Add the verb."""
    verb(
        app,
        "lookup",
        "按协议向城市查询一个人或一辆车 · ask a city about a person or a vehicle, under an agreement",
        "yrdx lookup coverage --person - --name 张三 --city 310000 --agreement NT-SH-L1 --purpose visit --home A",
        "yrdx lookup enrolment --person - --name 张三 --with scheme=110 --city 310000 --agreement … --purpose …",
        "yrdx lookup contributions --with scheme=110 --with from_month=2020-01 --with to_month=2025-12 --purpose …",
        "yrdx lookup driver-licence --person - --name 张三 --with category=3 --city 310000 --agreement … --purpose …",
        "yrdx lookup last-seen --plate 沪A12345 --colour 2 --city 310000 --agreement … --purpose …",
        "yrdx lookup coverage --file people.csv --city 310000 --agreement … --purpose … --json",
        more="问题 questions: enrolment, contributions, transfer, certification (social) · concession, vehicle-licence"
        ", driver-licence, last-seen (transport) · coverage, referral, assessment (care)。--file 的列名即字段名；双方都"
        "留记录 · the columns of --file are the fields; both cities log every question. 退出码 exit codes: 0 找到 "
        "found, 1 矛盾 ambiguous, 3 批量中有未答的 some of a file without an answer, 4 无记录 not found, 5 不允许 not "
        "permitted, 6 暂不可用 unavailable",
    )(lookup)


def lookup(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="问题 · question")],
    *,
    purpose: Annotated[str, typer.Option(help="用途，协议所列之一 · purpose, one that the agreement lists")],
    city: Annotated[str, typer.Option(help="被问城市，默认本市 · city to ask; default: this city's register")] = "",
    agreement: Annotated[str, typer.Option(help="查询协议编号 · agreement of the mode lookup")] = "",
    legal_basis: Annotated[str, typer.Option(help="法律依据，默认协议所载 · default: the agreement's")] = "",
    clerk: Annotated[
        str, typer.Option(envvar="YRDX_CLERK", help="经办人代号，不是姓名 · reference of the clerk, never a name")
    ] = "",
    person: PersonOption = "",
    name: Annotated[str, typer.Option("--name", help="姓名 · name")] = "",
    plate: PlateOption = "",
    colour: ColourOption = "",
    more: Annotated[
        list[str] | None, typer.Option("--with", metavar="FIELD=VALUE", help="其他字段，可多次 · another field")
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", help="CSV 或 Excel，一行一问 · one question a row")] = None,
    home: HomeOption = HERE,
    json: JsonOption = False,
) -> None:
    """Ask, once or for every row of a file."""
    from services.domain.lookup import Right
    from services.node.asking import asking, question_of

    asked = question_of(question)
    values = {"person_number": read_person(person), "person_name": name, "plate_number": plate, "plate_colour": colour}
    values = {field: value for field, value in values.items() if value} | dict(map(_pair, more or ()))
    if file is not None and values:
        raise Mistake(
            "--file 的每一行就是一个问题，不能再给字段 · each row of --file is a question: give no other field"
        )
    stated = Right(city, agreement, purpose, legal_basis, "", clerk or f"uid-{os.getuid()}")
    right = _completed(stated, home)
    with asking(home, asked, right) as way:
        if file is None:
            raise typer.Exit(_tell(way.ask(values), json=json))
        raise typer.Exit(_tell_all(way, file, json=json))


def read_person(person: str) -> str:
    """Return a person's number as it was given, or from a line of standard input."""
    return sys.stdin.readline().strip() if person == "-" else person


def _pair(text: str) -> tuple[str, str]:
    field, equals, value = text.partition("=")
    if not equals:
        raise Mistake("--with 写作 字段=值 · --with is written FIELD=VALUE: --with scheme=110")
    return field, value


def _completed(right: Right, home: Path) -> Right:
    """Fill in this city, and the legal basis in the agreement's own words, where none was given."""
    from services.node.cli.agreement import agreements

    with connect(home) as session:
        own = session.settings.city
        known = [one.legal_basis for one in agreements(session) if one.id == right.agreement_id]
    if right.city not in ("", own) and not right.agreement_id:
        raise Mistake("问别的城市须写 --agreement · asking another city takes --agreement: `yrdx agreement ls`")
    basis = right.legal_basis or (known[-1] if known else _OWN_BASIS)
    return right._replace(city=right.city or own, legal_basis=basis)


def _tell(answered: Answered, *, json: bool) -> Exit:
    if json:
        print_json({"outcome": answered.outcome, **answered.answer})
    else:
        say(_WORDS[answered.outcome])
        if answered.answer:
            print_fields({field: _cell(value) for field, value in answered.answer.items()})
    return _CODES[answered.outcome]


def _tell_all(way: Asking, file: Path, *, json: bool) -> Exit:
    unanswered = asked = 0
    writer = None
    for one in way.ask_all(file):
        asked, unanswered = asked + 1, unanswered + (not one.is_answer)
        if json:
            print_json({"row": one.row, "outcome": one.outcome, **one.answer, "message": one.message})
            continue
        if writer is None:
            columns = ["row", "outcome", *way.answer_fields, "message"]
            writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
            writer.writeheader()
        cells = {field: _csv_cell(value) for field, value in one.answer.items()}
        writer.writerow({"row": one.row, "outcome": one.outcome, **cells, "message": one.message})
    sys.stdout.flush()
    say(f"问了 {asked} 个，{unanswered} 个没有答复 · {asked} asked, {unanswered} without an answer")
    return Exit.PARTIAL if unanswered else Exit.OK


def _csv_cell(value: object) -> object:
    if isinstance(value, bool):
        return json_text.dumps(value)
    return " ".join(map(str, value)) if isinstance(value, list) else value


def _cell(value: object) -> Cell:
    if isinstance(value, bool):
        return "是 yes" if value else "否 no"
    return ", ".join(value) if isinstance(value, list) else value  # type: ignore[return-value]
