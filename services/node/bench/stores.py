"""`yrdx bench stores`: the same delivery between nodes on SQLite and between nodes on PostgreSQL."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from services.node.bench.deliver import delivered_per_s, floor_per_s, median_ratio
from services.node.bench.pair import Pair, bench_folder, create_pair, serving
from services.node.bench.postgres import running_postgres
from services.node.bench.records import bench_bodies
from services.node.output import say

SQLITE: Final = "SQLite"
POSTGRESQL: Final = "PostgreSQL"


@dataclass(frozen=True, slots=True)
class StoresBench:
    """What the benchmark measured.

    Attributes:
        records: Records a round.
        rounds: Rounds, floor and both stores in turn.
        floor_per_s: Records per second of the floor (`yrdx bench deliver`), each round.
        sqlite_per_s: Records per second between nodes on SQLite, each round.
        postgresql_per_s: The same on PostgreSQL, durable settings, by a socket on the same machine.
        sqlite_ratio: Median of SQLite's divided by the floor of the same round.
        postgresql_ratio: The same of PostgreSQL's.
        between_ratio: Median of PostgreSQL's divided by SQLite's of the same round.
    """

    records: int
    rounds: int
    floor_per_s: tuple[int, ...]
    sqlite_per_s: tuple[int, ...]
    postgresql_per_s: tuple[int, ...]
    sqlite_ratio: float
    postgresql_ratio: float
    between_ratio: float

    def to_json(self) -> dict[str, Any]:
        """Return the result for programs."""
        return asdict(self)


def bench_stores(*, records: int, rounds: int) -> StoresBench:
    """Measure both stores in turn, in temporary homes on loopback.

    Args:
        records: Records a round.
        rounds: Rounds.

    Raises:
        Absent: No PostgreSQL is installed for it.
    """
    with bench_folder() as folder, running_postgres() as server:
        urls = server.create_database(), server.create_database()
        pairs: dict[str, Pair] = {
            SQLITE: create_pair(folder / "sqlite"),
            POSTGRESQL: create_pair(folder / "postgresql", urls),
        }
        say(f"准备 {records} 条记录 · preparing records")
        bodies = bench_bodies(folder, records)
        floors: list[float] = []
        found: dict[str, list[float]] = {store: [] for store in pairs}
        for number in range(rounds):
            floors.append(floor_per_s(folder, pairs[SQLITE].sender, bodies))
            for store, pair in pairs.items():
                with serving(pair):
                    found[store].append(delivered_per_s(pair.sender, bodies, f"bench:{number}"))
            told = ", ".join(f"{store} {rates[-1]:,.0f}/s" for store, rates in found.items())
            say(f"第 {number + 1} 轮 · round: floor {floors[-1]:,.0f}/s, {told}")
    return StoresBench(
        records=records,
        rounds=rounds,
        floor_per_s=tuple(map(round, floors)),
        sqlite_per_s=tuple(map(round, found[SQLITE])),
        postgresql_per_s=tuple(map(round, found[POSTGRESQL])),
        sqlite_ratio=median_ratio(found[SQLITE], floors),
        postgresql_ratio=median_ratio(found[POSTGRESQL], floors),
        between_ratio=median_ratio(found[POSTGRESQL], found[SQLITE]),
    )
