from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from services.domain.errors import StoreUnavailable
from services.node.courier import Circuit
from services.node.signals.exposition import _write
from services.node.signals.metrics import Metrics
from services.node.signals.state import Sources, StateCollector
from services.ports.keys import CertificateStatus, KeysStatus
from tests.simulation.world import World
from tests.unit.certs.forgery import DAY, NOW

LABELS = frozenset(
    {"grpc_service", "grpc_method", "grpc_code", "partner", "dataset", "direction", "outcome", "reason", "rule"}
    | {"city", "usage", "version", "le"}
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Nine rows wait at the sender."""
    world = World(tmp_path)
    world.submit("a", 9, answer_lost=False)
    yield world
    world.close()


def keys() -> KeysStatus:
    """Two certificates of one usage, and one of another."""
    leaf = CertificateStatus("310000", "gateway", "spiffe://x", "1f", "ab" * 32, NOW - DAY, NOW + DAY, "", "critical")
    later = CertificateStatus("310000", "gateway", "spiffe://y", "2f", "cd" * 32, NOW - DAY, NOW + 9 * DAY, "", "ok")
    root = CertificateStatus("310000", "authority", "CN", "3f", "ef" * 32, NOW - DAY, NOW + 99 * DAY, "ACTIVE", "ok")
    return KeysStatus(7, "ab" * 32, NOW, NOW + DAY, [7], None, "", "", 0, {}, [leaf, later, root])


def registry(world: World, tmp_path: Path, **changed: Any) -> CollectorRegistry:
    """Return all metrics of a node whose clock is 90 s after the rows were submitted."""
    metrics = Metrics()
    sources = Sources(
        store=world.store("sender"),
        keys=keys,
        circuits=lambda: {"310000": Circuit.OPEN},
        folder=tmp_path,
        clock=world.clock,
        software="1.2",
        cases=lambda tx: {("310000", "social.transfer"): (7, 0), ("320500", "social.transfer"): (2, 1)},
    )
    metrics.registry.register(StateCollector(sources._replace(**changed)))
    return metrics.registry


def test_the_backlog_is_told_by_partner_and_dataset(world: World, tmp_path: Path) -> None:
    """How many records have no answer, and how old the oldest of them is."""
    world.clock.advance(90)
    value = registry(world, tmp_path).get_sample_value
    labels = {"partner": "310000", "dataset": "social.contribution"}

    assert value("yrdx_outbox_records", labels) == world.pending() == 9
    assert value("yrdx_outbox_oldest_age_seconds", labels) == 90
    assert value("yrdx_streams_waiting_for_operator", labels | {"direction": "out"}) == 0
    assert (value("yrdx_store_up"), value("yrdx_partner_circuit_state", {"partner": "310000"})) == (1, 2)


def test_cases_are_counted_by_partner_and_dataset(world: World, tmp_path: Path) -> None:
    """Open ones and those of them that are overdue, also where none is; no label names a case."""
    value = registry(world, tmp_path).get_sample_value
    labels = [{"partner": partner, "dataset": "social.transfer"} for partner in ("310000", "320500")]

    assert [value("yrdx_cases_open", one) for one in labels] == [7, 2]
    assert [value("yrdx_cases_overdue", one) for one in labels] == [0, 1]


def test_the_first_end_and_the_loudest_alert_of_a_usage_are_told(world: World, tmp_path: Path) -> None:
    """One series for a city's certificates of a usage, never one for each certificate."""
    value = registry(world, tmp_path).get_sample_value
    labels = {"city": "310000", "usage": "gateway"}

    assert value("yrdx_keystore_generation") == 7
    assert value("yrdx_certificate_not_after_timestamp_seconds", labels) == (NOW + DAY).timestamp()
    assert value("yrdx_certificate_alert", labels) == 3


def test_what_cannot_be_read_is_missing_and_the_rest_stands(world: World, tmp_path: Path) -> None:
    """A database that is away, or a fault of ours, stops no scrape and shows no text."""

    class Gone:
        def read(self, _work: object) -> None:
            raise StoreUnavailable("沈示例")

    def broken() -> KeysStatus:
        raise KeyError("沈示例")

    with capture_logs() as logs:
        found = registry(world, tmp_path, store=Gone(), keys=broken)
        _write(tmp_path / "x.prom", found)

    text = (tmp_path / "x.prom").read_text(encoding="utf-8")
    assert "yrdx_store_up 0.0" in text
    assert "yrdx_disk_free_bytes" in text
    assert "yrdx_outbox_records" not in text
    assert [(line["event"], line.get("reason")) for line in logs] == [
        ("metrics.not_read", "STORE_UNAVAILABLE"),
        ("metrics.fault", None),
    ]


def test_no_label_holds_an_id_or_a_name(world: World, tmp_path: Path) -> None:
    """Labels are cities, datasets, rules and words of the contract: their number is bounded, and nobody is in them."""
    names = {name for metric in registry(world, tmp_path).collect() for one in metric.samples for name in one.labels}

    assert names <= LABELS


def test_the_file_is_whole_and_for_the_collector_to_read(world: World, tmp_path: Path) -> None:
    """Replaced at once, and readable by another user although all else in a home is not."""
    path = tmp_path / "metrics.prom"
    _write(path, registry(world, tmp_path))

    assert path.stat().st_mode & 0o777 == 0o644
    assert path.read_text(encoding="utf-8").endswith("\n")
    assert not path.with_suffix(".new").exists()
