"""What the exchange found of the errors that were planted: each is to be rejected by its rule, in its column."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from adapters.mapping import load_mapping
from adapters.samples import Planted
from services.node.demo.streams import DemoStream
from services.node.rejected import RejectedRecord, rejected_records
from services.node.session import NodeSession
from services.node.sync.remote import RemoteStream


class RejectedByRule(NamedTuple):
    """Rows that one rule rejected.

    Attributes:
        rows: How many.
        rule_id: Stable name of the rule.
        columns: Columns in which it was broken.
        reason: The rule in words, as it was said of the first row.
    """

    rows: int
    rule_id: str
    columns: list[str]
    reason: str


class Found(NamedTuple):
    """What was found.

    Attributes:
        planted: Errors that must be rejected.
        found: Of those, how many were, by their rule, in their column.
        rejected: Rows that were rejected.
        rules: Rules that rejected rows, the most frequent first.
    """

    planted: int
    found: int
    rejected: int
    rules: list[RejectedByRule]


def planted_found(session: NodeSession, source: str, stream: DemoStream) -> Found:
    """Hold the rejections of a source against what was planted in it.

    Args:
        session: The sending city's node.
        source: Name of the source.
        stream: What was planted.
    """
    column_of = load_mapping(stream.sender.dialect, stream.dataset).column_of
    rejected = {one.row: one for one in RemoteStream(session, stream.receiver.code, stream.dataset).rejections(source)}
    expected = [one for one in stream.planted if one.rejected_by]
    found = sum(_is_found(one, rejected.get(one.row), column_of(_field(rejected, one))) for one in expected)
    return Found(len(expected), found, len(rejected), _rules(rejected.values(), column_of))


def _rules(rejected: Iterable[RejectedRecord], column_of: Callable[[str], str]) -> list[RejectedByRule]:
    by_rule: dict[str, list[RejectedRecord]] = {}
    for one in rejected:
        by_rule.setdefault(one.rule_id, []).append(one)
    told = [
        RejectedByRule(len(rows), rule_id, _columns(rows, column_of), rows[0].reason)
        for rule_id, rows in by_rule.items()
    ]
    return sorted(told, reverse=True)


def _columns(rows: Iterable[RejectedRecord], column_of: Callable[[str], str]) -> list[str]:
    return sorted({one.column or column_of(one.field_path) for one in rows} - {""})


def open_rejections(session: NodeSession, stream: str) -> int:
    """Count the open rejections of a stream."""
    return sum(one.stream == stream for one in rejected_records(session, open_only=True))


def _field(rejected: dict[int, RejectedRecord], planted: Planted) -> str:
    return rejected[planted.row].field_path if planted.row in rejected else ""


def _is_found(planted: Planted, rejected: RejectedRecord | None, column: str) -> bool:
    """Whether a row was rejected by the side, for the reason and in the column that it should be."""
    if rejected is None or rejected.rejected_by != planted.rejected_by:
        return False
    rule_named = not planted.rule or rejected.rule_id.removeprefix("dialect.") == planted.rule
    return rule_named and (not planted.column or planted.column in (rejected.column, column))
