"""A sync that ends in the middle, by Ctrl-C or kill -9, goes on where it stood: no row twice, none left out."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen
from typing import Any, Final

import pytest

from adapters.samples import SampleFile
from services.node.session import open_session
from tests.integration.support.commands import Ran, finish, start_yrdx, sync, sync_line, yrdx
from tests.integration.support.nodes import NANTONG, SHANGHAI, Node, outbound_name, streams_of
from tests.integration.support.pairs import Pair, running
from tests.integration.support.proof import prove_receipts, prove_rejections
from tests.integration.support.records import standard_records
from tests.integration.sync.files import Arrivals, local_sample

ROWS: Final = 10_000
FEWER_ROWS: Final = 4_000
BAD_ROWS: Final = 30
PARTIAL, INTERRUPTED, KILLED = 3, 130, -signal.SIGKILL
OUTBOUND: Final = outbound_name(NANTONG.code, SHANGHAI.code)
LOG_BYTES: Final = 500_000
"""Of a store's write-ahead log: some of a file's rows, by far not all of them."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two cities of this module's own: what arrives here is much, and is counted again and again."""
    with running(tmp_path_factory.mktemp("cities")) as cities:
        yield cities


def start(pair: Pair, file: SampleFile, *more: object) -> Popen[str]:
    """Start a sync in a process of its own."""
    return start_yrdx(*sync_line(pair.nantong.path, file.path, SHANGHAI.code), *more)


def end_once(process: Popen[str], is_time: Callable[[], bool], number: signal.Signals) -> Ran:
    """Send a process a signal in the very moment in which something is true, and wait for its end."""
    while process.poll() is None and not is_time():
        pass
    process.send_signal(number)
    return finish(process, code=(INTERRUPTED, -number))


def end_while_submitting(pair: Pair, file: SampleFile, number: signal.Signals, *more: object) -> Ran:
    """End a sync once the node has taken the first of its rows."""
    with open_session(pair.nantong.path) as session:

        def submitted() -> int:
            return int(streams_of(session, "outbound").get(OUTBOUND, {}).get("submitted", 0))

        before = submitted()
        return end_once(start(pair, file, *more), lambda: submitted() > before, number)


def end_while_reading(pair: Pair, file: SampleFile, number: signal.Signals, *more: object) -> Ran:
    """End a sync while it reads its file."""
    process = start(pair, file, *more)
    return end_once(process, lambda: file.path in _open_files(process.pid), number)


def _open_files(pid: int) -> set[Path]:
    try:
        return {link.readlink() for link in Path(f"/proc/{pid}/fd").iterdir()}
    except OSError:  # closed, or ended, while we looked
        return set()


def resume(pair: Pair, file: SampleFile) -> dict[str, Any]:
    """Run a sync to its end and return its report."""
    report: dict[str, Any] = sync(pair.nantong.path, file.path, SHANGHAI.code, code=PARTIAL).json
    return report


def prove_once(pair: Pair, file: SampleFile, new: Arrivals) -> None:
    """Every row of a file is accounted for: the good ones are all that arrived, the others rejected."""
    assert new.records() == standard_records(file)
    prove_rejections(pair.nantong, SHANGHAI.code, file)
    prove_receipts(pair.nantong, pair.shanghai)


@pytest.mark.long
def test_a_sync_that_is_killed_is_resumed_by_running_it_again(pair: Pair, tmp_path: Path) -> None:
    """Killed twice after some of its rows were taken, the third run sends the rest and reports the whole file."""
    file = local_sample(tmp_path, people=ROWS, bad_rows=BAD_ROWS)
    new = Arrivals(pair.shanghai, NANTONG.code)
    for _ in range(2):
        assert end_while_submitting(pair, file, signal.SIGKILL).code == KILLED
        assert not list(pair.nantong.home.temporary.iterdir())

    report = resume(pair, file)

    assert 0 < report["already_submitted"] < ROWS
    prove_once(pair, file, new)


@pytest.mark.long
def test_an_interrupted_sync_names_the_command_that_resumes_it(pair: Pair, tmp_path: Path) -> None:
    """Ctrl-C ends with 130, on stderr and in ``--json``; the named command sends what is missing."""
    file = local_sample(tmp_path, people=ROWS, bad_rows=BAD_ROWS)
    new = Arrivals(pair.shanghai, NANTONG.code)

    ran = end_while_submitting(pair, file, signal.SIGINT)

    assert (ran.code, ran.reason, "Traceback" in ran.err) == (INTERRUPTED, "INTERRUPTED", False)
    command = _named_command(ran)
    assert command in ran.err
    report = yrdx(*shlex.split(command)[1:], "--json", code=PARTIAL).json
    assert 0 < report["already_submitted"] < ROWS
    prove_once(pair, file, new)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_sync_that_ends_while_it_reads_has_sent_nothing(pair: Pair, tmp_path: Path, number: signal.Signals) -> None:
    """No row leaves before all are known; what was read leaves no trace on disk."""
    file = local_sample(tmp_path, people=FEWER_ROWS, bad_rows=BAD_ROWS)
    new, standing = Arrivals(pair.shanghai, NANTONG.code), pair.nantong.streams()

    end_while_reading(pair, file, number)

    assert pair.nantong.streams() == standing
    assert not list(pair.nantong.home.temporary.iterdir())
    assert resume(pair, file)["already_submitted"] == 0
    prove_once(pair, file, new)


@pytest.mark.long
def test_a_sync_into_a_store_that_nobody_serves_is_resumed_too(pair: Pair, tmp_path: Path) -> None:
    """Killed while it works on the store itself; the node delivers what it finds, the next run sends the rest."""
    file = local_sample(tmp_path, people=FEWER_ROWS, bad_rows=BAD_ROWS)
    new = Arrivals(pair.shanghai, NANTONG.code)
    with ExitStack() as stack:
        pair.nantong.stop()
        stack.callback(pair.nantong.start)
        assert end_once(start(pair, file), lambda: _log_bytes(pair.nantong) > LOG_BYTES, signal.SIGKILL).code == KILLED
    pair.nantong.until_settled(OUTBOUND)

    report = resume(pair, file)

    assert 0 < report["already_submitted"] < FEWER_ROWS
    prove_once(pair, file, new)


@pytest.mark.long
def test_an_interrupted_new_run_is_resumed_as_that_run(pair: Pair, tmp_path: Path) -> None:
    """With ``--again``: while it is read the command that resumes begins the run, afterwards it goes on with it."""
    file = local_sample(tmp_path, people=FEWER_ROWS, bad_rows=BAD_ROWS)
    resume(pair, file)
    new = Arrivals(pair.shanghai, NANTONG.code)

    begin_anew = _named_command(end_while_reading(pair, file, signal.SIGINT, "--again"))
    go_on = _named_command(end_while_submitting(pair, file, signal.SIGINT, "--again"))

    assert begin_anew == f"{go_on} --again"
    report = yrdx(*shlex.split(go_on)[1:], "--json", code=PARTIAL).json
    assert report["source"].endswith("#2")
    assert 0 < report["already_submitted"] < FEWER_ROWS
    assert new.records() == standard_records(file)


def _named_command(ran: Ran) -> str:
    """Return the command that an interrupted sync names."""
    message = str(ran.json["error"]["message"])
    return message[message.index("yrdx sync run") :]


def _log_bytes(node: Node) -> int:
    log = Path(f"{node.home.store}-wal")
    return log.stat().st_size if log.exists() else 0
