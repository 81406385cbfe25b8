"""`yrdx serve`: what stops it from starting, how it ends, and what an hour more or less in its certificates does."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from ssl import TLSVersion
from subprocess import Popen
from typing import Any, Final

import pytest
from grpc import Channel, RpcError, StatusCode

from adapters.samples import SampleFile
from certs.errors import TrustError
from certs.leaf import CLOCK_SKEW
from certs.pem import certificate_from_pem
from certs.probe import Answer, offer_tls
from services.domain.errors import Unavailable
from services.node.conformance.calls import Outcome, dialled, failed, outcome
from services.node.conformance.sender import leaf_of
from services.node.home import Home
from services.node.lock import holder_of
from services.node.server import DRAIN_S
from tests.integration.support.commands import Ran, finish, start_yrdx, sync, sync_line, yrdx
from tests.integration.support.leaves import end_leaves, grow_old, issue_leaves
from tests.integration.support.nodes import NANTONG, SHANGHAI, Node, make_node, outbound_name
from tests.integration.support.pairs import Pair, acquainted, running
from tests.integration.support.proof import prove_exchange
from tests.integration.support.records import write_files
from tests.integration.support.waiting import until
from yrdx.exchange.v1 import exchange_pb2, exchange_pb2_grpc

TO_SHANGHAI: Final = outbound_name(NANTONG.code, SHANGHAI.code)
TO_NANTONG: Final = outbound_name(SHANGHAI.code, NANTONG.code)
HOUR: Final = timedelta(hours=1)
NOW: Final = partial(datetime.now, UTC)
FAILURE, PARTIAL, UNAVAILABLE, PREFLIGHT_FAILED = 1, 3, 6, 7


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """Nantong's home; whoever serves it in the end is stopped."""
    made = make_node(tmp_path, NANTONG)
    yield made
    made.stop()


def refused(node: Node) -> Ran:
    """Run ``yrdx serve``, which must end by itself, and return what it said: words, and no traceback."""
    ran = finish(start_yrdx("serve", "--home", node.path), code=FAILURE)
    assert "Traceback" not in ran.err
    assert holder_of(node.home) is None
    return ran


def test_health_is_the_nodes_own_word(node: Node) -> None:
    """0 while it takes calls; 6 before and after, with the command that mends it."""
    ran = yrdx("health", "--home", node.path, "--json", code=UNAVAILABLE)
    assert f"yrdx serve --home {node.path}" in ran.json["error"]["message"]
    node.start()
    assert yrdx("health", "--home", node.path, "--json").json == {"status": "SERVING"}
    node.stop()
    yrdx("health", "--home", node.path, code=UNAVAILABLE)


def contents(home: Home) -> dict[Path, bytes]:
    """Return everything that stands in a home but its lock."""
    return {path: path.read_bytes() for path in home.path.rglob("*") if path.is_file() and path != home.lock}


def checks(node: Node, *, code: int) -> dict[str, dict[str, str]]:
    """Return what doctor finds, by check."""
    found = yrdx("doctor", "--home", node.path, "--json", code=code).json["checks"]
    return {one["check"]: one for one in found}


def test_a_taken_port_is_named_and_nothing_changes(node: Node) -> None:
    """Exit code 1 with address and reason; once the port is free the same home serves."""
    host, _, port = node.listen.partition(":")
    before = contents(node.home)

    with socket.create_server((host, int(port))):
        ran = refused(node)
        assert checks(node, code=PREFLIGHT_FAILED)["port.free"]["state"] == "failed"

    assert node.listen in ran.err
    assert "in use" in ran.err
    assert contents(node.home) == before
    node.start()


def test_a_second_serve_names_the_first(node: Node) -> None:
    """It ends at once and changes nothing; the first goes on serving."""
    node.start()

    ran = finish(start_yrdx("serve", "--home", node.path), code=FAILURE)

    assert f"process {node.pid}" in ran.err
    assert holder_of(node.home) == (node.pid, True)
    assert yrdx("doctor", "--home", node.path, "--json").json["ok"]


def test_pending_migrations_are_refused_with_the_command_that_runs_them(node: Node) -> None:
    """The command works as it is named, and then the node serves."""
    node.home.store.write_bytes(b"")

    ran = refused(node)

    assert "yrdx db migrate" in ran.err
    mend = checks(node, code=PREFLIGHT_FAILED)["store.schema"]["mend"]
    assert mend == f"yrdx db migrate --home {node.path}"
    assert yrdx(*shlex.split(mend)[1:], "--json").json["migrated"]
    node.start()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_process_outlives_its_node(node: Node, number: signal.Signals) -> None:
    """Gate workers and the register end with it, also when it had no time to tell them."""
    node.start()
    began = workers_of(node.pid)
    assert {"services.node.gates", "services.node.register"} <= set(began.values())
    os.kill(node.pid, number)
    until("every worker has ended", lambda: not any(Path(f"/proc/{pid}").exists() for pid in began))


def workers_of(pid: int) -> dict[int, str]:
    """Return a node's workers, and the module that each runs."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    commands = {int(one): Path(f"/proc/{one}/cmdline").read_text(encoding="utf-8").split("\0") for one in children}
    return {one: command[command.index("-m") + 1] for one, command in commands.items() if "-m" in command}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_told_node_ends_in_order(node: Node, number: signal.Signals) -> None:
    """Exit code 0, the last word in the log is the end, and the store is closed: its log is gone."""
    node.start()

    os.kill(node.pid, number)

    until("the node ends", lambda: node.exit_code is not None)
    assert node.exit_code == 0
    assert [one["event"] for one in log_lines(node)[-2:]] == ["node.stopping", "node.stopped"]
    assert not Path(f"{node.home.store}-wal").exists()
    assert holder_of(node.home) is None


@pytest.mark.long
# The receiver's partner never hears its goodbye, so it waits as long as it gives open calls.
@pytest.mark.parametrize(("which", "within_s"), [("sender", DRAIN_S - 1), ("receiver", DRAIN_S + 3)])
def test_a_node_with_open_work_ends_in_order_too(tmp_path: Path, which: str, within_s: float) -> None:
    """Batches unanswered, a sync that follows them, streams open: it ends in time, and goes on after the restart."""
    files = [write_files(tmp_path / str(seed), seed=seed, people=1_500, bad_rows=16)[0] for seed in (41, 42)]
    with running(tmp_path / "cities") as pair, unanswered(pair, *files) as following:
        node = pair.nantong if which == "sender" else pair.shanghai

        begun = time.monotonic()
        node.stop()
        took_s = time.monotonic() - begun

        assert node.exit_code == 0
        assert took_s < within_s
        assert log_lines(node)[-1]["event"] == "node.stopped"
        pair.to_shanghai.release()
        node.start()
        finish(following, code=UNAVAILABLE if which == "sender" else PARTIAL)
        pair.nantong.until_settled(TO_SHANGHAI)
        prove_exchange(pair.nantong, pair.shanghai, files, tmp_path)


@contextmanager
def unanswered(pair: Pair, first: SampleFile, second: SampleFile) -> Iterator[Popen[str]]:
    """Send a file, which opens the stream, and another whose answers are held; yield the sync that waits for them."""
    sync(pair.nantong.path, first.path, SHANGHAI.code, code=PARTIAL)
    applied = len(pair.shanghai.log_events("batch.applied"))
    pair.to_shanghai.hold_answers()
    following = start_yrdx(*sync_line(pair.nantong.path, second.path, SHANGHAI.code))
    try:
        until("a batch is applied", lambda: len(pair.shanghai.log_events("batch.applied")) > applied)
        yield following
    finally:
        following.kill()
        following.communicate()


def log_lines(node: Node) -> list[dict[str, Any]]:
    """Return a node's whole log, of which every line is one JSON object."""
    return [json.loads(line) for line in node.log_text.splitlines()]


def test_handshakes_that_break_off_harm_nobody(node: Node) -> None:
    """Many at once, as a port scanner makes them: the node goes on serving those who have a certificate."""
    node.start()
    host, _, port = node.listen.partition(":")

    def knock(_: int) -> Answer:
        return offer_tls(host, int(port), TLSVersion.TLSv1_3, timeout_s=20.0)

    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(knock, range(3_000)))

    assert node.exit_code is None
    assert answers == {Answer.ACCEPTED}
    assert yrdx("doctor", "--home", node.path, "--json").json["ok"]


@pytest.fixture
def old_node(node: Node) -> Node:
    """Nantong's home with an authority that is old enough to have issued leaves that ended."""
    grow_old(node)
    return node


def _forget_former(home: Home) -> None:
    """Leave the present generation of keys alone: a node falls back on the last good one."""
    current = (home.certs / "current").resolve()
    for generation in current.parent.iterdir():
        if generation != current:
            shutil.rmtree(generation)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda home: end_leaves(home, after=-HOUR), "CERTIFICATE_EXPIRED"),
        (lambda home: issue_leaves(home, shift=HOUR + CLOCK_SKEW), "CERTIFICATE_NOT_YET_VALID"),
    ],
    ids=["ended an hour ago", "begins in an hour"],
)
def test_leaves_an_hour_off_are_refused_by_their_own_node(
    old_node: Node, spoil: Callable[[Home], None], reason: str
) -> None:
    """``serve``, ``doctor`` and every command name file, date and the present time; right leaves mend it."""
    spoil(old_node.home)
    _forget_former(old_node.home)

    ran = refused(old_node)

    leaf = certificate_from_pem((old_node.home.certs / "current" / "gateway.pem").read_bytes())
    off = leaf.not_valid_after_utc if reason == "CERTIFICATE_EXPIRED" else leaf.not_valid_before_utc
    for told in (ran.err, checks(old_node, code=PREFLIGHT_FAILED)["keys.whole"]["found"]):
        assert (
            f"gateway.pem: the certificate {'ended' if off < NOW() else 'begins'} at {off:%Y-%m-%d %H:%M:%S}Z" in told
        )
    assert yrdx("outbox", "ls", "--home", old_node.path, "--json", code=FAILURE).reason == reason
    issue_leaves(old_node.home)
    assert checks(old_node, code=0)["keys.whole"]["state"] == "passed"
    old_node.start()


@pytest.fixture
def old_pair(tmp_path: Path) -> Iterator[Pair]:
    """Two cities with old authorities, of which Shanghai serves."""
    with acquainted(tmp_path / "cities", prepare=grow_old) as pair:
        pair.shanghai.start()
        yield pair


def test_a_partner_whose_leaf_ended_an_hour_ago_is_not_let_in(old_pair: Pair) -> None:
    """There is no handshake, hence no call; the same gateway with a leaf in force gets its answer."""
    assert _describe(old_pair) is StatusCode.OK
    end_leaves(old_pair.nantong.home, after=-HOUR)
    assert _describe(old_pair) is StatusCode.UNAVAILABLE
    issue_leaves(old_pair.nantong.home, shift=HOUR + CLOCK_SKEW)
    assert _describe(old_pair) is StatusCode.UNAVAILABLE
    issue_leaves(old_pair.nantong.home)
    assert _describe(old_pair) is StatusCode.OK


def _describe(pair: Pair) -> StatusCode:
    """Call Shanghai's ``Describe`` with the leaf that stands in Nantong's home, and return how it ends."""
    roots_pem = (pair.shanghai.home.certs / "current" / "ca.pem").read_bytes()
    leaf = leaf_of(pair.nantong.path, "gateway")
    with dialled(pair.shanghai.listen, SHANGHAI.code, roots_pem=roots_pem, leaf=leaf) as channel:
        return _call_describe(channel).code


def _call_describe(channel: Channel) -> Outcome:
    try:
        answer = exchange_pb2_grpc.ExchangeServiceStub(channel).Describe(exchange_pb2.DescribeRequest(), timeout=10)
    except RpcError as error:
        return failed(error)
    return outcome([answer])


@pytest.mark.long
def test_a_leaf_that_ends_while_nodes_run_stops_both_directions_until_it_is_mended(
    old_pair: Pair, tmp_path: Path
) -> None:
    """Each outbound side says what it is about, nothing arrives anywhere, and new leaves are all that it takes."""
    nantong, shanghai = old_pair.nodes
    to_shanghai, to_nantong = write_files(tmp_path / "samples", seed=43, people=200, bad_rows=16)
    for proxy in old_pair.proxies:
        proxy.part()
    sync(nantong.path, to_shanghai.path, SHANGHAI.code, "--no-wait", code=PARTIAL)
    _serve_with_a_leaf_that_ends(nantong)
    sync(shanghai.path, to_nantong.path, NANTONG.code, "--no-wait", code=PARTIAL)
    for proxy in old_pair.proxies:
        proxy.heal()

    def reported() -> str:
        """What Shanghai's outbound side says."""
        return str(shanghai.stream(TO_NANTONG, "outbound")["last_error"])

    until("Shanghai says that Nantong's certificate has ended", lambda: "certificate has expired" in reported())
    until("Nantong says that its own certificate has ended", lambda: _own_end_is_told(nantong))
    assert "certificate has expired" in checks(shanghai, code=PREFLIGHT_FAILED)[f"reach.{NANTONG.code}"]["found"]
    ping = yrdx("partner", "ping", NANTONG.code, "--home", shanghai.path, "--json", code=UNAVAILABLE)
    assert "certificate has expired" in ping.json["error"]["message"]
    assert "ended at" in checks(nantong, code=PREFLIGHT_FAILED)["keys.whole"]["found"]
    assert shanghai.stream(TO_NANTONG, "outbound")["acknowledged"] == 0
    assert not shanghai.stream(TO_SHANGHAI, "inbound")

    _medium(nantong).rename(nantong.home.offline)
    yrdx("cert", "renew", "--home", nantong.path)

    shanghai.until_settled(TO_NANTONG)
    nantong.until_settled(TO_SHANGHAI)
    prove_exchange(nantong, shanghai, [to_shanghai], tmp_path)
    prove_exchange(shanghai, nantong, [to_nantong], tmp_path)


def _serve_with_a_leaf_that_ends(node: Node) -> None:
    """Start a node with leaves that end soon, and wait until they have."""
    for seconds in (6, 12, 24, 48):
        end_leaves(node.home, after=timedelta(seconds=seconds))
        node.home.offline.rename(_medium(node))  # or the node would renew them
        try:
            node.start()
            break
        except (Unavailable, TrustError):  # this machine is slow today: they ended before the node served
            node.kill()
            _medium(node).rename(node.home.offline)
    ends = certificate_from_pem((node.home.certs / "current" / "gateway.pem").read_bytes()).not_valid_after_utc
    until("the leaves have ended", lambda: NOW() > ends, timeout_s=60)


def _medium(node: Node) -> Path:
    """Where an operator keeps the authority's key."""
    return node.path / "medium"


def _own_end_is_told(node: Node) -> bool:
    """Its commands cannot reach it any more: the log says it, and `doctor`."""
    return any(one["reason"] == "CERTIFICATE_REFUSED" for one in node.log_events("delivery.failed"))
