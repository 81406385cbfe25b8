"""The guard's price is measured, not guessed."""

from __future__ import annotations

from tests.integration.support.commands import yrdx


def test_the_bench_measures_the_guard_and_its_parts() -> None:
    """What gRPC takes for itself is a part of it; both are microseconds, not milliseconds."""
    measured = yrdx("bench", "guard", "--calls", "100", "--rounds", "1", "--json").json
    assert 0 < measured["auth_context_us"] < measured["inside_us"] < 200
    assert measured["with_guard_us"] > 0
