"""What a question needs of the store: what was said about a subject, and the log of who asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.domain.access import Access


class SubjectsPort(Protocol):
    """What this city has said about a subject, over all its outbound streams and its own register."""

    def said_of(self, dataset: str, subjects: Sequence[bytes], *, newest: int) -> list[list[bytes]]:
        """Return of each subject the last word on each of its business keys, however lately it was submitted.

        A key whose last word is a retraction, on whichever stream, is left out; so are records that the receiver
        refused, and those whose payload is deleted.

        Args:
            dataset: Dataset.
            subjects: At least one; what its keys begin with, 8 bytes.
            newest: Most records of a subject to look at; of more, those submitted last.

        Returns:
            Of each subject bodies as they were submitted, the oldest first.
        """
        ...

    def unmerged(self) -> dict[int, int]:
        """Return of every outbound stream that has some how many records are not merged yet."""
        ...


class AccessPort(Protocol):
    """The access log. Nothing in it is ever changed or removed."""

    def append_accesses(self, accesses: Sequence[Access]) -> None:
        """Append accesses, at least one."""
        ...

    def accesses(
        self, *, after_id: int, limit: int, subject: bytes | None = None, since: datetime | None = None
    ) -> Sequence[Access]:
        """Return accesses by rising id.

        Args:
            after_id: Those after this one.
            limit: At most so many.
            subject: About this subject alone.
            since: Not before.
        """
        ...
