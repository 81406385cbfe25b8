"""Sources: where submitted rows come from, and what became of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, bindparam, case, func, or_, select, update

from services.domain.outbox import Source, SourceProgress
from services.store.tables import SOURCE
from services.store.transaction.part import Part

UNKNOWN_SOURCE: Final = ""
"""Name of the source of records that a restored sender got back."""

_SOURCES: Final = select(
    SOURCE.c.id,
    SOURCE.c.stream_id,
    SOURCE.c.name,
    SOURCE.c.label,
    SOURCE.c.position,
    SOURCE.c.submitted,
    SOURCE.c.cursor,
)
_ADVANCE: Final = (
    update(SOURCE)
    .where(SOURCE.c.id == bindparam("source_id"), SOURCE.c.position == bindparam("after"))
    .values(
        position=bindparam("upto"),
        submitted=SOURCE.c.submitted + bindparam("added"),
        cursor=case((bindparam("new_cursor") == "", SOURCE.c.cursor), else_=bindparam("new_cursor")),
    )
)
_COUNTED: Final = ("submitted", "acknowledged", "rejected", "void")
_COUNT: Final = (
    update(SOURCE)
    .where(SOURCE.c.id == bindparam("source_id"))
    .values({name: SOURCE.c[name] + bindparam(f"added_{name}") for name in _COUNTED})
)
_AGAIN: Final = re.compile(r"#\d+")


@dataclass(slots=True)
class Change:
    """What to add to a source's counts."""

    submitted: int = 0
    acknowledged: int = 0
    rejected: int = 0
    void: int = 0


class SourcesPart(Part):
    """The part of `services.ports.outbox.Outbox` about sources."""

    def source(self, stream_id: int, name: str) -> Source | None:
        """See the port."""
        found = self._sources(SOURCE.c.stream_id == stream_id, SOURCE.c.name == name)
        return found[0] if found else None

    def sources(self, stream_id: int, name_prefix: str) -> Sequence[Source]:
        """See the port."""
        start = f"{name_prefix}#"
        again = func.substr(SOURCE.c.name, 1, len(start)) == start  # not LIKE: it has wildcards, and ignores case
        named = self._sources(SOURCE.c.stream_id == stream_id, or_(SOURCE.c.name == name_prefix, again))
        return [one for one in named if one.name == name_prefix or _AGAIN.fullmatch(one.name[len(name_prefix) :])]

    def add_source(self, source: Source) -> Source:
        """See the port."""
        statement = self._dialect.insert(SOURCE).values(
            stream_id=source.stream_id,
            name=source.name,
            label=source.label,
            position=source.position,
            submitted=source.submitted,
        )
        self._connection.execute(statement.on_conflict_do_nothing())
        return self._sources(SOURCE.c.stream_id == source.stream_id, SOURCE.c.name == source.name)[0]

    def advance_source(self, source_id: int, *, after: int, upto: int, submitted: int, cursor: str = "") -> bool:
        """See the port."""
        parameters = {"source_id": source_id, "after": after, "upto": upto, "added": submitted, "new_cursor": cursor}
        return self._connection.execute(_ADVANCE, parameters).rowcount == 1

    def source_progress(self, source_id: int) -> SourceProgress:
        """See the port. One row, however much the source holds."""
        counts = (SOURCE.c.submitted, SOURCE.c.acknowledged, SOURCE.c.rejected, SOURCE.c.void)
        row = self._connection.execute(select(*counts).where(SOURCE.c.id == source_id)).one()
        return progress_of(*row)

    def _sources(self, *where: ColumnElement[bool]) -> list[Source]:
        return [Source(*row) for row in self._connection.execute(_SOURCES.where(*where).order_by(SOURCE.c.id))]

    def _count(self, changes: dict[int, Change]) -> None:
        """Add to the counts of sources; in the order of their ids, so that two transactions never wait in a circle."""
        for source_id, change in sorted(changes.items()):
            added = {f"added_{name}": getattr(change, name) for name in _COUNTED}
            self._connection.execute(_COUNT, {"source_id": source_id, **added})


def progress_of(submitted: int, acknowledged: int, rejected: int, void: int) -> SourceProgress:
    """Derive what is pending: whatever nothing else happened to."""
    pending = submitted - acknowledged - rejected - void
    return SourceProgress(submitted, acknowledged, rejected, pending, void)
