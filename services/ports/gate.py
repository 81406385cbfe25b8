"""The gate: every record passes the same rules on both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from services.domain.receipt import Violation

Datasets = Mapping[str, Sequence[str]]
"""Versions of each dataset's standard, by the dataset's name."""


class Passed(NamedTuple):
    """What the exchange needs of a record that passed.

    Attributes:
        operation: ``yrdx.types.v1.Operation`` number.
        key: Business key, 16 bytes, verified against the message.
        mends: Sequence of the rejected record that this one mends; 0 for none.
    """

    operation: int
    key: bytes
    mends: int


class Gate(Protocol):
    """Parses and validates record bodies."""

    @property
    def datasets(self) -> Datasets:
        """Every dataset that is known here."""
        ...

    def standards(self, dataset: str) -> Sequence[str]:
        """Return the versions of a dataset's standard that are known here; empty when the dataset is unknown."""
        ...

    def indispensable(self, dataset: str, standard: str) -> frozenset[str]:
        """Return the fields that a record of a standard cannot do without: its key, and what is required.

        Raises:
            services.domain.errors.DatasetUnknown: The dataset or version is not known here.
        """
        ...

    def check(
        self, dataset: str, standard: str, bodies: Sequence[bytes], *, fields: Sequence[str] = ("*",)
    ) -> list[Passed | Violation]:
        """Check bodies, one verdict each, in order; whatever is wrong inside a record is a verdict.

        Under a compatible addition that is not known here yet (`services.domain.standard`), unknown fields pass, and
        only what no addition changes is judged: size, envelope, type, key, and the agreement's fields. Whoever asks
        holds such records until the version is known.

        Args:
            dataset: Dataset of the stream.
            standard: Version of its standard.
            bodies: Serialised ``RecordBody`` (decoded by the payload codec).
            fields: Fields that the agreement lets through; ``("*",)`` means all.

        Raises:
            services.domain.errors.DatasetUnknown: The dataset or version is not known here.
        """
        ...

    def complete_key(self, dataset: str, standard: str, body: bytes) -> bytes:
        """Fill in an empty key, before anything is stored or hashed.

        Returns:
            The body with its key; the same bytes when it has one, or is not readable (`check` then says why).

        Raises:
            services.domain.errors.DatasetUnknown: The dataset or version is not known here.
        """
        ...
