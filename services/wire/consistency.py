"""What must agree within one record, compiled for one message type: sums, and what `services.domain.consistency` says.

A sum over single fields is asked of many records column by column; the others record by record.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from services.domain.consistency import Agreement, agreements
from services.domain.receipt import Violation
from services.wire.columns import Columns
from services.wire.fields import INTEGER_TYPES, require_single_field
from services.wire.reasons import count_reason, decision_reason, sum_reason
from yrdx.types.v1 import types_pb2

_REASONS: Final = {
    "sum.mismatch": sum_reason,
    "count.differs": count_reason,
    "decision.differs": decision_reason,
}


class _Sum(NamedTuple):
    """A total, its parts (absent ones count as 0), and what is said when they do not add up."""

    total: str
    parts: Sequence[str]
    broken: Violation


class CompiledConsistency(NamedTuple):
    """What must agree, each with what is said of a record in which it does not.

    Attributes:
        sums: Sums over single fields.
        agreements: The others, over items and decisions.
    """

    sums: Sequence[_Sum]
    agreements: Sequence[tuple[Agreement, Violation]]

    def first_broken(self, message: Message) -> Violation | None:
        """Return what a message breaks first, or None."""
        broken = self._broken_sum(Columns([message]))
        return broken or next((broken for one, broken in self.agreements if not one.holds(message)), None)

    def holds(self, columns: Columns) -> bool:
        """Say whether nothing is broken in many messages."""
        return self._broken_sum(columns) is None and all(
            one.holds(message) for one, _ in self.agreements for message in columns.messages
        )

    def fields(self) -> Iterator[str]:
        """Yield the fields without which it cannot be asked."""
        for total, parts, _ in self.sums:
            yield from (total, *parts)
        for one, _ in self.agreements:
            yield from one.fields()

    def _broken_sum(self, columns: Columns) -> Violation | None:
        for total, parts, broken in self.sums:
            if columns[total] != list(map(sum, zip(*(columns[part] for part in parts), strict=True))):
                return broken
        return None


def compile_consistency(descriptor: Descriptor, declared: types_pb2.Dataset) -> CompiledConsistency:
    """Compile what a standard declares.

    Raises:
        ValueError: A field or a value that is named does not exist or cannot serve.
    """
    sums = [_compile_sum(descriptor, one) for one in declared.sums]
    return CompiledConsistency(sums, [(one, _disagreement(one)) for one in agreements(declared, descriptor)])


def _compile_sum(descriptor: Descriptor, declared: types_pb2.Dataset.Sum) -> _Sum:
    for name in (declared.total, *declared.parts):
        require_single_field(descriptor, name, INTEGER_TYPES)
    parts = list(declared.parts)
    return _Sum(declared.total, parts, Violation(declared.total, "sum.mismatch", sum_reason(declared.total, parts)))


def _disagreement(agreement: Agreement) -> Violation:
    """What is said when a record's fields do not agree: their names, never their values."""
    others = list(agreement.others)
    return Violation(agreement.field, agreement.rule_id, _REASONS[agreement.rule_id](agreement.field, others))
