"""Cases as the store keeps them, beside the records that tell them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from services.domain.batch import StoredBatch
from services.domain.case import Case, StepRecord


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which cases are asked for. Those of which nothing stands never are.

    Attributes:
        dataset: Dataset; empty: of all.
        open_only: Only those that run.
        clock_upto: Dataset → day: only cases of these datasets that run and whose clock started on that day or before.
        digest: Only those that are found by this digest (`services.domain.case.case_digest`); empty: all.
    """

    dataset: str = ""
    open_only: bool = False
    clock_upto: Mapping[str, date] | None = None
    digest: bytes = b""


class Cases(Protocol):
    """What a node keeps of cases."""

    def hold_cases(self, dataset: str, partner: str, digests: Collection[bytes]) -> Mapping[bytes, Case]:
        """Return cases by their digests, locked until the end of the transaction; those that are new are begun."""
        ...

    def put_case(self, case: Case) -> None:
        """Keep number, state and clock of a case; records are added apart."""
        ...

    def add_step_records(self, case_id: int, records: Sequence[StepRecord]) -> None:
        """Add records to a case; one that it has already changes nothing."""
        ...

    def answer_step_records(self, batch: StoredBatch, refused: Collection[int]) -> Sequence[Case]:
        """Give the records of an outbound batch their sequences, and take those back that were refused.

        Returns:
            The cases that have other records now, locked, as they are now.
        """
        ...

    def drop_step_records(self, stream_id: int, record_ids: Collection[int]) -> Sequence[Case]:
        """Take back records of the outbox that will not be sent; returns their cases as `answer_step_records` does."""
        ...

    def has_step_records(self, stream_id: int) -> bool:
        """Say whether any record of a stream tells a case."""
        ...

    def sealed_record_ids(self, batch: StoredBatch) -> Sequence[int]:
        """Return the ids of the records of an outbound batch, in sequence."""
        ...

    def cases(self, wanted: CaseFilter, *, after_id: int = 0, limit: int) -> Sequence[Case]:
        """Return cases by rising id, with their records."""
        ...

    def count_cases(self, wanted: CaseFilter) -> Mapping[tuple[str, str], int]:
        """Count cases by partner and dataset."""
        ...
