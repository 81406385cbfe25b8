"""`yrdx cert drill`: an act on trust, rehearsed on throw-away nodes under load, or as canaries on the running node."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from services.node.cli.ca_verbs import NextOption
from services.node.cli.verbs import HERE, HomeOption, JsonOption, group, verb
from services.node.exits import Exit
from services.node.output import print_fields, print_json, say

if TYPE_CHECKING:
    from services.node.cli.ring import Ring
    from services.node.drill.acts import DrillReport
    from services.node.drill.live import LiveReport

app = group("演练 · drills, on throw-away nodes or on the running one")

LiveOption = Annotated[
    bool, typer.Option("--live", help="对运行中的节点及其伙伴试探 · canaries on the running node and its partners")
]
_NOTHING_LASTS = "加 --live：试探运行中的节点和伙伴，不留改变 · --live says what would break and changes nothing"


@verb(
    app,
    "leaf",
    "演练：叶证书轮换 · rotate leaves under load",
    "yrdx cert drill leaf",
    "yrdx cert drill leaf --rotations 10 --json",
    "yrdx cert drill leaf --live --home A",
    more=_NOTHING_LASTS,
)
def leaf(
    rotations: Annotated[int, typer.Option(min=1, help="每侧次数 · renewals on each side")] = 5,
    live: LiveOption = False,
    home: HomeOption = HERE,
    ca: Annotated[Path | None, typer.Option("--ca", help="签发机构目录 · folder with ca.pem and ca.key")] = None,
    json: JsonOption = False,
) -> None:
    """Drill a rotation."""
    if live:
        from services.node.drill.live import try_leaf

        _tell_live(try_leaf(_ring(home), ca), json=json)
    from services.node.drill.acts import drill_leaf

    _tell(drill_leaf(rotations=rotations), json=json)


@verb(
    app,
    "rollover",
    "演练：签发机构更替 · roll over an authority under load",
    "yrdx cert drill rollover --json",
    "yrdx cert drill rollover --live --home A",
    more=_NOTHING_LASTS,
)
def rollover(
    live: LiveOption = False, home: HomeOption = HERE, folder: NextOption = None, json: JsonOption = False
) -> None:
    """Drill a rollover."""
    if live:
        from services.node.drill.live import try_rollover

        _tell_live(try_rollover(_ring(home), folder), json=json)
    from services.node.drill.acts import drill_rollover

    _tell(drill_rollover(), json=json)


@verb(
    app,
    "revoke",
    "演练：吊销并切断连接 · revoke a leaf that holds streams open",
    "yrdx cert drill revoke --json",
    "yrdx cert drill revoke --live --home A",
    more=_NOTHING_LASTS,
)
def revoke(
    streams: Annotated[int, typer.Option(min=1, max=90, help="数据流数 · open streams")] = 40,
    live: LiveOption = False,
    home: HomeOption = HERE,
    json: JsonOption = False,
) -> None:
    """Drill a revocation."""
    if live:
        from services.node.drill.live import try_revoke

        _tell_live(try_revoke(_ring(home)), json=json)
    from services.node.drill.acts import drill_revoke

    _tell(drill_revoke(streams=streams), json=json)


def _ring(home: Path) -> Ring:
    from services.node.cli.ring import open_ring
    from services.node.cli.trust_access import opened_home

    return open_ring(opened_home(home))


def _tell_live(report: LiveReport, *, json: bool) -> NoReturn:
    if json:
        print_json(report.to_json())
    for one in () if json else report.checks:
        say(f"{'✓' if one.ok else '✗'} {one.step}{one.city and f' {one.city}'}: {one.found}")
        if one.mend:
            say(f"    → {one.mend}")
    raise typer.Exit(Exit.OK if report.passed else Exit.FAILURE)


def _tell(report: DrillReport, *, json: bool) -> None:
    fields = report.to_json()
    if json:
        print_json(fields)
    else:
        print_fields({name: str(value) for name, value in fields.items()})
    raise typer.Exit(Exit.OK if report.passed else Exit.FAILURE)
