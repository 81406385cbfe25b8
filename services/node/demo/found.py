"""What the exchange found of the errors that were planted: each is to be rejected by its rule, in its column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from adapters.mapping import load_mapping
from adapters.samples import Planted
from services.node.cli.rejections import rejections
from services.node.demo.streams import DemoStream
from services.node.session import NodeSession
from yrdx.node.v1 import node_pb2

_Rejected = node_pb2.ListRejectionsResponse.RejectedRecord
_RuleKey = tuple[str, str, str]


class Found(NamedTuple):
    """What was found.

    Attributes:
        planted: Errors that must be rejected.
        found: Of those, how many were, by their rule, in their column.
        rejected: Rows that were rejected.
        by_rule: Rejected rows by (rule, column, reason).
    """

    planted: int
    found: int
    rejected: int
    by_rule: Counter[_RuleKey]


def planted_found(session: NodeSession, source: str, stream: DemoStream) -> Found:
    """Hold the rejections of a source against what was planted in it.

    Args:
        session: The sending city's node.
        source: Name of the source.
        stream: What was planted.
    """
    column_of = load_mapping(stream.sender.dialect, stream.dataset).column_of
    rejected = {one.row: one for one in _of_source(session, source, stream)}
    expected = [one for one in stream.planted if one.rejected_by]
    found = sum(_is_found(one, rejected.get(one.row), column_of(_field(rejected, one))) for one in expected)
    by_rule = Counter((one.rule_id, one.column or column_of(one.field_path), one.reason) for one in rejected.values())
    return Found(len(expected), found, len(rejected), by_rule)


def open_rejections(session: NodeSession, stream: str) -> int:
    """Count the open rejections of a stream."""
    return sum(one.stream == stream for one in rejections(session, open_only=True))


def _of_source(session: NodeSession, source: str, stream: DemoStream) -> Iterator[_Rejected]:
    return (one for one in rejections(session) if (one.stream, one.source) == (stream.name, source))


def _field(rejected: dict[int, _Rejected], planted: Planted) -> str:
    return rejected[planted.row].field_path if planted.row in rejected else ""


def _is_found(planted: Planted, rejected: _Rejected | None, column: str) -> bool:
    """Whether a row was rejected by the side, for the reason and in the column that it should be."""
    if rejected is None or rejected.rejected_by != planted.rejected_by:
        return False
    rule_named = not planted.rule or rejected.rule_id.removeprefix("dialect.") == planted.rule
    return rule_named and (not planted.column or planted.column in (rejected.column, column))
