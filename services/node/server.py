"""Serve: one process that takes partners' batches and delivers this city's own, until SIGTERM."""

from __future__ import annotations

import asyncio
import signal
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from certs.probe import verify_tls13_only
from services import __version__
from services.domain.errors import ExchangeError, Unavailable
from services.exchange.access_lines import AccessLines
from services.exchange.ahead import first_ended
from services.exchange.deadlines import count_cases
from services.exchange.deliver import written
from services.exchange.look_up import LookUp
from services.exchange.quota import Quotas
from services.exchange.release import release_held
from services.exchange.retell import retell_cases
from services.node.addresses import store_file
from services.node.callers import CALLERS, OFFICES
from services.node.gates import GatePool, workers_wanted
from services.node.home import Home
from services.node.lock import NodeLock
from services.node.merging import merge_for_ever
from services.node.node import Node, open_node
from services.node.register import RegisterProcess
from services.node.retention import sweep_for_ever
from services.node.settings import Settings
from services.node.signals.alerts import Alerts
from services.node.signals.exposition import serving_metrics, write_metrics
from services.node.signals.logs import start_logging
from services.node.signals.state import Sources, StateCollector
from services.node.system import spare_collector
from services.ports.host import Cut
from services.rpc.callers import CallerGuard
from services.rpc.credentials import ServerTrust
from services.rpc.exchange_service import ExchangeServicer
from services.rpc.lookups import Lookups, compile_questions
from services.rpc.node_service import NodeServicer
from services.rpc.questions import SERVICES
from services.rpc.server import NodeServer, Service
from services.wire.datasets import load_datasets
from yrdx.exchange.v1 import exchange_pb2, exchange_pb2_grpc
from yrdx.node.v1 import node_pb2, node_pb2_grpc

_log = structlog.get_logger("yrdx.server")

DRAIN_S: Final = 5.0
"""Time that open calls get to end by themselves at SIGTERM."""
USES_S: Final = 1.0
RELEASE_RETRY_S: Final = 1.0
ALERTS_S: Final = 15.0
"""How often ends of certificates are looked at."""


def serve(path: Path, settings: Settings) -> int:
    """Serve a home's node until SIGTERM or SIGINT.

    Returns:
        0: the node was told to stop, and did.

    Raises:
        HomeBusy, AddressTaken, KeystoreBroken, ProbeFailed, ExchangeError: The node cannot serve.
    """
    home = Home(path)
    start_logging(settings.log_level)
    bytes_max = settings.limits().record_bytes_max
    with (
        NodeLock(home, serving=True),
        GatePool(settings.dialect, bytes_max, workers=workers_wanted()) as pool,
        open_node(home, settings, pool.gates) as node,
        RegisterProcess(home, settings) as register,
        serving_metrics(node.metrics.registry, settings.metrics_port),
    ):
        node.metrics.registry.register(_state(node, settings))
        asyncio.run(_serve(node, settings, register))
    return 0


async def _serve(node: Node, settings: Settings, register: RegisterProcess) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stopping = asyncio.Event()
    trust, server = _make_server(node, settings, stopping, register)
    spare_collector()
    node.trust_changes.tell_server = partial(_replace_trust, trust, server, node)
    node.trust_changes.foresee = lambda callers: server.live.would_cut(callers, node.parts.clock.now())
    if told := await written(node.store.write(partial(retell_cases, parts=node.parts))):
        _log.info("cases.retold", records=told)
    await server.start()
    node.listen = settings.listen
    # Nobody may rely on a setting that grpc ignores silently: dial ourselves before anything is delivered.
    await asyncio.to_thread(verify_tls13_only, *_host_port(settings.listen, server.port))
    _log.info(
        "node.serving",
        city=node.parts.city,
        listen=settings.listen,
        software=__version__,
        metrics=settings.metrics_port,
    )
    try:
        await first_ended(
            _until(stop),
            node.couriers.run(),
            node.rotation.run(),
            node.bundles.run(),
            node.trust_changes.watch(),
            _note_uses(server, node),
            _tell_ends(node),
            write_metrics(node.metrics_file, node.metrics.registry),
            _release_held(node),
            _warm_up(register),
            server.live.sweep(node.parts.clock.monotonic_s),
            merge_for_ever(node.store),
            sweep_for_ever(node.home.rejects, days=settings.rejects_days, clock=node.parts.clock),
        )
    finally:
        _log.info("node.stopping", city=node.parts.city)
        node.stopping = True
        stopping.set()
        await server.stop(DRAIN_S)
        await node.channels.close_all()
        _log.info("node.stopped", city=node.parts.city)


def _make_server(
    node: Node, settings: Settings, stopping: asyncio.Event, register: RegisterProcess
) -> tuple[ServerTrust, NodeServer]:
    quotas = Quotas(node.parts.clock)
    exchange = ExchangeServicer(node.parts, node.store, quotas, node, stopping, node.batches.applied)
    own = NodeServicer(node.parts, node.store, node)
    lines = AccessLines(node.parts.city, node.parts.clock, node.pseudonym)
    look_up = LookUp(node.store, lines, register.answer)
    lookups = Lookups(node.parts.city, node, compile_questions(load_datasets()), look_up)
    services = (
        Service(
            exchange_pb2.DESCRIPTOR.services_by_name["ExchangeService"],
            partial(exchange_pb2_grpc.add_ExchangeServiceServicer_to_server, exchange),
        ),
        Service(
            node_pb2.DESCRIPTOR.services_by_name["NodeService"],
            partial(node_pb2_grpc.add_NodeServiceServicer_to_server, own),
        ),
        *(Service(service, partial(lookups.add_to, service=service)) for service in SERVICES),
    )
    state = node.trust.state
    trust = ServerTrust(
        chain_pem=state.generation.gateway_chain_pem,
        key_pem=state.generation.gateway_key_pem,
        roots_pem=state.roots_pem,
    )
    guard = CallerGuard(
        CALLERS,
        own_city=node.parts.city,
        trust=lambda: node.trust.state.callers,
        clock=node.parts.clock,
        offices=OFFICES,
    )
    limits, observer = node.parts.limits, node.calls
    server = NodeServer(services, guard, trust.credentials, listen=settings.listen, limits=limits, observer=observer)
    return trust, server


async def _replace_trust(trust: ServerTrust, server: NodeServer, node: Node) -> Cut:
    """New handshakes first, then the open calls: nobody gets in between."""
    state = node.trust.state
    trust.replace(
        chain_pem=state.generation.gateway_chain_pem,
        key_pem=state.generation.gateway_key_pem,
        roots_pem=state.roots_pem,
    )
    cut = await server.live.recheck(node.parts.clock.monotonic_s)
    if cut.calls:
        _log.warning("calls.cut", calls=cut.calls, others=cut.others, slowest_ms=round(cut.slowest_s * 1e3, 1))
    return cut


async def _note_uses(server: NodeServer, node: Node) -> None:
    """Every second, which authorities' leaves were shown: one that still is must not be retired."""
    while True:
        await asyncio.sleep(USES_S)
        seen = dict(server.guard.seen)
        server.guard.seen.clear()
        now = node.parts.clock.now()
        node.keys.uses.update({authority: (now, caller.identity.uri) for authority, caller in seen.items()})


async def _tell_ends(node: Node) -> None:
    """Say in the log which certificates and lists end soon, each step once."""
    alerts = Alerts()
    while True:
        status = await asyncio.to_thread(node.keys.status)
        alerts.tell(status.certificates)
        alerts.tell_crls(node.trust_changes.known.crls, now=node.parts.clock.now())
        await asyncio.sleep(ALERTS_S)


def _state(node: Node, settings: Settings) -> StateCollector:
    folder = store_file(settings.store_url) or node.home.store
    return StateCollector(
        Sources(
            store=node.store,
            keys=node.keys.status,
            circuits=node.couriers.circuits,
            folder=folder.parent,
            clock=node.parts.clock,
            software=__version__,
            cases=partial(count_cases, parts=node.parts, calendar=node.calendar),
        )
    )


async def _release_held(node: Node) -> None:
    """Read, once, what was held for a version that this software brings; it brings no other one while it runs."""
    released = None
    while released is None:
        try:
            released = await release_held(node.parts, node.store)
        except Unavailable as error:
            _log.warning("store.unavailable", reason=error.reason, message=str(error))
            await asyncio.sleep(RELEASE_RETRY_S)
    if released.batches:
        _log.info("records.released", records=released.records, rejected_count=released.rejected)
    await asyncio.Event().wait()


async def _warm_up(register: RegisterProcess) -> None:
    """Let the register load what it needs before anybody waits for it, and say when it cannot."""
    try:
        await register.answer([])
    except ExchangeError as error:
        _log.error("register.unavailable", reason=error.reason, message=str(error))
    await asyncio.Event().wait()


async def _until(stop: asyncio.Event) -> None:
    await stop.wait()


def _host_port(listen: str, port: int) -> tuple[str, int]:
    return listen.rpartition(":")[0].strip("[]"), port
