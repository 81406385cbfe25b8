"""Metrics that count what happens: calls, deliveries, records, refusals. What stands is asked for by `state`.

Labels are the contract's words and cities, never an id or a name of a person or a record, so their number is bounded.

Source:
    Names of calls: go-grpc-prometheus, as grpc-ecosystem's dashboards expect them.
"""

from __future__ import annotations

import re
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics

from services.ports.calls import Call, CallSide

_CALL: Final = ("grpc_service", "grpc_method")
_STREAM: Final = ("direction", "partner", "dataset")
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_RULE: Final = re.compile(r"[a-z_]+\d{0,3}[a-z_]*(\.[a-z_]+\d{0,3}[a-z_]*){0,4}")
_RULES_MAX: Final = 200
_OTHER: Final = "other"

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, which nobody asks


class Metrics:
    """Counters of one node.

    Attributes:
        registry: Holds them.
        attempts: Batches handed to a partner, first or again.
        failures: Sessions that ended with an error.
        batches: Batches that were answered.
        records: Records that were answered, by outcome.
        rejected: Records that were refused, by rule.
    """

    def __init__(self) -> None:
        """Begin at zero."""
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._handled = {
            side: Counter(
                f"grpc_{side}_handled_total", f"RPCs ended at the {side}.", (*_CALL, "grpc_code"), registry=registry
            )
            for side in CallSide
        }
        self._handling = {
            side: Histogram(
                f"grpc_{side}_handling_seconds",
                f"Time of RPCs at the {side}; a Deliver stream lasts as long as its session.",
                _CALL,
                buckets=_SECONDS,
                registry=registry,
            )
            for side in CallSide
        }
        self.attempts = Counter(
            "yrdx_delivery_attempts_total",
            "Batches handed to a partner, for the first time or again.",
            ("partner", "dataset"),
            registry=registry,
        )
        self.failures = Counter(
            "yrdx_delivery_failures_total",
            "Delivery sessions ended by an error.",
            ("partner", "reason"),
            registry=registry,
        )
        self.batches = Counter(
            "yrdx_batches_total", "Batches answered with a receipt, without repetitions.", _STREAM, registry=registry
        )
        self.records = Counter(
            "yrdx_records_total",
            "Records answered with a receipt: accepted or rejected.",
            (*_STREAM, "outcome"),
            registry=registry,
        )
        self._rejected = Counter(
            "yrdx_rejected_records_total",
            "Records refused, by this node (in) or by a partner (out).",
            ("direction", "dataset", "rule"),
            registry=registry,
        )
        self._rules: set[str] = set()
        self._found: dict[tuple[CallSide, str, str], tuple[Counter, Histogram]] = {}

    def called(self, call: Call, seconds: float) -> None:
        """Count a call that ended.

        Args:
            call: The call.
            seconds: How long it took.
        """
        handled, handling = self._series(call.side, call.method, call.code)
        handled.inc()
        handling.observe(seconds)

    def rejected(self, direction: str, dataset: str, rule_id: str) -> None:
        """Count a refused record.

        Args:
            direction: "in": refused here; "out": by the partner.
            dataset: Its dataset.
            rule_id: Rule; a partner's may be anything, so odd ones, and too many, count as "other".
        """
        self._rejected.labels(direction, dataset, self._rule(rule_id)).inc()

    def _series(self, side: CallSide, method: str, code: str) -> tuple[Counter, Histogram]:
        """Return a kind of call's two series; looking labels up costs more than counting."""
        found = self._found.get((side, method, code))
        if found is None:
            service, _, name = method[1:].partition("/")
            found = self._handled[side].labels(service, name, code), self._handling[side].labels(service, name)
            self._found[side, method, code] = found
        return found

    def _rule(self, rule_id: str) -> str:
        if rule_id not in self._rules:
            if len(self._rules) >= _RULES_MAX or not _RULE.fullmatch(rule_id):
                return _OTHER
            self._rules.add(rule_id)
        return rule_id
