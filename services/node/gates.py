"""Gates: the contract's rules in processes of their own.

Validating is most of what a record costs (17 of 26 µs at its receiver), and protovalidate holds Python's lock all that
time. So a serving node hands whole batches to worker processes; its own process keeps the network, the signatures and
the store.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from adapters.mapping import Mapping as DialectMapping
from adapters.mapping import find_mappings, load_mapping
from services.domain.receipt import Violation
from services.node.workers import WorkerPool, answer_questions
from services.ports.courses import Courses
from services.ports.gate import Datasets, Gate, Passed
from services.wire.columns import Columns
from services.wire.datasets import load_datasets
from services.wire.gate import ContractGate, Expressible
from services.wire.moves import ContractCourses

WORKERS_MIN: Final = 2
WORKERS_MAX: Final = 4


@dataclass(frozen=True, slots=True)
class Gates:
    """A node's two gates, and the courses of the contract.

    Attributes:
        submit: What is submitted here: the contract.
        inbox: What is received here: the contract, and what this city's dialect has a way to say.
        courses: What cases do. Asked in this process: they are few.
    """

    submit: Gate
    inbox: Gate
    courses: Courses


def local_gates(dialect: str, record_bytes_max: int) -> Gates:
    """Return gates that work in this process.

    Args:
        dialect: This city's dialect.
        record_bytes_max: Bytes of one body.
    """
    datasets = load_datasets()
    return Gates(
        ContractGate(datasets, record_bytes_max=record_bytes_max),
        ContractGate(datasets, record_bytes_max=record_bytes_max, dialects=_dialects(dialect)),
        ContractCourses(datasets),
    )


def workers_wanted() -> int:
    """Return how many workers this machine has room for: the node and its database keep half of it.

    At least two, so that one is busy while a question or an answer of the other crosses.
    """
    return max(WORKERS_MIN, min(WORKERS_MAX, (os.cpu_count() or 1) // 2))


class GatePool(WorkerPool):
    """Worker processes that both gates share."""

    def __init__(self, dialect: str, record_bytes_max: int, *, workers: int) -> None:
        """Start workers.

        Args:
            dialect: This city's dialect.
            record_bytes_max: Bytes of one body.
            workers: Processes.
        """
        super().__init__("services.node.gates", (dialect, str(record_bytes_max)), workers=workers)
        local = local_gates(dialect, record_bytes_max)
        submit, inbox = (
            _PooledGate(self, name, gate) for name, gate in (("submit", local.submit), ("inbox", local.inbox))
        )
        self.gates = Gates(submit, inbox, local.courses)


@dataclass(frozen=True, slots=True)
class _PooledGate:
    """One of the two gates; implements `services.ports.gate.Gate`."""

    pool: GatePool
    name: str
    local: Gate

    @property
    def datasets(self) -> Datasets:
        """Every dataset that is known here."""
        return self.local.datasets

    def standards(self, dataset: str) -> Sequence[str]:
        """Return the known versions of a dataset."""
        return self.local.standards(dataset)

    def indispensable(self, dataset: str, standard: str) -> frozenset[str]:
        """Return the fields that no agreement may leave out."""
        return self.local.indispensable(dataset, standard)

    def complete_key(self, dataset: str, standard: str, body: bytes) -> bytes:
        """Fill in an empty key."""
        return self.local.complete_key(dataset, standard, body)

    def check(
        self, dataset: str, standard: str, bodies: Sequence[bytes], *, fields: Sequence[str] = ("*",)
    ) -> list[Passed | Violation]:
        """Check bodies in a worker; see the port."""
        if standard not in self.standards(dataset):
            return self.local.check(dataset, standard, bodies, fields=fields)  # little is asked of an addition
        return _from_plain(self.pool.ask((self.name, dataset, standard, list(bodies), list(fields))))


def _to_plain(verdicts: Sequence[Passed | Violation]) -> tuple[list[tuple[Any, ...]], dict[int, tuple[str, ...]]]:
    """Return what marshal carries: those that passed, and the violations by their places."""
    passed: list[tuple[Any, ...]] = [tuple(verdict) for verdict in verdicts if isinstance(verdict, Passed)]
    if len(passed) == len(verdicts):
        return passed, {}
    broken: dict[int, tuple[str, ...]] = {
        place: (verdict.field_path, verdict.rule_id, verdict.reason)
        for place, verdict in enumerate(verdicts)
        if isinstance(verdict, Violation)
    }
    return passed, broken


def _from_plain(plain: tuple[list[tuple[Any, ...]], dict[int, tuple[str, ...]]]) -> list[Passed | Violation]:
    passed, broken = plain
    verdicts: list[Passed | Violation] = list(map(Passed._make, passed))
    for place in sorted(broken):
        verdicts.insert(place, Violation(*broken[place]))
    return verdicts


class _Dialect(NamedTuple):
    """What a mapping can say; implements `services.wire.gate.Expressible`."""

    mapping: DialectMapping

    def refusal(self, message: Any) -> Violation | None:  # noqa: ANN401 - any standard's message
        found = self.mapping.unexpressible(message)
        return None if found is None else Violation(found.field, f"dialect.{found.rule_id}", found.reason)

    def all_good(self, columns: Columns) -> bool:
        return self.mapping.all_expressible(columns)


def _dialects(dialect: str) -> dict[str, Expressible]:
    """Return, by dataset, what a dialect can say."""
    return {dataset: _Dialect(load_mapping(dialect, dataset)) for known, dataset in find_mappings() if known == dialect}


def _main() -> None:
    found = local_gates(sys.argv[1], int(sys.argv[2]))
    gates = {"submit": found.submit, "inbox": found.inbox}

    def answer(name: str, dataset: str, standard: str, bodies: list[bytes], fields: list[str]) -> Any:  # noqa: ANN401
        return _to_plain(gates[name].check(dataset, standard, bodies, fields=fields))

    answer_questions(answer)


if __name__ == "__main__":
    _main()
