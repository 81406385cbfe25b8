"""Up: the whole product in one command. Two cities, two processes, every dataset both ways, and a proof at the end.

What is wrong in the samples is known, so the proof also says that every planted error was found and named; then the
rejects files are mended as a clerk would, resubmitted, and no open rejection is left.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from adapters.mapping import load_mapping
from adapters.samples import DATASETS, mend_rejects
from services.node.cli.stream import streams as streams_of
from services.node.demo.cities import NANTONG, SHANGHAI, DemoCity, create_city, introduce
from services.node.demo.found import Found, open_rejections, planted_found
from services.node.demo.processes import NodeProcess
from services.node.demo.streams import DemoStream, make_streams
from services.node.demo.verify import compare_ends
from services.node.home import Home
from services.node.output import print_table, say
from services.node.session import open_session
from services.node.sync.inputs import layout_of
from services.node.sync.progress import BarProgress, NoProgress, shown_bars
from services.node.sync.report import SyncJob, SyncReport
from services.node.sync.resubmit import resubmit
from services.node.sync.run import Sync

WAIT_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class StreamReport:
    """One direction: what became of this run's rows, and what comparing both ends found of all that ever were sent.

    Attributes:
        planted: Rows in which an error was planted.
        found: Of those, how many were rejected by the rule that the error breaks, in the column where it is.
        mended: Rows of the rejects file that were mended and sent again.
        open: Rejections that nobody mended.
    """

    stream: str
    submitted: int
    acknowledged: int
    rejected_local: int
    rejected_partner: int
    pending: int
    duplicates: int
    missing: int
    planted: int
    found: int
    mended: int
    open: int

    @property
    def holds(self) -> bool:
        """Whether nothing is lost, doubled, waiting, overlooked or left to mend."""
        answered = self.submitted == self.acknowledged + self.rejected_partner
        nothing = not (self.pending or self.missing or self.duplicates or self.open)
        return answered and nothing and self.planted == self.found


@dataclass(frozen=True, slots=True)
class UpReport:
    """The demo's result.

    Attributes:
        verified: Everything acknowledged stands exactly once with the same content, nothing is pending, every planted
            error was found and mended.
        elapsed_s: Seconds from the beginning to the end of the verification.
        streams: Every dataset in both directions.
    """

    verified: bool
    elapsed_s: float
    streams: tuple[StreamReport, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the report for programs."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Synced:
    """One stream after its first sync.

    Attributes:
        stream: The stream.
        report: What became of its rows.
        found: What was found of its planted errors.
    """

    stream: DemoStream
    report: SyncReport
    found: Found


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
    streams = make_streams(folder / "samples", seed=seed, people=people)
    with ExitStack() as stack:
        for home in homes.values():
            say(f"启动节点 · starting the node of {home.path}")
            stack.enter_context(NodeProcess(home))
        say(f"{len(DATASETS)} 个数据集双向同步 · syncing {len(DATASETS)} datasets both ways")
        synced = _both_at_once(homes, streams)
        if not quiet:
            _tell_rejects(synced)
        say("改正被拒的行并重新提交 · mending the rejected rows and resubmitting them")
        mended = _mend_both_at_once(homes, synced)
        say("逐条核对 · verifying record by record")
        reports = tuple(_verify(homes, one, count) for one, count in zip(synced, mended, strict=True))
        report = UpReport(all(one.holds for one in reports), round(time.monotonic() - begun, 3), reports)
        if not quiet:
            _tell(report)
        yield report


def _both_at_once(homes: dict[DemoCity, Home], streams: Sequence[DemoStream]) -> list[_Synced]:
    """Sync the streams of each city one after another, both cities at once."""
    with shown_bars() as bars, ThreadPoolExecutor(len(homes)) as pool:

        def sync_all(city: DemoCity) -> list[_Synced]:
            shown = BarProgress(bars, city.name) if bars is not None else NoProgress()
            return [_sync(homes[city], stream, shown) for stream in streams if stream.sender == city]

        by_city = pool.map(sync_all, homes)
        return [synced for of_city in by_city for synced in of_city]


def _sync(home: Home, stream: DemoStream, progress: BarProgress | NoProgress) -> _Synced:
    job = SyncJob(stream.input, stream.receiver.code, stream.dataset, wait_s=WAIT_S)
    with open_session(home.path) as session:
        report = Sync(session, job, progress).run()
        return _Synced(stream, report, planted_found(session, report.source, stream))


def _mend_both_at_once(homes: dict[DemoCity, Home], synced: Sequence[_Synced]) -> list[int]:
    """Mend the streams of each city one after another, both cities at once."""
    with ThreadPoolExecutor(len(homes)) as pool:

        def mend_all(city: DemoCity) -> list[int]:
            return [_mend(homes[city], one) for one in synced if one.stream.sender == city]

        return [count for of_city in pool.map(mend_all, homes) for count in of_city]


def _mend(home: Home, synced: _Synced) -> int:
    """Put the right cells into the rejects file and resubmit it, as a clerk does before lunch."""
    if synced.report.rejects_file is None:
        return 0
    stream, path = synced.stream, Path(synced.report.rejects_file)
    mapping = load_mapping(stream.sender.dialect, stream.dataset)
    mend_rejects(path, layout_of(mapping), stream.corrections)
    with open_session(home.path) as session:
        sent = resubmit(session, path, wait_s=WAIT_S, progress=NoProgress())
    return sent.report.acknowledged if sent.report else 0


def _verify(homes: dict[DemoCity, Home], synced: _Synced, mended: int) -> StreamReport:
    stream, report = synced.stream, synced.report
    with (
        open_session(homes[stream.sender].path) as sender,
        open_session(homes[stream.receiver].path) as receiver,
    ):
        ends = compare_ends(sender, receiver, stream.dataset)
        counted = sum(one.acknowledged for one in streams_of(sender, "outbound") if one.stream == stream.name)
        still_open = open_rejections(sender, stream.name)
    return StreamReport(
        stream=stream.name,
        submitted=report.submitted,
        acknowledged=report.acknowledged,
        rejected_local=report.rejected_local,
        rejected_partner=report.rejected_partner,
        pending=report.pending,
        duplicates=ends.duplicates + max(0, ends.acknowledged - counted),
        missing=ends.missing + max(0, counted - ends.acknowledged),
        planted=synced.found.planted,
        found=synced.found.found,
        mended=mended,
        open=still_open,
    )


def _tell_rejects(synced: Sequence[_Synced]) -> None:
    """Say which rules rejected how many rows; the rows themselves stay in their files."""
    for one in synced:
        if one.report.rejects_file:
            say(f"{one.stream.name}：被拒 {one.found.rejected} 行 · rejected rows: {one.report.rejects_file}")
        for rule in one.found.rules:
            say(f"  {rule.rows:>4}  {rule.rule_id}  {' '.join(rule.columns)}  {rule.reason}")


def _tell(report: UpReport) -> None:
    """Show the result to people, a line for each stream."""
    print_table(
        ("数据流 stream", "提交 submitted", "送达 acknowledged", "本地拒绝 here", "对方拒绝 by partner", "待送 pending",
         "重复 duplicates", "缺失 missing", "埋错 planted", "找到 found", "改正 mended", "未处理 open"),
        [(s.stream, s.submitted, s.acknowledged, s.rejected_local, s.rejected_partner, s.pending, s.duplicates,
          s.missing, s.planted, s.found, s.mended, s.open) for s in report.streams],
    )  # fmt: skip
    if not report.verified:
        say(f"核对未通过 · NOT verified（{report.elapsed_s} s）")
        return
    say(f"核对通过 · verified（{report.elapsed_s} s）：每条已确认的记录在对方收件箱恰好一份，被拒的行已全部改正")
    say("every acknowledged record stands exactly once in the partner's inbox; every rejected row was mended")
