"""Backups restored with the real commands: the stream waits for its operator, goes on, and has lost nothing."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import Any, Final

import pytest

from adapters.samples import SampleFile
from tests.integration.support.commands import sync, yrdx
from tests.integration.support.havoc import Feeder
from tests.integration.support.nodes import NANTONG, SHANGHAI, Node, outbound_name
from tests.integration.support.pairs import Pair, running
from tests.integration.support.proof import prove_exchange, receipts
from tests.integration.support.records import write_files
from tests.integration.support.waiting import until

TO_SHANGHAI: Final = outbound_name(NANTONG.code, SHANGHAI.code)
TO_NANTONG: Final = outbound_name(SHANGHAI.code, NANTONG.code)
LOADED_S: Final = 180.0
"""How long anything may take beside clerks who sync all the while."""
PARTIAL, UNAVAILABLE, PREFLIGHT_FAILED = 3, 6, 7


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """Two cities of this test's own."""
    with running(tmp_path / "cities") as cities:
        yield cities


def samples(folder: Path, name: str) -> tuple[SampleFile, SampleFile]:
    """Write both cities' files with some bad rows, of other people for each name."""
    return write_files(folder / name, seed=int.from_bytes(name.encode()), people=1_100, bad_rows=16)


def local_samples(folder: Path, *names: str) -> list[SampleFile]:
    """Write such files of Nantong's alone."""
    return [samples(folder, name)[0] for name in names]


def send(sender: Node, to_city: str, file: SampleFile) -> dict[str, Any]:
    """Sync a file until everything is answered and return its report."""
    report: dict[str, Any] = sync(sender.path, file.path, to_city, code=PARTIAL).json
    assert report["pending"] == 0
    return report


def send_in_vain(sender: Node, to_city: str, file: SampleFile) -> dict[str, Any]:
    """Sync a file of which nothing is answered, and return its report."""
    report: dict[str, Any] = sync(sender.path, file.path, to_city, "--wait", "1s", code=UNAVAILABLE).json
    assert report["pending"] == report["submitted"] > 0
    return report


def back_up(node: Node, path: Path) -> Path:
    """Copy a serving node's store as an operator does."""
    yrdx("db", "backup", "--home", node.path, "-o", path)
    return path


def restore(node: Node, copy: Path) -> dict[str, Any]:
    """Restore a node as the manual says: stop, restore, start. Returns what the restore said."""
    node.stop()
    said = until("no clerk's command works in the home", lambda: _restored(node, copy), timeout_s=LOADED_S)
    node.restart(timeout_s=LOADED_S)
    return said


def _restored(node: Node, copy: Path) -> dict[str, Any] | None:
    """Restore; None when a clerk's command holds the home at that moment, as an operator would be told."""
    ran = yrdx("db", "restore", copy, "--home", node.path, "--json", code=(0, 1))
    if ran.code:
        assert ran.reason == "HOME_BUSY"
        return None
    said: dict[str, Any] = ran.json
    return said


def recover(node: Node, name: str) -> dict[str, Any]:
    """Let a stream go on with the very command that doctor names for it, and return its answer."""
    checks = yrdx("doctor", "--home", node.path, "--json", code=PREFLIGHT_FAILED).json["checks"]
    (command,) = (one["mend"] for one in checks if one["check"] == f"streams.{name}")
    assert command == f"yrdx stream recover {name} --home {node.path}"
    answer: dict[str, Any] = yrdx(*shlex.split(command)[1:], "--json").json
    return answer


def require_no_complaint(*nodes: Node) -> None:
    """Doctor finds nothing about any stream any more."""
    for node in nodes:
        checks = yrdx("doctor", "--home", node.path, "--json").json["checks"]
        assert not [one for one in checks if one["check"].startswith("streams.")]


@pytest.mark.long
def test_a_restored_receiver_takes_the_original_batches_again(pair: Pair, tmp_path: Path) -> None:
    """It stops at RECOVERING, new rows wait; after the operator's act it has the same records and the same receipts."""
    before, lost, waiting = local_samples(tmp_path, "before", "lost", "waiting")
    send(pair.nantong, SHANGHAI.code, before)
    copy = back_up(pair.shanghai, tmp_path / "copy.sqlite")
    send(pair.nantong, SHANGHAI.code, lost)
    given = receipts(pair.shanghai, TO_SHANGHAI)

    restore(pair.shanghai, copy)

    stream = pair.shanghai.until_state(TO_SHANGHAI, "inbound", "RECOVERING")
    assert f"yrdx stream recover {TO_SHANGHAI}" in stream["state_reason"]
    assert send_in_vain(pair.nantong, SHANGHAI.code, waiting)["state_reason"].startswith("[RECOVERING]")
    assert pair.shanghai.stream(TO_SHANGHAI, "inbound") == stream
    assert recover(pair.shanghai, TO_SHANGHAI)["status"]["state"] == "REPLAY"
    pair.nantong.until_settled(TO_SHANGHAI)
    assert receipts(pair.shanghai, TO_SHANGHAI)[: len(given)] == given
    require_no_complaint(*pair.nodes)
    prove_exchange(pair.nantong, pair.shanghai, [before, lost, waiting], tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("is_quick", [False, True], ids=["after the recovery", "before the recovery"])
def test_a_restored_sender_takes_back_what_it_had_sent(pair: Pair, tmp_path: Path, is_quick: bool) -> None:
    """It stops at DIVERGED; the lost file is synced again before or after the operator's act, and nothing doubles."""
    before, lost, waiting = local_samples(tmp_path, "before", "lost", "waiting")
    send(pair.nantong, SHANGHAI.code, before)
    copy = back_up(pair.nantong, tmp_path / "copy.sqlite")
    accepted = send(pair.nantong, SHANGHAI.code, lost)["acknowledged"]
    got = receipts(pair.nantong, TO_SHANGHAI)

    restore(pair.nantong, copy)

    stream = pair.nantong.until_state(TO_SHANGHAI, "outbound", "DIVERGED")
    assert f"yrdx stream recover {TO_SHANGHAI}" in stream["state_reason"]
    assert send_in_vain(pair.nantong, SHANGHAI.code, waiting)["state"] == "DIVERGED"
    if is_quick:
        send_in_vain(pair.nantong, SHANGHAI.code, lost)
    answer = recover(pair.nantong, TO_SHANGHAI)
    assert answer["status"]["state"] == "OPEN"
    assert answer["records"] >= accepted
    assert send(pair.nantong, SHANGHAI.code, lost)["acknowledged"] == accepted
    assert receipts(pair.nantong, TO_SHANGHAI)[: len(got)] == got
    require_no_complaint(*pair.nodes)
    prove_exchange(pair.nantong, pair.shanghai, [before, lost, waiting], tmp_path)


@pytest.mark.long
def test_rows_that_waited_in_the_backup_are_recognised(pair: Pair, tmp_path: Path) -> None:
    """Submitted before the copy, sent after it: the restored sender takes them back as its own, without a sync."""
    before, waited = local_samples(tmp_path, "before", "waited")
    send(pair.nantong, SHANGHAI.code, before)
    pair.to_shanghai.part()
    send_in_vain(pair.nantong, SHANGHAI.code, waited)
    copy = back_up(pair.nantong, tmp_path / "copy.sqlite")
    pair.to_shanghai.heal()
    sent = pair.nantong.until_settled(TO_SHANGHAI)

    restore(pair.nantong, copy)

    pair.nantong.until_state(TO_SHANGHAI, "outbound", "DIVERGED")
    assert recover(pair.nantong, TO_SHANGHAI)["records"] == 0
    until("it stands as before", lambda: pair.nantong.stream(TO_SHANGHAI, "outbound") == sent)
    prove_exchange(pair.nantong, pair.shanghai, [before, waited], tmp_path)


@pytest.mark.long
def test_a_backup_with_batches_under_way_needs_no_operator(pair: Pair, tmp_path: Path) -> None:
    """Sealed before the copy and answered after it: sent again they get their receipts, and the stream just goes on."""
    before, under_way = local_samples(tmp_path, "before", "underway")
    send(pair.nantong, SHANGHAI.code, before)
    pair.to_shanghai.hold_answers()
    send_in_vain(pair.nantong, SHANGHAI.code, under_way)
    copy = back_up(pair.nantong, tmp_path / "copy.sqlite")
    pair.to_shanghai.release()
    sent = pair.nantong.until_settled(TO_SHANGHAI)

    restore(pair.nantong, copy)

    until("it stands as before", lambda: pair.nantong.stream(TO_SHANGHAI, "outbound") == sent)
    prove_exchange(pair.nantong, pair.shanghai, [before, under_way], tmp_path)


def test_a_restored_city_recovers_both_its_streams(pair: Pair, tmp_path: Path) -> None:
    """One copy, two roles: what it received is replayed, what it sent is taken back."""
    before, lost = samples(tmp_path, "before"), samples(tmp_path, "lost")
    _exchange(pair, before)
    copy = back_up(pair.shanghai, tmp_path / "copy.sqlite")
    _exchange(pair, lost)

    restore(pair.shanghai, copy)

    pair.shanghai.until_state(TO_SHANGHAI, "inbound", "RECOVERING")
    pair.shanghai.until_state(TO_NANTONG, "outbound", "DIVERGED")
    for name in (TO_SHANGHAI, TO_NANTONG):
        recover(pair.shanghai, name)
    send(pair.shanghai, NANTONG.code, lost[1])
    pair.nantong.until_settled(TO_SHANGHAI)
    require_no_complaint(*pair.nodes)
    prove_exchange(pair.nantong, pair.shanghai, [before[0], lost[0]], tmp_path)
    prove_exchange(pair.shanghai, pair.nantong, [before[1], lost[1]], tmp_path)


@pytest.mark.long
def test_both_cities_restored_to_different_moments_agree_again(pair: Pair, tmp_path: Path) -> None:
    """The receiver goes further back than the sender: first the replay of what the sender has, then the taking back."""
    first, second, third = local_samples(tmp_path, "first", "second", "third")
    send(pair.nantong, SHANGHAI.code, first)
    receivers = back_up(pair.shanghai, tmp_path / "receiver.sqlite")
    send(pair.nantong, SHANGHAI.code, second)
    senders = back_up(pair.nantong, tmp_path / "sender.sqlite")
    send(pair.nantong, SHANGHAI.code, third)

    restore(pair.shanghai, receivers)
    restore(pair.nantong, senders)

    pair.shanghai.until_state(TO_SHANGHAI, "inbound", "RECOVERING")
    recover(pair.shanghai, TO_SHANGHAI)
    pair.shanghai.until_state(TO_SHANGHAI, "inbound", "OPEN")
    send(pair.nantong, SHANGHAI.code, third)
    require_no_complaint(*pair.nodes)
    prove_exchange(pair.nantong, pair.shanghai, [first, second, third], tmp_path)


@pytest.mark.long
def test_a_stream_that_is_well_is_not_recovered(pair: Pair, tmp_path: Path) -> None:
    """The command changes nothing at either end, and says why."""
    (file,) = local_samples(tmp_path, "file")
    send(pair.nantong, SHANGHAI.code, file)
    before = pair.nantong.streams(), pair.shanghai.streams()

    for node in pair.nodes:
        ran = yrdx("stream", "recover", TO_SHANGHAI, "--home", node.path, "--json", code=1)
        assert ran.reason == "CONFLICT"
        assert "OPEN" in ran.json["error"]["message"]
    assert (pair.nantong.streams(), pair.shanghai.streams()) == before


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("side", ["sender", "receiver"])
def test_restored_under_load_nothing_is_lost_or_doubled(pair: Pair, tmp_path: Path, side: str) -> None:
    """Clerks sync all the while, and go on syncing until all is through; receipts from before the restore come back."""
    restored = pair.nantong if side == "sender" else pair.shanghai
    files = local_samples(tmp_path, *(f"file-{number}" for number in range(9)))
    steps = [Event() for _ in files]
    clerk = Feeder(pair.nantong, SHANGHAI.code, files, lambda index: steps[index].is_set())

    with ThreadPoolExecutor(1) as pool, ExitStack() as stack:
        feeding = pool.submit(clerk.run)
        stack.callback(_let, steps)  # whatever fails here, the clerk comes to an end
        _let(steps[:3])
        until("rows travel", lambda: receipts(restored, TO_SHANGHAI), timeout_s=LOADED_S)
        copy = back_up(restored, tmp_path / "copy.backup")
        kept = len(receipts(restored, TO_SHANGHAI))
        _let(steps[3:6])
        until("the store goes on", lambda: len(receipts(restored, TO_SHANGHAI)) > kept + 1, timeout_s=LOADED_S)
        given = receipts(restored, TO_SHANGHAI)

        told = restore(restored, copy)
        _let(steps[6:])
        _recover_under_load(restored, side)
        feeding.result(timeout=LOADED_S)

    assert [one["stream"] for one in told["streams"]].count(TO_SHANGHAI) == 1
    for file in files:  # as the manual says of a restored sender; of a restored receiver it is a no-op
        send(pair.nantong, SHANGHAI.code, file)
    for node in pair.nodes:
        now = {receipt["header_hash"]: receipt for receipt in receipts(node, TO_SHANGHAI)}
        assert [_evidence(now[one["header_hash"]]) for one in given] == [_evidence(one) for one in given]
    require_no_complaint(*pair.nodes)
    prove_exchange(pair.nantong, pair.shanghai, files, tmp_path)


def _let(steps: Sequence[Event]) -> None:
    for step in steps:
        step.set()


def _recover_under_load(node: Node, side: str) -> None:
    direction, state = ("outbound", "DIVERGED") if side == "sender" else ("inbound", "RECOVERING")
    node.until_state(TO_SHANGHAI, direction, state, timeout_s=LOADED_S)
    recover(node, TO_SHANGHAI)


def _evidence(receipt: dict[str, Any]) -> dict[str, Any]:
    return {name: receipt[name] for name in ("content_base64", "key_id", "signature_base64")}


def _exchange(pair: Pair, files: tuple[SampleFile, SampleFile]) -> None:
    send(pair.nantong, SHANGHAI.code, files[0])
    send(pair.shanghai, NANTONG.code, files[1])
