"""`yrdx cert drill`: an act on trust, rehearsed on throw-away nodes under load."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from services.node.cli.verbs import JsonOption, group, verb
from services.node.exits import Exit
from services.node.output import print_fields, print_json

if TYPE_CHECKING:
    from services.node.drill.acts import DrillReport

app = group("演练 · drills on throw-away nodes")


@verb(
    app,
    "leaf",
    "演练：叶证书轮换 · rotate leaves under load",
    "yrdx cert drill leaf",
    "yrdx cert drill leaf --rotations 10 --json",
)
def leaf(
    rotations: Annotated[int, typer.Option(min=1, help="每侧次数 · renewals on each side")] = 5,
    json: JsonOption = False,
) -> None:
    """Drill a rotation."""
    from services.node.drill.acts import drill_leaf

    _tell(drill_leaf(rotations=rotations), json=json)


@verb(
    app,
    "rollover",
    "演练：签发机构更替 · roll over an authority under load",
    "yrdx cert drill rollover --json",
)
def rollover(json: JsonOption = False) -> None:
    """Drill a rollover."""
    from services.node.drill.acts import drill_rollover

    _tell(drill_rollover(), json=json)


@verb(
    app,
    "revoke",
    "演练：吊销并切断连接 · revoke a leaf that holds streams open",
    "yrdx cert drill revoke --json",
)
def revoke(
    streams: Annotated[int, typer.Option(min=1, max=90, help="数据流数 · open streams")] = 40, json: JsonOption = False
) -> None:
    """Drill a revocation."""
    from services.node.drill.acts import drill_revoke

    _tell(drill_revoke(streams=streams), json=json)


def _tell(report: DrillReport, *, json: bool) -> None:
    fields = report.to_json()
    if json:
        print_json(fields)
    else:
        print_fields({name: str(value) for name, value in fields.items()})
    raise typer.Exit(Exit.OK if report.passed else Exit.FAILURE)
