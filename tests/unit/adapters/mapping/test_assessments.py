"""Assessments: a scale that is computed again, and others that are left alone."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.mapping import RowRejected, load_mapping
from tests.unit.adapters.mapping.rows import golden
from yrdx.care.v1.assessment_pb2 import ASSESSMENT_SCALE_SHANGHAI_CARE

LOCAL, SHANGHAI = (load_mapping(dialect, "care.assessment") for dialect in ("local", "shanghai"))
ROWS = golden("local", "care.assessment")


def form(serial: str, **cells: str) -> list[dict[str, str]]:
    """The rows of a golden assessment, each with other cells."""
    return [row | cells for row in ROWS if row["assessNo"] == serial]


def read(rows: list[dict[str, str]]) -> Any:
    """The message of an assessment."""
    return LOCAL.to_standard_rows([list(row.values()) for row in rows]).message


def refused(rows: list[dict[str, str]]) -> RowRejected:
    """How an assessment is rejected."""
    with pytest.raises(RowRejected) as raised:
        read(rows)
    return raised.value


def scored(total: int, **cells: str) -> list[dict[str, str]]:
    """An assessment with a total, whose points are taken from the last items first."""
    rows = form("NTPG0001", levelChange="0", **cells)
    lost = 90 - total
    for row in reversed(rows):
        points = min(lost, int(row["itemValue"]))
        row["itemValue"] = str(int(row["itemValue"]) - points)
        lost -= points
    names = {"1": "selfCareScore", "2": "movementScore", "3": "mentalScore", "4": "perceptionScore"}
    sums = {name: sum(int(row["itemValue"]) for row in rows if row["itemDomain"] == d) for d, name in names.items()}
    return [row | {name: str(points) for name, points in sums.items()} | {"totalScore": str(total)} for row in rows]


class TestTheNationalScale:
    """GB/T 42195-2022: 26 items, 90 points, higher is better."""

    def test_it_has_26_items_and_90_points(self) -> None:
        """As the golden form of somebody who can do everything."""
        message = read(form("NTPG0001"))
        assert (len(message.items), message.total_score, message.level) == (26, 90, 0)

    @pytest.mark.parametrize(
        ("total", "level"),
        [(90, 0), (89, 1), (66, 1), (65, 2), (46, 2), (45, 3), (30, 3), (29, 4), (0, 4)],
    )
    def test_the_total_decides_the_level(self, total: int, level: int) -> None:
        """At every border; any other level is refused and names the columns."""
        assert read(scored(total, preliminaryLevel=str(level), finalLevel=str(level))).level == level
        wrong = str((level + 1) % 5)
        rejected = refused(scored(total, preliminaryLevel=wrong, finalLevel=wrong))
        assert (rejected.rule_id, rejected.column) == ("decision.differs", "preliminaryLevel")
        assert "totalScore" in rejected.reason

    def test_an_inverted_scale_is_found(self) -> None:
        """Public code takes 90 for the worst."""
        assert refused(scored(90, preliminaryLevel="4", finalLevel="4")).rule_id == "decision.differs"

    @pytest.mark.parametrize(
        ("change", "total", "preliminary", "final"),
        [
            ("0", 70, "1", "1"),
            ("", 70, "1", "1"),
            ("1", 90, "0", "4"),
            ("2", 90, "0", "1"),
            ("2", 70, "1", "2"),
            ("3", 30, "3", "4"),
            ("3", 10, "4", "4"),
        ],
    )
    def test_adjustments(self, change: str, total: int, preliminary: str, final: str) -> None:
        """Coma is level 4; a diagnosis or risk events are one level worse, and nothing is worse than 4."""
        cells = {"levelChange": change, "preliminaryLevel": preliminary}
        rows = [row | cells for row in scored(total)]
        assert read([row | {"finalLevel": final} for row in rows]).level == int(final)
        rejected = refused([row | {"finalLevel": str((int(final) + 1) % 5)} for row in rows])
        assert (rejected.rule_id, rejected.column) == ("decision.differs", "finalLevel")

    def test_subtotals_follow_from_the_items(self) -> None:
        """A point from one domain to another leaves the total as it was."""
        rows = form("NTPG0002", selfCareScore="29", movementScore="13")
        rejected = refused(rows)
        assert (rejected.rule_id, rejected.column) == ("sum.mismatch", "selfCareScore")

    def test_a_total_of_other_subtotals(self) -> None:
        """Is found on the row itself."""
        rejected = refused(form("NTPG0002", totalScore="83"))
        assert (rejected.rule_id, rejected.column) == ("sum.mismatch", "totalScore")

    def test_a_subtotal_has_a_most(self) -> None:
        """精神状态 has 28 points; published code has 29."""
        assert refused(form("NTPG0001", mentalScore="29")).rule_id == "count.range"

    def test_items_without_subtotals_are_refused(self) -> None:
        """Else nobody would compute the level again."""
        nothing = dict.fromkeys(["selfCareScore", "movementScore", "mentalScore", "perceptionScore", "totalScore"], "")
        assert refused(form("NTPG0001", **nothing)).rule_id == "sum.mismatch"

    def test_nothing_left_is_never_taken_for_nothing_lost(self) -> None:
        """All points 0 and no total said: still level 4, and the subtotals must be said."""
        rows = [row | {"totalScore": ""} for row in scored(0, preliminaryLevel="4", finalLevel="4")]
        assert read(rows).level == 4
        assert (
            refused([row | {"preliminaryLevel": "0", "finalLevel": "0"} for row in rows]).rule_id == "decision.differs"
        )
        assert refused([row | {"selfCareScore": ""} for row in rows]).rule_id == "sum.mismatch"


class TestOtherScales:
    """Items and level as they are."""

    def test_shanghais_form_stays_itself_in_nantong(self) -> None:
        """Higher is worse there, and no level of the national scale is made of it."""
        row = golden("shanghai", "care.assessment")[:3]
        there: Any = SHANGHAI.to_standard_rows([list(one.values()) for one in row]).message
        assert (there.scale_code, there.level) == (ASSESSMENT_SCALE_SHANGHAI_CARE, 4)
        assert not there.HasField("preliminary_level")
        here = LOCAL.to_standard_rows(LOCAL.from_standard_rows(there)).message
        assert here == there

    def test_a_result_alone_travels(self) -> None:
        """南通照护保险 has a level and no items here."""
        assert read(form("NTPG0004")).level == 3

    def test_levels_end_at_six(self) -> None:
        """Shanghai has the most of them."""
        assert refused(form("NTPG0004", finalLevel="7")).rule_id == "count.range"
