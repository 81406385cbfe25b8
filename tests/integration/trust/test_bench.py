"""The guard's price is measured, not guessed."""

from __future__ import annotations

from tests.integration.support.commands import yrdx


def test_the_bench_measures_the_guard_and_its_parts() -> None:
    """Every part is told, in microseconds."""
    measured = yrdx("bench", "guard", "--calls", "100", "--rounds", "1", "--json").json
    for name in ("auth_context_us", "inside_us", "with_guard_us", "without_guard_us"):
        assert 0 < measured[name] < 1e6, name
