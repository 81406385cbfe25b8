"""Metrics of what stands, asked for at each scrape: backlog, streams, partners, certificates, store and disk."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import structlog
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.domain.errors import ExchangeError
from services.domain.outbox import StreamProgress
from services.domain.stream import Direction, Stream, StreamState
from services.ports.clock import Clock
from services.ports.keys import KeysStatus
from services.ports.store import Store, Transaction

_log = structlog.get_logger("yrdx.metrics")

_ALERTS: Final = ("ok", "notice", "warning", "critical", "expired")
_WAITING: Final = frozenset({StreamState.DIVERGED, StreamState.RECOVERING})
"""States that a human ends."""


class Sources(NamedTuple):
    """Where the state is read.

    Attributes:
        store: Store.
        keys: How the key store stands.
        circuits: Partner → state of its circuit (`services.node.courier.Circuit`).
        folder: Where the store lies.
        clock: Present time.
        software: Version.
        cases: Counts cases: (partner, dataset) → (open, overdue).
    """

    store: Store
    keys: Callable[[], KeysStatus]
    circuits: Callable[[], Mapping[str, int]]
    folder: Path
    clock: Clock
    software: str
    cases: Callable[[Transaction], Mapping[tuple[str, str], tuple[int, int]]]


class StateCollector(Collector):
    """Reads the state for whoever collects, in their thread."""

    def __init__(self, sources: Sources) -> None:
        """Prepare."""
        self._sources = sources

    def describe(self) -> Iterator[Metric]:
        """Name nothing beforehand: registering shall not read the store."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        """Yield every gauge. What cannot be read is missing, and said in the log: metrics never stop a node."""
        sources = self._sources
        yield _gauge("yrdx_build_info", "The software that runs; always 1.", {("version",): {(sources.software,): 1}})
        parts: tuple[Callable[[], list[Metric]], ...] = (
            lambda: [
                *_outbound(sources.store.read(_streams), sources.clock.now()),
                *_cases(sources.store.read(sources.cases)),
            ],
            lambda: list(_keys(sources.keys())),
            lambda: [_circuits(sources.circuits())],
            lambda: [_disk(sources.folder)],
        )
        read = [self._read(part) for part in parts]
        yield _gauge("yrdx_store_up", "Whether the store answers.", {(): {(): float(bool(read[0]))}})
        for metrics in read:
            yield from metrics

    def _read(self, part: Callable[[], list[Metric]]) -> list[Metric]:
        try:
            return part()
        except ExchangeError as error:
            _log.warning("metrics.not_read", reason=error.reason)
        except Exception as error:  # noqa: BLE001 - the thread that serves metrics would print its text
            _log.error("metrics.fault", exc_info=error)
        return []


def _streams(tx: Transaction) -> list[tuple[Stream, StreamProgress | None]]:
    """Return both ends of every stream, the outbound ones with how far they are."""
    return [
        (stream, tx.stream_progress(stream.id) if stream.direction is Direction.OUTBOUND else None)
        for stream in tx.streams()
    ]


def _outbound(streams: list[tuple[Stream, StreamProgress | None]], now: datetime) -> Iterator[Metric]:
    records: dict[tuple[str, ...], float] = defaultdict(float)
    oldest: dict[tuple[str, ...], float] = defaultdict(float)
    waiting: dict[tuple[str, ...], float] = defaultdict(float)
    for stream, progress in streams:
        outbound = stream.direction is Direction.OUTBOUND
        partner = stream.name.to_city if outbound else stream.name.from_city
        key = (partner, stream.name.dataset)
        waiting["out" if outbound else "in", *key] += stream.state in _WAITING
        if progress is not None:
            since = progress.oldest_pending_time
            age_s = max(0.0, (now - since).total_seconds()) if since is not None else 0.0
            records[key] += progress.pending
            oldest[key] = max(oldest[key], age_s)
    names = ("partner", "dataset")
    yield _gauge("yrdx_outbox_records", "Records without an answer, sealed or not.", {names: records})
    yield _gauge("yrdx_outbox_oldest_age_seconds", "Age of the oldest of them; 0: there is none.", {names: oldest})
    yield _gauge(
        "yrdx_streams_waiting_for_operator", "Streams DIVERGED or RECOVERING.", {("direction", *names): waiting}
    )


def _keys(status: KeysStatus) -> Iterator[Metric]:
    yield _gauge("yrdx_keystore_generation", "Loaded generation of the key store.", {(): {(): status.generation}})
    refused = 0.0 if status.refused is None else status.refused.timestamp()
    yield _gauge(
        "yrdx_keystore_refused_timestamp_seconds", "When another generation was refused; 0: none.", {(): {(): refused}}
    )
    yield _gauge(
        "yrdx_keystore_renewal_timestamp_seconds", "When leaves are renewed.", {(): {(): status.renews.timestamp()}}
    )
    ends: dict[tuple[str, ...], float] = {}
    alerts: dict[tuple[str, ...], float] = {}
    for one in status.certificates:
        key = (one.city, one.usage)
        ends[key] = min(ends.get(key, float("inf")), one.not_after.timestamp())
        alerts[key] = max(alerts.get(key, 0), _ALERTS.index(one.alert))
    names = ("city", "usage")
    yield _gauge(
        "yrdx_certificate_not_after_timestamp_seconds", "First end among a city's certificates.", {names: ends}
    )
    yield _gauge("yrdx_certificate_alert", "0 ok, 1 notice, 2 warning, 3 critical, 4 expired.", {names: alerts})


def _circuits(circuits: Mapping[str, int]) -> Metric:
    states: dict[tuple[str, ...], float] = {(city,): float(state) for city, state in circuits.items()}
    return _gauge(
        "yrdx_partner_circuit_state", "0 closed: answers; 1 half open: tried; 2 open: pause.", {("partner",): states}
    )


def _cases(counts: Mapping[tuple[str, str], tuple[int, int]]) -> Iterator[Metric]:
    names = ("partner", "dataset")
    running: dict[tuple[str, ...], float] = {key: float(open_count) for key, (open_count, _) in counts.items()}
    overdue: dict[tuple[str, ...], float] = {key: float(late_count) for key, (_, late_count) in counts.items()}
    yield _gauge("yrdx_cases_open", "Cases with a partner that are not closed.", {names: running})
    yield _gauge("yrdx_cases_overdue", "Open cases that are past their statutory due day.", {names: overdue})


def _disk(folder: Path) -> Metric:
    free = float(shutil.disk_usage(folder).free)
    return _gauge("yrdx_disk_free_bytes", "Room where the store lies.", {(): {(): free}})


def _gauge(name: str, text: str, samples: Mapping[tuple[str, ...], Mapping[tuple[str, ...], float]]) -> Metric:
    """Return a gauge: names of its labels → their values → value."""
    ((labels, values),) = samples.items()
    gauge = GaugeMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        gauge.add_metric(list(key), value)
    return gauge
