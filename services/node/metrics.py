"""Metrics of a node, written to ``metrics.prom`` in its home.

Prometheus reads it with node_exporter's textfile collector, and an operator with `cat`: the node opens no further
port. No label holds an identity of a person.

Source:
    Prometheus text exposition format 0.0.4.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from services.ports.keys import KeysStatus

_log = structlog.get_logger("yrdx.metrics")

WRITE_S: Final = 15.0
_ALERTS: Final = ("ok", "notice", "warning", "critical", "expired")


@dataclass(frozen=True, slots=True)
class Sample:
    """One value.

    Attributes:
        name: Name with its unit last.
        value: Value.
        labels: Label → value.
        help: What it says; the first sample of a name counts.
    """

    name: str
    value: float
    labels: dict[str, str] = field(default_factory=dict)
    help: str = ""


def exposition(samples: Iterable[Sample]) -> str:
    """Write samples, all of one name together, as Prometheus reads them; every one is a gauge."""
    lines: list[str] = []
    seen: set[str] = set()
    for sample in sorted(samples, key=lambda one: one.name):
        if sample.name not in seen:
            seen.add(sample.name)
            lines += [f"# HELP {sample.name} {sample.help}", f"# TYPE {sample.name} gauge"]
        labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in sorted(sample.labels.items()))
        lines.append(
            f"{sample.name}{{{labels}}} {_number(sample.value)}" if labels else f"{sample.name} {_number(sample.value)}"
        )
    return "\n".join(lines) + "\n"


def key_samples(status: KeysStatus) -> Iterator[Sample]:
    """Say how the key store stands: generation, refusals, and the end of every certificate."""
    yield Sample("yrdx_keystore_generation", status.generation, help="Loaded generation of the key store.")
    refused = 0.0 if status.refused is None else status.refused.timestamp()
    yield Sample(
        "yrdx_keystore_refused_timestamp_seconds", refused, help="When another generation was refused; 0: none since."
    )
    yield Sample("yrdx_keystore_renewal_timestamp_seconds", status.renews.timestamp(), help="When leaves are renewed.")
    ends: dict[tuple[str, str], float] = {}
    alerts: dict[tuple[str, str], int] = {}
    for one in status.certificates:
        key = (one.city, one.usage)
        ends[key] = min(ends.get(key, float("inf")), one.not_after.timestamp())
        alerts[key] = max(alerts.get(key, 0), _ALERTS.index(one.alert))
    for (city, usage), end in ends.items():
        yield Sample(
            "yrdx_certificate_not_after_timestamp_seconds",
            end,
            {"city": city, "usage": usage},
            "First end among a city's certificates of one usage.",
        )
    for (city, usage), alert in alerts.items():
        yield Sample(
            "yrdx_certificate_alert",
            alert,
            {"city": city, "usage": usage},
            "How loudly that end is said: 0 ok, 1 notice, 2 warning, 3 critical, 4 expired.",
        )


def case_samples(counts: Mapping[tuple[str, str], tuple[int, int]]) -> Iterator[Sample]:
    """Say how many cases run, and how many of them are past their due day.

    Args:
        counts: (partner, dataset) → (open, overdue), as `services.exchange.deadlines.count_cases` returns them.
    """
    for (partner, dataset), (running, overdue) in counts.items():
        labels = {"partner": partner, "dataset": dataset}
        yield Sample("yrdx_cases_open", running, labels, "Cases with a partner that are not closed.")
        yield Sample("yrdx_cases_overdue", overdue, labels, "Open cases that are past their statutory due day.")


async def write_metrics(path: Path, samples: Callable[[], Iterable[Sample]]) -> None:
    """Write the file every few seconds until cancelled; a reader never sees half of it."""
    while True:
        try:
            await asyncio.to_thread(_write, path, samples)
        except OSError as error:  # a full disk stops metrics, not the node
            _log.warning("metrics.not_written", message=str(error.strerror))
        await asyncio.sleep(WRITE_S)


def _write(path: Path, samples: Callable[[], Iterable[Sample]]) -> None:
    new = path.with_suffix(".new")
    new.write_text(exposition(samples()), encoding="utf-8")
    new.chmod(0o644)  # made to be read by the collector
    new.replace(path)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
