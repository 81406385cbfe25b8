"""Up: the whole product in one command. Two cities, two processes, both directions, and a proof at the end."""

from __future__ import annotations

import csv
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from adapters.mapping import load_mapping
from adapters.samples import SampleSet, write_samples
from adapters.tables import REASON_COLUMNS
from services.node.cli.stream import streams as streams_of
from services.node.demo.cities import DATASET, NANTONG, SHANGHAI, DemoCity, create_city, introduce
from services.node.demo.processes import NodeProcess
from services.node.demo.verify import compare_ends
from services.node.home import Home
from services.node.output import print_table, say
from services.node.session import open_session
from services.node.sync.progress import BarProgress, NoProgress, shown_bars
from services.node.sync.run import Sync, SyncJob, SyncReport

BAD_ROWS: Final = 40
WAIT_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class StreamReport:
    """One direction: what became of this run's rows, and what comparing both ends found of all that ever were sent."""

    stream: str
    submitted: int
    acknowledged: int
    rejected_local: int
    rejected_partner: int
    pending: int
    duplicates: int
    missing: int


@dataclass(frozen=True, slots=True)
class UpReport:
    """The demo's result.

    Attributes:
        verified: Everything acknowledged stands exactly once with the same content, and nothing is pending.
        elapsed_s: Seconds from the beginning to the end of the verification.
        streams: Both directions.
    """

    verified: bool
    elapsed_s: float
    streams: tuple[StreamReport, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the report for programs."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Direction:
    sender: DemoCity
    receiver: DemoCity
    file: Path


@contextmanager
def demo(folder: Path, *, seed: int, people: int, quiet: bool) -> Iterator[UpReport]:
    """Run the demo and keep both nodes serving while the block runs.

    Args:
        folder: Where both homes and the samples lie; a former demo there goes on.
        seed: Seed of the samples.
        people: Invented people each way.
        quiet: Leave stdout to the caller.
    """
    begun = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    say("准备两座城市 · preparing two cities")
    homes = {city: create_city(folder, city) for city in (NANTONG, SHANGHAI)}
    introduce(homes[NANTONG], homes[SHANGHAI])
    introduce(homes[SHANGHAI], homes[NANTONG])
    say(f"生成样本，每城 {people} 人，均为虚构 · generating samples, invented people")
    (folder / "samples").mkdir(exist_ok=True)
    samples = write_samples(folder / "samples", seed=seed, people=people, bad_rows=BAD_ROWS)
    with ExitStack() as stack:
        for home in homes.values():
            say(f"启动节点 · starting the node of {home.path}")
            stack.enter_context(NodeProcess(home))
        streams, reports = _exchange(homes, samples)
        complete = all(not (s.pending or s.missing or s.duplicates) for s in streams)
        balanced = all(s.submitted == s.acknowledged + s.rejected_partner for s in streams)
        report = UpReport(complete and balanced, round(time.monotonic() - begun, 3), streams)
        if not quiet:
            tell(report, reports)
        yield report


def _exchange(
    homes: dict[DemoCity, Home], samples: SampleSet
) -> tuple[tuple[StreamReport, ...], tuple[SyncReport, ...]]:
    directions = (
        _Direction(NANTONG, SHANGHAI, samples.files[0].path),
        _Direction(SHANGHAI, NANTONG, samples.files[1].path),
    )
    say("双向同步 · syncing both ways")
    with shown_bars() as bars, ThreadPoolExecutor(len(directions)) as pool:
        shown = [BarProgress(bars, d.sender.name) if bars is not None else NoProgress() for d in directions]
        reports = tuple(pool.map(lambda d, progress: _sync(homes[d.sender], d, progress), directions, shown))
    say("逐条核对 · verifying record by record")
    streams = tuple(_verify(homes, d, report) for d, report in zip(directions, reports, strict=True))
    return streams, reports


def _sync(home: Home, direction: _Direction, progress: BarProgress | NoProgress) -> SyncReport:
    job = SyncJob(direction.file, direction.receiver.code, DATASET, again=False, wait_s=WAIT_S)
    with open_session(home.path) as session:
        return Sync(session, job, progress).run()


def _verify(homes: dict[DemoCity, Home], direction: _Direction, report: SyncReport) -> StreamReport:
    with (
        open_session(homes[direction.sender].path) as sender,
        open_session(homes[direction.receiver].path) as receiver,
    ):
        found = compare_ends(sender, receiver, DATASET)
        name = f"{direction.sender.code}/{direction.receiver.code}/{DATASET}/0"
        counted = sum(status.acknowledged for status in streams_of(sender, "outbound") if status.stream == name)
    return StreamReport(
        stream=name,
        submitted=report.submitted,
        acknowledged=report.acknowledged,
        rejected_local=report.rejected_local,
        rejected_partner=report.rejected_partner,
        pending=report.pending,
        duplicates=found.duplicates + max(0, found.acknowledged - counted),
        missing=found.missing + max(0, counted - found.acknowledged),
    )


def tell(report: UpReport, syncs: tuple[SyncReport, ...]) -> None:
    """Show the result to people: a table per stream, and where the rejected rows are and why."""
    print_table(
        ("数据流 stream", "提交 submitted", "送达 acknowledged", "本地拒绝 rejected here", "对方拒绝 by partner",
         "待送 pending", "重复 duplicates", "缺失 missing"),
        [(s.stream, s.submitted, s.acknowledged, s.rejected_local, s.rejected_partner, s.pending, s.duplicates,
          s.missing) for s in report.streams],
    )  # fmt: skip
    for sync, stream in zip(syncs, report.streams, strict=True):
        if sync.rejects_file:
            _tell_rejects(Path(sync.rejects_file), stream.stream)
    if not report.verified:
        say(f"核对未通过 · NOT verified（{report.elapsed_s} s）")
        return
    say(f"核对通过 · verified（{report.elapsed_s} s）：每条已确认的记录在对方收件箱恰好一份")
    say("every acknowledged record stands exactly once in the partner's inbox, with the same content")


def _tell_rejects(path: Path, stream: str) -> None:
    """Say which rules rejected how many rows; the rows themselves stay in the file."""
    dialect = NANTONG.dialect if stream.startswith(NANTONG.code) else SHANGHAI.dialect
    file = load_mapping(dialect, DATASET).file
    with path.open(encoding=file.encoding, newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter=file.delimiter))
    _, column, rule, reason = REASON_COLUMNS
    counts = Counter((row[rule], row[column], row[reason]) for row in rows)
    say(f"{stream}：被拒 {len(rows)} 行 · rejected rows: {path}")
    for (rule_id, name, words), count in counts.most_common():
        say(f"  {count:>4}  {rule_id}  {name}  {words}")
