"""Courses: what the records of a dataset say of cases, and what cases may do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from services.domain.course import Course, Move


class Courses(Protocol):
    """The courses that the contract declares."""

    @property
    def datasets(self) -> Sequence[str]:
        """Datasets with a course, sorted."""
        ...

    def course(self, dataset: str) -> Course | None:
        """Return the course of a dataset's newest standard; None, as nearly everywhere, where records are no steps."""
        ...

    def moves(self, dataset: str, standard: str, bodies: Sequence[bytes]) -> list[Move]:
        """Return what records say of cases.

        Args:
            dataset: A dataset with a course.
            standard: Version of its standard.
            bodies: Serialised ``RecordBody`` (decoded by the payload codec) that passed the gate.

        Raises:
            services.domain.errors.DatasetUnknown: The dataset or version is not known here.
        """
        ...
