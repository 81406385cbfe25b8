"""Moves: what records say of cases, read from the bytes that passed the gate."""

from __future__ import annotations

from collections.abc import Sequence

from services.domain.course import Course, Move
from services.wire.datasets import Dataset, Datasets
from yrdx.types.v1.types_pb2 import OPERATION_RETRACT, RecordBody


class ContractCourses:
    """Implements `services.ports.courses.Courses` by the contract's own declarations."""

    def __init__(self, datasets: Datasets) -> None:
        """Find the datasets with a course.

        Args:
            datasets: What is known here.
        """
        self._datasets = datasets
        newest = [datasets.find(name, datasets.standards(name)[-1]) for name in datasets.names()]
        self._courses = {one.name: one.course.course for one in newest if one.course is not None}

    @property
    def datasets(self) -> Sequence[str]:
        """Datasets with a course, sorted."""
        return sorted(self._courses)

    def course(self, dataset: str) -> Course | None:
        """Return the course of a dataset's newest standard, None where it has none."""
        return self._courses.get(dataset)

    def moves(self, dataset: str, standard: str, bodies: Sequence[bytes]) -> list[Move]:
        """Return what records say of cases; see the port.

        Raises:
            DatasetUnknown: The dataset or version is not known here.
        """
        known = self._datasets.find(dataset, standard)
        return [_move(known, body) for body in bodies]


def _move(known: Dataset, body: bytes) -> Move:
    if known.course is None:
        raise ValueError(f"{known.name} standard {known.standard} has no course")
    envelope = RecordBody.FromString(body)
    message = known.message_class.FromString(envelope.message.value)
    return known.course.move(message, envelope.operation == OPERATION_RETRACT)
