"""`yrdx bench growth`: what delivery, a look-up and a sync become as the stores of both cities grow.

A pair of cities for each size, all filled first; then their rounds take turns, each against the floor of its own round,
since a machine's speed changes more within minutes than what is looked for.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from services.node.bench.deliver import delivered_per_s, floor_per_s
from services.node.bench.filling import come_to_rest, fill
from services.node.bench.lookup import agree, asked, echo_per_s
from services.node.bench.pair import Pair, bench_folder, create_pair, serving
from services.node.bench.records import OTHERS_SEED, BenchRecord, bench_records
from services.node.bench.sync import rows_file, run_floor, run_sync
from services.node.demo.cities import NANTONG, SHANGHAI
from services.node.home import Home
from services.node.output import say

SIZES: Final = (10_000, 100_000, 1_000_000)
LONG_SIZES: Final = (*SIZES, 10_000_000)

_CALLERS: Final = 32
_PEOPLE: Final = 1_000


class Round(NamedTuple):
    """One round at one size: ours divided by the floor of the same minute.

    Attributes:
        deliver: Of `yrdx bench deliver`.
        lookup: Of `yrdx bench lookup`.
        sync: Of `yrdx bench sync`.
        merge_s: Seconds of merging afterwards, at rest, what the round submitted.
    """

    deliver: float
    lookup: float
    sync: float
    merge_s: float


@dataclass(frozen=True, slots=True)
class GrowthBench:
    """What was measured at one size.

    Attributes:
        size: Records that stood in both stores before the first round; rounds add to them.
        records: Records that a round delivers, and rows that it syncs; it asks a fourth as many questions.
        rounds: Rounds.
        deliver: Median ratio of delivery to its floor.
        lookup: Median ratio of look-ups to theirs.
        sync: Median ratio of a sync to its.
        deliver_kept: Median ratio of delivery divided by the one at the smallest size.
        lookup_kept: The same of look-ups.
        sync_kept: The same of a sync.
        merge_s: Median seconds of merging, at rest, what a round submitted: twice its records.
        store_mib: Size of the sender's store before the first round.
    """

    size: int
    records: int
    rounds: int
    deliver: float
    lookup: float
    sync: float
    deliver_kept: float
    lookup_kept: float
    sync_kept: float
    merge_s: float
    store_mib: int


@dataclass(frozen=True, slots=True)
class _Grown:
    """A pair of cities of one size.

    Attributes:
        size: Records that were filled in.
        pair: Both homes.
        rounds: File that says how many rounds were measured in them: each brings records of its own.
        store_mib: Size of the sender's store before the first round of this run.
    """

    size: int
    pair: Pair
    rounds: Path
    store_mib: int


def bench_growth(
    *, sizes: Sequence[int], records: int, rounds: int, stores: Path | None = None
) -> list[dict[str, Any]]:
    """Measure every size.

    Args:
        sizes: Records in the stores, the smallest first.
        records: Records, rows and questions a round.
        rounds: Rounds; without one the stores are filled and nothing is measured.
        stores: Where filled stores stay, and those of an earlier run are found; None fills new ones for this run alone.
    """
    with bench_folder() as folder:
        known = bench_records(folder, min(*sizes, _PEOPLE))
        bodies = [record.body for record in bench_records(folder, records, seed=OTHERS_SEED)]
        grown = [_grow((stores or folder) / str(size), size, known) for size in sizes]
        found: dict[int, list[Round]] = {size: [] for size in sizes}
        for number in range(rounds):
            for one in grown:
                measured = _round(folder, one, known, bodies)
                found[one.size].append(measured)
                say(f"第 {number + 1} 轮，{one.size:,} 条 · round, {one.size:,} records: {measured._asdict()}")
    if not rounds:
        return []
    medians = {size: Round(*map(statistics.median, zip(*of_size, strict=True))) for size, of_size in found.items()}
    first = medians[sizes[0]]
    return [asdict(_result(one, medians[one.size], first, records, rounds)) for one in grown]


def _grow(folder: Path, size: int, known: Sequence[BenchRecord]) -> _Grown:
    folder.mkdir(parents=True, exist_ok=True)
    rounds = folder / "rounds"
    if rounds.exists():
        pair = Pair(*(Home(folder / city.code) for city in (NANTONG, SHANGHAI)))
    else:
        say(f"填充 {size:,} 条 · filling both stores")
        pair = create_pair(folder)
        agree(pair)
        fill(pair, known, size)
        rounds.write_text("0\n", encoding="utf-8")
    return _Grown(size, pair, rounds, round(pair.sender.store.stat().st_size / 2**20))


def _round(folder: Path, grown: _Grown, known: Sequence[BenchRecord], bodies: Sequence[bytes]) -> Round:
    pair, count, questions = grown.pair, len(bodies), -(-len(bodies) // 4)
    number = int(grown.rounds.read_text(encoding="utf-8"))
    grown.rounds.write_text(f"{number + 1}\n", encoding="utf-8")
    rows = rows_file(folder / "rows.csv", count, seed=100 + number)  # people that nobody sent before
    with serving(pair):
        deliver_floor = floor_per_s(folder, pair.sender, bodies)
        deliver = delivered_per_s(pair.sender, bodies, f"bench:{number}")
        echo = echo_per_s(folder, pair, known, callers=_CALLERS, questions=questions)
        lookup = asked(pair, known, callers=_CALLERS, questions=questions)
        floor_s = run_floor(rows.path, folder)
        sync_s, _, _ = run_sync(pair.sender, rows.path)
    # Nodes of the next round would merge it in their first seconds, beside what is measured.
    merge_s = come_to_rest(pair.sender)
    return Round(*(round(one, 4) for one in (deliver / deliver_floor, lookup.per_s / echo, floor_s / sync_s, merge_s)))


def _result(grown: _Grown, measured: Round, first: Round, records: int, rounds: int) -> GrowthBench:
    deliver, lookup, sync, merge_s = measured
    return GrowthBench(
        size=grown.size,
        records=records,
        rounds=rounds,
        deliver=deliver,
        lookup=lookup,
        sync=sync,
        deliver_kept=round(deliver / first.deliver, 3),
        lookup_kept=round(lookup / first.lookup, 3),
        sync_kept=round(sync / first.sync, 3),
        merge_s=round(merge_s, 2),
        store_mib=grown.store_mib,
    )
