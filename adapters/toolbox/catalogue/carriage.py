"""How a dialect carries each field of a standard: by columns, by a value of every row, or not, with the reason."""

from __future__ import annotations

from dataclasses import dataclass, field

from adapters.mapping import Mapping
from adapters.mapping.cells import CELLS
from adapters.mapping.column import BoundColumn
from adapters.toolbox.code_columns import code_columns
from adapters.toolbox.type_words import type_words


@dataclass(frozen=True, slots=True)
class ColumnSheet:
    """A column that carries a field, alone or with others.

    Attributes:
        name: As in the header.
        label: Its Chinese name.
        type: What a cell holds, or what the converter does.
        note: What a reviewer should know.
    """

    name: str
    label: str
    type: str
    note: str


@dataclass(frozen=True, slots=True)
class Carriage:
    """How one dialect carries one field.

    Attributes:
        columns: Its columns; none where it is not carried.
        loss: What writing them leaves out; empty where it leaves out nothing.
        default: The value that every row has; empty where there is none.
        reason: Why it has one value, or is not carried; empty where columns carry it.
    """

    columns: tuple[ColumnSheet, ...] = ()
    loss: str = ""
    default: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Codes:
    """A dialect's codes of one field.

    Attributes:
        system: Name of the code system.
        values: Codes with their labels, by the standard's value as text.
    """

    system: str
    values: dict[str, list[str]] = field(default_factory=dict)


def carriages(mapping: Mapping) -> dict[str, Carriage]:
    """Return how each leaf of a mapping's standard is carried, by its path."""
    declared = mapping.declaration
    found = {
        field: Carriage(default=default.value, reason=default.reason) for field, default in declared.defaults.items()
    }
    for bound in mapping.plan.columns:
        carriage = Carriage(_columns(mapping, bound), bound.cell.lossy)
        subfields = CELLS[bound.cell.declaration.type].subfields if bound.facts.subfields else ()
        for path in [f"{bound.facts.path}.{part}" for part in subfields] or [bound.facts.path]:
            found[path] = carriage
    leaves = [leaf for facts in mapping.standard.fields.values() for leaf in facts.leaves()]
    for path, reason in declared.not_carried.items():
        for leaf in leaves:
            if f"{leaf}.".startswith(f"{path}."):
                found.setdefault(leaf, Carriage(reason=reason))
    # An instant is one thing for people, whatever protobuf makes it of.
    whole = {path.removesuffix(".seconds"): one for path, one in found.items() if path.endswith("_time.seconds")}
    return found | whole


def codes_of(mapping: Mapping) -> dict[str, Codes]:
    """Return a mapping's code tables by the field that they fill."""
    found = {}
    for column, cell in code_columns(mapping):
        codes = Codes(cell.table.system)
        for code, value in cell.table.values.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            label = cell.table.labels[code]
            codes.values.setdefault(text, []).append(code if label == code else f"{code} {label}".strip())
        found[column.facts.path] = codes
    return found


def _columns(mapping: Mapping, bound: BoundColumn) -> tuple[ColumnSheet, ...]:
    declared = [mapping.declaration.columns[place] for place in bound.places]
    return tuple(ColumnSheet(one.name, one.label, type_words(one), one.note) for one in declared)  # type: ignore[arg-type]  # bound ones carry
