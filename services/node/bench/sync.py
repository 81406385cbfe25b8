"""`yrdx bench sync`: a CSV of contributions to acknowledged and standing in the partner's inbox."""

from __future__ import annotations

import csv
import json
import sqlite3
import subprocess
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from adapters.mapping import load_mapping
from adapters.samples import SampleFile, write_sample
from services.node.bench.memory import Peaks
from services.node.bench.pair import bench_folder, create_pair, module, scratch_store, serving
from services.node.demo.cities import DATASET, NANTONG, SHANGHAI
from services.node.home import Home
from services.node.output import say
from services.node.session import open_session
from yrdx.node.v1 import node_pb2

_MONTHS: Final = 12
_FLOOR_ROWS: Final = 1_000
"""Rows of one transaction of the floor."""


@dataclass(frozen=True, slots=True)
class SyncBench:
    """What the benchmark measured.

    Attributes:
        rows: Rows of the file.
        file_mib: Its size.
        elapsed_s: From the start of the command to its end: every row stands in the partner's inbox.
        rows_per_s: Rows by seconds.
        floor_per_s: Rows per second of the floor: the same file read by the csv module into one SQLite table.
        ratio: Ours divided by the floor's.
        acknowledged: Records with an accepting receipt.
        inbox: Records in the partner's inbox.
        sync_peak_mib: Peak resident memory of the command, the largest of its processes.
        sender_peak_mib: Of the sending node.
        receiver_peak_mib: Of the receiving node.
    """

    rows: int
    file_mib: float
    elapsed_s: float
    rows_per_s: int
    floor_per_s: int
    ratio: float
    acknowledged: int
    inbox: int
    sync_peak_mib: float
    sender_peak_mib: float
    receiver_peak_mib: float

    def to_json(self) -> dict[str, Any]:
        """Return the result for programs."""
        return asdict(self)


def bench_sync(*, rows: int) -> SyncBench:
    """Measure a sync between two nodes in temporary homes on loopback.

    Args:
        rows: Rows of the file, at least.
    """
    with bench_folder() as folder:
        pair = create_pair(folder)
        say(f"准备 {rows} 行 · preparing rows")
        file = rows_file(folder / "rows.csv", rows)
        floor_per_s = file.rows / run_floor(file.path, folder)
        say(f"下限 floor {floor_per_s:,.0f}/s")
        with serving(pair) as (sender, receiver):
            elapsed_s, acknowledged, peaks = run_sync(pair.sender, file.path)
            for node in (sender, receiver):
                peaks.look(node.pid)
            inbox = _inbox(pair.receiver)
            return SyncBench(
                rows=file.rows,
                file_mib=round(file.path.stat().st_size / 2**20, 1),
                elapsed_s=round(elapsed_s, 3),
                rows_per_s=round(file.rows / elapsed_s),
                floor_per_s=round(floor_per_s),
                ratio=round(file.rows / elapsed_s / floor_per_s, 3),
                acknowledged=acknowledged,
                inbox=inbox,
                sync_peak_mib=peaks.of(0),
                sender_peak_mib=peaks.of(sender.pid),
                receiver_peak_mib=peaks.of(receiver.pid),
            )


def rows_file(path: Path, rows: int, *, seed: int = 7) -> SampleFile:
    """Write a CSV of at least so many rows; another seed, other people."""
    people = -(-rows // _MONTHS)
    return write_sample(path, DATASET, NANTONG.dialect, seed=seed, people=people, months=_MONTHS, bad_rows=0)


def run_sync(home: Home, path: Path) -> tuple[float, int, Peaks]:
    """Run the command in a process of its own and watch its memory.

    Args:
        home: The sender's; both nodes serve.
        path: File.

    Returns:
        Seconds from its start to its end, records acknowledged, and memory; its own under the name 0.

    Raises:
        RuntimeError: It failed.
    """
    line = ["sync", "run", str(path), "--to", SHANGHAI.code, "--dataset", DATASET, "--home", str(home.path)]
    command = module("services.node.main", *line, "--wait", "2h", "--json")
    peaks, begun = Peaks(), time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peaks.look(process.pid, name=0)
            time.sleep(0.1)
        elapsed_s = time.perf_counter() - begun
        out = process.stdout.read() if process.stdout else b""
    if process.returncode != 0:
        raise RuntimeError(f"the sync ended with {process.returncode}")
    return elapsed_s, json.loads(out)["acknowledged"], peaks


def _inbox(home: Home) -> int:
    """Count what stands in an inbox."""
    with open_session(home.path) as session:
        status = session.stub.GetStatus(node_pb2.GetStatusRequest())
    return sum(stream.acknowledged for stream in status.streams if stream.direction == "inbound")


def run_floor(path: Path, folder: Path) -> float:
    """Read the file with the standard library and insert every row into one table, a commit for every thousand.

    Args:
        path: File.
        folder: For the table, which is removed in the end.

    Returns:
        Seconds.
    """
    mapping = load_mapping(NANTONG.dialect, DATASET)
    with scratch_store(folder) as database, closing(sqlite3.connect(database)) as store:
        begun = time.perf_counter()
        _insert_all(store, path, mapping.file.encoding, mapping.file.delimiter)
        return time.perf_counter() - begun


def _insert_all(store: sqlite3.Connection, path: Path, encoding: str, delimiter: str) -> None:
    store.execute("PRAGMA journal_mode = WAL")
    with path.open(encoding=encoding, newline="") as lines:
        reader = csv.reader(lines, delimiter=delimiter)
        columns = next(reader)
        store.execute(f"CREATE TABLE floor ({', '.join(columns)})")
        marks = ", ".join("?" for _ in columns)
        while rows := list(islice(reader, _FLOOR_ROWS)):
            store.executemany(f"INSERT INTO floor VALUES ({marks})", rows)  # noqa: S608 - our own names
            store.commit()
