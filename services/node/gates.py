"""Gates: the contract's rules in processes of their own.

Validating is most of what a record costs (17 of 26 µs at its receiver), and protovalidate holds Python's lock all that
time. So a serving node hands whole batches to worker processes over pipes; its own process keeps the network, the
signatures and the store. A worker that dies is replaced; one whose node dies reads the end of its input and ends too.
"""

from __future__ import annotations

import marshal
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from queue import LifoQueue
from struct import Struct
from types import TracebackType
from typing import IO, Any, Final, NamedTuple, Self

from adapters.mapping import Mapping as DialectMapping
from adapters.mapping import find_mappings, load_mapping
from services.domain.errors import Unavailable
from services.domain.receipt import Violation
from services.node.system import spare_collector
from services.ports.gate import Datasets, Gate, Passed
from services.wire.columns import Columns
from services.wire.datasets import load_datasets
from services.wire.gate import ContractGate, Expressible

_FRAME: Final = Struct(">Q")
_PIPE_BYTES: Final = 1 << 20
"""As much as an unprivileged process may ask for: a batch crosses at once, not in 64 KiB steps."""
WORKERS_MIN: Final = 2
WORKERS_MAX: Final = 4


@dataclass(frozen=True, slots=True)
class Gates:
    """A node's two gates.

    Attributes:
        submit: What is submitted here: the contract.
        inbox: What is received here: the contract, and what this city's dialect has a way to say.
    """

    submit: Gate
    inbox: Gate


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
    )


def workers_wanted() -> int:
    """Return how many workers this machine has room for: the node and its database keep half of it.

    At least two, so that one is busy while a question or an answer of the other crosses.
    """
    return max(WORKERS_MIN, min(WORKERS_MAX, (os.cpu_count() or 1) // 2))


class GatePool:
    """Worker processes that both gates share."""

    def __init__(self, dialect: str, record_bytes_max: int, *, workers: int) -> None:
        """Start workers.

        Args:
            dialect: This city's dialect.
            record_bytes_max: Bytes of one body.
            workers: Processes.
        """
        command = [sys.executable, "-m", "services.node.gates", dialect, str(record_bytes_max)]
        self._free: LifoQueue[_Worker] = LifoQueue()
        for _ in range(workers):
            self._free.put(_Worker(command))
        local = local_gates(dialect, record_bytes_max)
        self.gates = Gates(_PooledGate(self, "submit", local.submit), _PooledGate(self, "inbox", local.inbox))
        self._workers = workers

    def __enter__(self) -> Self:
        """Return the pool; leaving the context ends its workers."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the workers once they are free."""
        for _ in range(self._workers):
            self._free.get().close()

    def ask(self, question: Sequence[Any]) -> Any:  # noqa: ANN401 - whatever marshal carries
        """Put a question to a free worker; a worker that died is replaced and asked again, once.

        Raises:
            Unavailable: The new one died too.
        """
        worker = self._free.get()
        try:
            try:
                return worker.ask(question)
            except (OSError, EOFError):
                worker.restart()
                return worker.ask(question)
        except (OSError, EOFError) as error:
            raise Unavailable("the validating process ends at once: the node's log says why") from error
        finally:
            self._free.put(worker)


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
            return self.local.check(dataset, standard, bodies, fields=fields)  # raises DatasetUnknown
        return _from_plain(self.pool.ask((self.name, dataset, standard, list(bodies), list(fields))))


class _Worker:
    """One worker process and its pipes."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._start()

    def ask(self, question: Sequence[Any]) -> Any:  # noqa: ANN401
        if self._process.stdin is None or self._process.stdout is None:
            raise EOFError("the worker has no pipes")
        write_frame(self._process.stdin, question)
        return read_frame(self._process.stdout)

    def restart(self) -> None:
        self.close()
        self._start()

    def close(self) -> None:
        self._process.kill()  # it holds nothing: an unanswered question is asked again
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, pipesize=_PIPE_BYTES
        )


def write_frame(pipe: IO[bytes], content: Any) -> None:  # noqa: ANN401
    """Write one frame: its length and marshalled content."""
    data = marshal.dumps(content)
    pending = memoryview(_FRAME.pack(len(data)) + data)
    while pending:
        pending = pending[pipe.write(pending) :]


def read_frame(pipe: IO[bytes]) -> Any:  # noqa: ANN401
    """Read one frame.

    Raises:
        EOFError: The other end is closed.
    """
    (size,) = _FRAME.unpack(_read(pipe, _FRAME.size))
    return marshal.loads(_read(pipe, size))  # noqa: S302 - from our own child or parent, over our own pipe


def _read(pipe: IO[bytes], size: int) -> bytes:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        count = pipe.readinto(view)  # type: ignore[attr-defined]  # unbuffered pipes are raw
        if not count:
            raise EOFError("the other end is closed")
        view = view[count:]
    return bytes(data)


def work(gates: Mapping[str, Gate], questions: IO[bytes], answers: IO[bytes]) -> None:
    """Answer questions until the node is gone."""
    while True:
        try:
            name, dataset, standard, bodies, fields = read_frame(questions)
        except EOFError:
            return
        verdicts = gates[name].check(dataset, standard, bodies, fields=fields)
        write_frame(answers, _to_plain(verdicts))


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
    spare_collector()
    with open(0, "rb", buffering=0, closefd=False) as questions, open(1, "wb", buffering=0, closefd=False) as answers:
        work({"submit": found.submit, "inbox": found.inbox}, questions, answers)


if __name__ == "__main__":
    _main()
