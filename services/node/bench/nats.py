"""`yrdx bench nats`: the same records through NATS JetStream and through two nodes, in the same run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from services.node.bench.deliver import delivered_per_s, median_ratio
from services.node.bench.jetstream import SYNC_ALWAYS, SYNC_DEFAULT, jetstream_per_s, require_nats
from services.node.bench.pair import bench_folder, create_pair, serving
from services.node.bench.records import bench_bodies
from services.node.output import say


@dataclass(frozen=True, slots=True)
class NatsBench:
    """What the benchmark measured; every rate is one of each round.

    Attributes:
        records: Records a round.
        rounds: Rounds, all three in turn.
        ours_per_s: Records per second of ours: full sync, on both sides.
        default_per_s: Records per second of JetStream as it is, synced every two minutes.
        always_per_s: Records per second of JetStream with ``sync_interval: always``.
        default_ratio: Median of ours divided by the default of the same round.
        always_ratio: Median of ours divided by "always" of the same round.
    """

    records: int
    rounds: int
    ours_per_s: tuple[int, ...]
    default_per_s: tuple[int, ...]
    always_per_s: tuple[int, ...]
    default_ratio: float
    always_ratio: float

    def to_json(self) -> dict[str, Any]:
        """Return the result for programs."""
        return asdict(self)


def bench_nats(*, records: int, rounds: int) -> NatsBench:
    """Measure ours against JetStream, in turn, in temporary homes on loopback.

    Args:
        records: Records a round.
        rounds: Rounds.

    Raises:
        Absent: NATS is not installed.
    """
    require_nats()
    with bench_folder() as folder:
        pair = create_pair(folder)
        say(f"准备 {records} 条记录 · preparing records")
        bodies = bench_bodies(folder, records)
        default, always, ours = [], [], []
        for number in range(rounds):
            default.append(jetstream_per_s(folder, pair.sender.path, bodies, sync_interval=SYNC_DEFAULT))
            always.append(jetstream_per_s(folder, pair.sender.path, bodies, sync_interval=SYNC_ALWAYS))
            with serving(pair):  # only now: idle or not, nobody else runs beside the peer
                ours.append(delivered_per_s(pair.sender, bodies, f"bench:{number}"))
            say(
                f"第 {number + 1} 轮 · round: JetStream {default[-1]:,.0f}/s, sync always {always[-1]:,.0f}/s, "
                f"yrdx {ours[-1]:,.0f}/s"
            )
    return NatsBench(
        records=records,
        rounds=rounds,
        ours_per_s=tuple(map(round, ours)),
        default_per_s=tuple(map(round, default)),
        always_per_s=tuple(map(round, always)),
        default_ratio=median_ratio(ours, default),
        always_ratio=median_ratio(ours, always),
    )
