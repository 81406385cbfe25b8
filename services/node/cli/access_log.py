"""`yrdx access-log`: who asked what, here and from here."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from services.domain.agreement import LOCAL_TIME
from services.node.cli.lookup import ColourOption, PersonOption, PlateOption, read_person
from services.node.cli.node_access import connect
from services.node.cli.verbs import HERE, HomeOption, JsonOption, group, verb
from services.node.exits import Mistake
from services.node.output import print_json_array, print_table

if TYPE_CHECKING:
    from services.node.session import NodeSession
    from yrdx.node.v1 import node_pb2

app = group("访问记录 · who asked what")

PAGE_ACCESSES: Final = 1_000


@verb(
    app,
    "ls",
    "列出查询记录：谁、何时、依据什么、问了什么、结果如何 · list questions, asked and answered",
    "yrdx access-log ls --home A --since 2026-11-01",
    "yrdx access-log ls --home A --person - --json",
    more="记录里没有个人信息，只存密钥散列；给出号码才能查到某人被谁问过 · the log names nobody: only with a person's "
    "number can be found who asked about that person. 审计员 audit operators: YRDX_OPERATOR",
)
def ls(
    *,
    person: PersonOption = "",
    plate: PlateOption = "",
    colour: ColourOption = "",
    since: Annotated[str, typer.Option(help="自哪天或何时起 · since a day or an instant, 2026-11-01")] = "",
    home: HomeOption = HERE,
    json: JsonOption = False,
) -> None:
    """List accesses, the oldest first."""
    subject = [read_person(person)] if person else [plate, colour] if plate else []
    with connect(home) as session:
        found = (fields(one) for one in accesses(session, subject, _instant(since)))
        if json:
            print_json_array(found)
            return
        shown = ("time", "side", "caller_city", "asked_city", "question", "agreement", "purpose", "clerk_reference",
                 "outcome")  # fmt: skip
        print_table(
            ("时间 time", "方向 side", "提问 from", "被问 to", "问题 question", "协议 agreement", "用途 purpose",
             "经办 clerk", "结果 outcome"),
            ([one[name] for name in shown] for one in found),
        )  # fmt: skip


def accesses(
    session: NodeSession, subject: list[str], since: datetime | None
) -> Iterator[node_pb2.ListAccessesResponse.Access]:
    """Yield accesses, page by page."""
    from yrdx.node.v1 import node_pb2

    request = node_pb2.ListAccessesRequest(subject=subject, page_size=PAGE_ACCESSES)
    if since is not None:
        request.since_time.FromDatetime(since)
    while page := session.stub.ListAccesses(request).accesses:
        yield from page
        request.after_id = page[-1].id


def fields(access: node_pb2.ListAccessesResponse.Access) -> dict[str, Any]:
    """Return an access as it stands in JSON."""
    version = f" v{access.agreement_version}" if access.agreement_id else ""
    return {
        "id": access.id,
        "time": access.access_time.ToJsonString(),
        "side": access.side,
        "caller_city": access.caller_city,
        "asked_city": access.asked_city,
        "caller": access.caller,
        "question": access.question,
        "agreement": f"{access.agreement_id}{version}",
        "purpose": access.purpose,
        "legal_basis": access.legal_basis,
        "request_id": access.request_id,
        "clerk_reference": access.clerk_reference,
        "subject": access.subject.hex(),
        "outcome": access.outcome,
    }


def _instant(text: str) -> datetime | None:
    """Read a day or an instant, in local time unless it says otherwise."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text) if "T" in text else datetime.combine(date.fromisoformat(text), time())
    except ValueError as error:
        raise Mistake("--since 写作 2026-11-01 或 2026-11-01T08:00 · --since is a day or an instant") from error
    return found if found.tzinfo else found.replace(tzinfo=LOCAL_TIME)
