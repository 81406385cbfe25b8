"""The dashboard and the alert rules ask for what a node exports, and are told in both languages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import promql_parser
import pytest
import yaml
from promql_parser import AggregateExpr, BinaryExpr, Call, Expr, MatrixSelector, ParenExpr, VectorSelector

from services.node.courier import Circuit
from services.node.main import run
from services.node.signals.calls import Calls
from services.node.signals.metrics import Metrics
from services.node.signals.state import Sources, StateCollector
from services.ports.calls import CallSide
from services.ports.store import Transaction
from tests.simulation.cities import SeededRandom
from tests.simulation.world import World
from tests.unit.services.node.signals.test_state import keys

_FOLDER: Final = Path("docs/observability")
_BY_PROMETHEUS: Final = {"up"}
_OF_TARGETS: Final = {"instance", "job"}
_CHINESE: Final = re.compile(r"[\u4e00-\u9fff]")

Exported = dict[str, set[str]]
"""Name of a series → its labels."""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
    """All that a node with something to tell exports."""
    world = World(tmp_path_factory.mktemp("world"))
    world.submit("a", 9, answer_lost=False)
    metrics = Metrics()
    calls = Calls(world.clock, SeededRandom(), metrics)
    for side in CallSide:
        calls.end(calls.begin(side, "/yrdx.exchange.v1.ExchangeService/Describe"))
    about = ("out", "310000", "social.contribution")
    metrics.attempts.labels(*about[1:]).inc()
    metrics.failures.labels("310000", "UNAVAILABLE").inc()
    metrics.batches.labels(*about).inc()
    metrics.records.labels(*about, "accepted").inc()
    metrics.rejected("out", "social.contribution", "citizen_number.check")
    sources = Sources(world.store("sender"), keys, lambda: {"310000": Circuit.CLOSED}, Path(), world.clock, "1", _cases)
    metrics.registry.register(StateCollector(sources))
    found: Exported = {}
    for metric in metrics.registry.collect():
        for sample in metric.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    yield found
    world.close()


def _cases(tx: Transaction) -> dict[tuple[str, str], tuple[int, int]]:
    return {("310000", "social.transfer"): (2, 1)}


def rules() -> list[dict[str, Any]]:
    """Return the alert rules."""
    (group,) = yaml.safe_load((_FOLDER / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def panels() -> list[dict[str, Any]]:
    """Return the dashboard's panels, its rows too."""
    found: list[dict[str, Any]] = json.loads((_FOLDER / "dashboard.json").read_text(encoding="utf-8"))["panels"]
    return found


def expressions() -> list[str]:
    """Return every expression in both files."""
    shown = [target["expr"] for panel in panels() for target in panel.get("targets", ())]
    return [rule["expr"] for rule in rules()] + shown


def selectors(expr: Expr) -> Iterator[VectorSelector]:
    """Yield every selector of a metric."""
    match expr:
        case VectorSelector():
            yield expr
        case MatrixSelector():
            yield from selectors(expr.vector_selector)
        case Call():
            for argument in expr.args:
                yield from selectors(argument)
        case AggregateExpr() | ParenExpr():
            yield from selectors(expr.expr)
        case BinaryExpr():
            yield from selectors(expr.lhs)
            yield from selectors(expr.rhs)


def grouped(expr: Expr) -> Iterator[tuple[Sequence[str], set[str]]]:
    """Yield for every aggregation the labels it keeps, and the metrics it is over."""
    match expr:
        case AggregateExpr():
            kept = expr.modifier.labels if expr.modifier else []
            yield kept, {str(one.name) for one in selectors(expr.expr)}
            yield from grouped(expr.expr)
        case Call():
            for argument in expr.args:
                yield from grouped(argument)
        case ParenExpr():
            yield from grouped(expr.expr)
        case BinaryExpr():
            yield from grouped(expr.lhs)
            yield from grouped(expr.rhs)


@pytest.mark.parametrize("text", expressions())
def test_every_expression_asks_for_what_a_node_exports(text: str, exported: Exported) -> None:
    """It parses, every metric in it exists, and so does every label that it selects or groups by."""
    expr = promql_parser.parse(text)

    asked = list(selectors(expr))
    assert asked
    assert {str(one.name) for one in asked} <= exported.keys() | _BY_PROMETHEUS
    for one in asked:
        named = {matcher.name for matcher in one.matchers.matchers}
        assert named <= exported.get(str(one.name), set()) | _OF_TARGETS
    for kept, over in grouped(expr):
        assert all(set(kept) <= exported[name] for name in over)


def test_every_metric_of_operations_is_exported(exported: Exported) -> None:
    """The names that operators' own rules rely on, with their labels."""
    promised = {
        "grpc_server_handled_total": {"grpc_service", "grpc_method", "grpc_code"},
        "grpc_server_handling_seconds_bucket": {"grpc_service", "grpc_method", "le"},
        "yrdx_outbox_records": {"partner", "dataset"},
        "yrdx_outbox_oldest_age_seconds": {"partner", "dataset"},
        "yrdx_delivery_attempts_total": {"partner", "dataset"},
        "yrdx_rejected_records_total": {"direction", "dataset", "rule"},
        "yrdx_partner_circuit_state": {"partner"},
        "yrdx_certificate_not_after_timestamp_seconds": {"city", "usage"},
        "yrdx_keystore_generation": set(),
    }
    assert {name: exported[name] for name in promised} == promised


def test_every_alert_says_what_is_wrong_and_what_to_run() -> None:
    """Chinese and English; labels in its words are those that its expression leaves; names are unique."""
    found = rules()

    assert len({rule["alert"] for rule in found}) == len(found)
    for rule in found:
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert " · " in rule["annotations"]["summary"]
        assert _CHINESE.search(rule["annotations"]["summary"])


def _commands() -> list[list[str]]:
    words = (rule["annotations"]["action"].split() for rule in rules())
    return [verb[1:] for verb in words if verb[0] == "yrdx"]


@pytest.mark.parametrize("words", _commands(), ids=" ".join)
def test_the_command_of_every_alert_exists(words: list[str]) -> None:
    """With its verbs and its options, as the command line's own help knows them."""
    verbs = words[: words.index("--home")]

    assert run([*verbs, "--help"]) == 0


def test_every_panel_is_titled_in_both_languages() -> None:
    """Chinese first, English beside; each with its own id and something to show."""
    found = panels()

    assert len({panel["id"] for panel in found}) == len(found)
    for panel in found:
        chinese, _, english = panel["title"].partition(" · ")
        assert _CHINESE.search(chinese), panel["title"]
        assert english.isascii(), panel["title"]
        assert english, panel["title"]
        assert panel["type"] == "row" or panel["targets"]
