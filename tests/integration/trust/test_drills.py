"""Drills on throw-away nodes: they pass, and they would say if they did not."""

from __future__ import annotations

import pytest

from services.node.drill.acts import DrillReport
from tests.integration.support.commands import yrdx


def test_the_drill_of_a_revocation() -> None:
    """Forty streams are cut, the other partner's go on, and the median is said."""
    report = yrdx("cert", "drill", "revoke", "--json").json
    assert (report["calls"], report["others_cut"], report["passed"]) == (40, 0, True)
    assert len(report["effect_ms"]) == 40
    assert 0 < report["effect_median_ms"] < 2_000  # under 100 on a quiet machine: docs/benchmarks.md


def test_the_drill_of_a_rotation() -> None:
    """Calls go on and none fails."""
    report = yrdx("cert", "drill", "leaf", "--rotations", "2", "--json").json
    assert report["errors"] == []
    assert report["calls"] > 0
    assert len(report["effect_ms"]) == 4


@pytest.mark.long
def test_the_drill_of_a_rollover() -> None:
    """Every step is named with its time."""
    report = yrdx("cert", "drill", "rollover", "--json").json
    assert report["errors"] == []
    assert len(report["notes"]) == 6


def test_a_drill_that_found_something_says_so() -> None:
    """An error, or a stream of somebody else that was cut, is a failure."""
    assert DrillReport("leaf", 1, [], 0.1).passed
    assert not DrillReport("leaf", 1, ["310000: [UNAVAILABLE] away"], 0.1).passed
    assert not DrillReport("revoke", 1, [], 0.1, others_cut=1).passed
