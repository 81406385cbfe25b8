"""Whose row it is, of a row that is refused: the fields of its business key alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from google.protobuf.message import Message

from adapters.mapping.compiler import compile_plan
from adapters.mapping.plan import Plan


def subject_reader(plan: Plan, fields: Sequence[str]) -> Callable[[Sequence[str]], Message]:
    """Compile a reader of a few fields, which looks at no other cell.

    Args:
        plan: The mapping.
        fields: The standard's fields, of the record itself.

    Returns:
        A row's cells → a message with these fields alone. Raises ``RowRejected``.
    """
    needed = set(_with_needs(plan, fields))
    part = replace(
        plan,
        columns=tuple(column for column in plan.columns if column.facts.path in needed),
        defaults=tuple(default for default in plan.defaults if default.facts.name in needed),
        fillers=(),
        sums=(),
        lists=(),
        key=(),
    )
    read_record = compile_plan(part).read_record
    return lambda row: read_record(row).message


def _with_needs(plan: Plan, fields: Sequence[str]) -> Iterator[str]:
    yield from fields
    for column in plan.columns:
        if column.facts.path in fields and column.cell.needs:
            yield column.cell.needs
