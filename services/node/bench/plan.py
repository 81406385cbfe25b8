"""What `make bench` runs, and what is asked of each number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

Result = Any
"""What a bench wrote with ``--json``."""


class Line(NamedTuple):
    """One rate of a bench, as a line of its table and, where something is asked of it, a bar of the picture.

    Attributes:
        what: What was measured, Chinese and English.
        rates: Field with the rate of each round, or the one rate.
        value: Field that something is asked of; empty: of none.
        asked: The least that is asked of it.
    """

    what: str
    rates: str
    value: str = ""
    asked: float = 0.0


class Bar(NamedTuple):
    """One number and what is asked of it.

    Attributes:
        what: What was measured, Chinese and English.
        value: The number.
        asked: The least that is asked.
    """

    what: str
    value: float
    asked: float


@dataclass(frozen=True, slots=True)
class Part:
    """One bench of the plan.

    Attributes:
        name: Its verb, ``yrdx bench <name>``, and its place in the document.
        arguments: Of a run that takes a minute.
        long_arguments: Of a run that takes as long as it takes.
        lines: Rates that it measures; a bench of another shape has none, and its fields or rows are told as they are.
        bars: From the result to further numbers that something is asked of.
    """

    name: str
    arguments: tuple[str, ...] = ()
    long_arguments: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    bars: Callable[[Result], list[Bar]] = lambda _: []

    def all_bars(self, result: Result) -> list[Bar]:
        """Return every number that something is asked of."""
        asked = [Bar(line.what, result[line.value], line.asked) for line in self.lines if line.asked]
        return asked + self.bars(result)


KEPT: Final = 0.9
"""Flat within 10 %."""
_MAPPED_PER_S: Final = 60_000


def _slowest_mapping(result: Result) -> list[Bar]:
    flat = [one for one in result if one["records"] == one["rows"]]
    slowest = min(min(one["to_standard_per_s"], one["from_standard_per_s"]) for one in flat)
    return [Bar("最慢的映射，行/秒 · slowest flat mapping, rows/s", slowest, _MAPPED_PER_S)]


def _kept(result: Result) -> list[Bar]:
    first, largest = result[0]["size"], result[-1]
    what: Mapping[str, str] = {
        "deliver_kept": "送达 delivery",
        "lookup_kept": "查询 look-up",
        "sync_kept": "同步 sync",
    }
    grown = f"{first:,} → {largest['size']:,}"
    return [Bar(f"{words}，{grown} 条后保持 · kept", largest[field], KEPT) for field, words in what.items()]


PLAN: Final = (
    Part(
        "deliver",
        ("--records", "100000", "--rounds", "3"),
        ("--records", "300000", "--rounds", "5"),
        (
            Line("下限 floor", "floor_per_s"),
            Line("送达 ÷ 下限 · delivery ÷ floor", "ours_per_s", "ratio", 0.3),
        ),
    ),
    Part(
        "nats",
        ("--records", "30000", "--rounds", "3"),
        ("--records", "100000", "--rounds", "5"),
        (
            Line("yrdx", "ours_per_s"),
            Line("送达 ÷ JetStream 默认 · delivery ÷ JetStream as it is", "default_per_s", "default_ratio", 2.0),
            Line("送达 ÷ JetStream 每次落盘 · ÷ JetStream, sync always", "always_per_s", "always_ratio", 8.0),
        ),
    ),
    Part(
        "lookup",
        ("--records", "100000", "--questions", "5000", "--rounds", "3"),
        ("--records", "1000000", "--questions", "20000", "--rounds", "5"),
        (
            Line("下限 floor", "floor_per_s"),
            Line("查询 ÷ 下限 · look-up ÷ floor", "ours_per_s", "ratio", 0.5),
        ),
    ),
    Part(
        "sync",
        ("--rows", "500000"),
        ("--long",),
        (
            Line("下限 floor", "floor_per_s"),
            Line("文件同步，行/秒 · sync of a file, rows/s", "rows_per_s", "rows_per_s", 15_000),
        ),
    ),
    Part(
        "mapping", ("--records", "5000", "--rounds", "3"), ("--records", "20000", "--rounds", "5"), (), _slowest_mapping
    ),
    Part("guard", ("--calls", "2000", "--rounds", "5"), ("--calls", "10000", "--rounds", "5")),
    Part(
        "stores",
        ("--records", "50000", "--rounds", "3"),
        ("--records", "200000", "--rounds", "5"),
        (
            Line("下限 floor", "floor_per_s"),
            Line("SQLite", "sqlite_per_s", "sqlite_ratio"),
            Line("PostgreSQL", "postgresql_per_s", "postgresql_ratio"),
        ),
    ),
    Part("growth", ("--records", "20000", "--rounds", "3"), ("--long", "--rounds", "5"), bars=_kept),
)
