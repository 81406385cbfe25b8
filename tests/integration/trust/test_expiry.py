"""`yrdx cert check` as a monitoring script asks it."""

from __future__ import annotations

from pathlib import Path

from tests.integration.support.commands import yrdx
from tests.integration.support.nodes import NANTONG, make_node


def test_the_exit_code_says_whether_something_ends_soon(tmp_path: Path) -> None:
    """New leaves last 90 days and their authority for years; a period of another shape is the caller's mistake."""
    check = ["cert", "check", "--home", make_node(tmp_path, NANTONG).path, "--expires-in"]
    assert yrdx(*check, "30d", "--json").json == {"ok": True, "ending": []}
    told = yrdx(*check, "91d", "--json", code=1).json
    assert not told["ok"]
    assert {one["usage"] for one in told["ending"]} == {"gateway", "system", "operator"}
    lines = yrdx(*check, "2184h", code=1).err.splitlines()
    assert len([line for line in lines if line.startswith(NANTONG.code) and "days left" in line]) == 3
    yrdx(*check, "a month", code=2)
