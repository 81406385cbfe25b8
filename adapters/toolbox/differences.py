"""What changed between two declarations, and whether files and records of the one still suit the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from adapters.mapping import Mapping
from adapters.mapping.code_tables import CodeTable
from adapters.mapping.declared_columns import AnyColumn
from adapters.toolbox.code_columns import code_columns

_ABOUT: Final = frozenset({"label", "note", "reason", "system"})
"""What people read and no cell depends on."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change.

    Attributes:
        kind: "column.added", "code.removed", "column.retyped", …
        place: "column AAE140", or the section.
        before: What was said; empty where nothing was.
        after: What is said.
        compatible: What the former mapping took is still taken and means the same.
    """

    kind: str
    place: str
    before: str
    after: str
    compatible: bool

    def as_json(self) -> dict[str, str | bool]:
        """Return it for programs."""
        return asdict(self)


def differences(former: Mapping, latter: Mapping) -> list[Change]:
    """Compare two mappings, of one dialect at two times, or of two dialects.

    Returns:
        Changes in the order of the file. If any of them touches what travels, the version must be raised: a change
        ``version.same`` says so where it was not.
    """
    changes = [*_sections(former, latter), *_columns(former, latter), *_codes(former, latter)]
    meaning = [change for change in changes if not change.kind.endswith(".words")]
    if meaning and former.dialect == latter.dialect and former.declaration.version >= latter.declaration.version:
        version = str(latter.declaration.version)
        changes.append(Change("version.same", "version", version, version, compatible=False))
    return changes


def _sections(former: Mapping, latter: Mapping) -> Iterator[Change]:
    """Everything but columns and their tables."""
    before, after = (mapping.declaration.model_dump(mode="json") for mapping in (former, latter))
    for name, compatible in (("dataset", False), ("standard", False), ("divisions", True), ("file", False),
                             ("group", False), ("sums", False)):  # fmt: skip
        if before[name] != after[name]:
            yield Change(f"{name}.changed", name, _said(before[name]), _said(after[name]), compatible)
    for name in ("missing", "not_carried", "defaults"):
        yield from _keyed(name, before[name], after[name])


def _keyed(section: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Change]:
    """Words with reasons: another word changes what cells mean, another reason does not."""
    for key in dict.fromkeys([*before, *after]):
        was, now = (_essence(side.get(key)) for side in (before, after))
        if (key in before) != (key in after) or was != now:
            kind = "changed" if key in before and key in after else "added" if key in after else "removed"
            yield Change(f"{section}.{kind}", f"{section} {key!r}", was, now, compatible=False)
        elif before[key] != after[key]:
            yield Change(f"{section}.words", f"{section} {key!r}", _said(before[key]), _said(after[key]), True)


def _essence(value: Any) -> str:  # noqa: ANN401 - a reason, or a default with one
    return str(value["value"]) if isinstance(value, dict) else ""


def _columns(former: Mapping, latter: Mapping) -> Iterator[Change]:
    before = {column.name: column for column in former.declaration.columns}
    after = {column.name: column for column in latter.declaration.columns}
    for name, column in before.items():
        if name not in after:
            yield Change("column.removed", f"column {name}", _type(column), "", compatible=False)
    for name, column in after.items():
        if name not in before:
            yield Change("column.added", f"column {name}", "", _type(column), compatible=False)
        else:
            yield from _column(before[name], column)
    common = [[name for name in side if name in before and name in after] for side in (before, after)]
    if common[0] != common[1]:
        yield Change("column.moved", "column", " ".join(common[0]), " ".join(common[1]), compatible=True)


def _column(before: AnyColumn, after: AnyColumn) -> Iterator[Change]:
    was, now = before.model_dump(mode="json"), after.model_dump(mode="json")
    differing = [name for name in dict.fromkeys([*was, *now]) if was.get(name) != now.get(name)]
    place = f"column {before.name}"
    words = [name for name in differing if name in _ABOUT]
    if len(words) < len(differing):
        kind = "column.retyped" if _type(before) != _type(after) else "column.changed"
        rest = [name for name in differing if name not in _ABOUT]
        yield Change(kind, place, _picked(was, rest), _picked(now, rest), _widened(was, now, rest))
    if words:
        yield Change("column.words", place, _picked(was, words), _picked(now, words), compatible=True)


def _widened(was: dict[str, Any], now: dict[str, Any], differing: list[str]) -> bool:
    """Say whether a column takes all that it took: a further date format, more digits."""
    return all(_wider(name, was.get(name), now.get(name)) for name in differing)


def _wider(name: str, before: Any, after: Any) -> bool:  # noqa: ANN401 - JSON
    if before is None or after is None:
        return False
    match name:
        case "format":
            return set(before.split(" or ")) <= set(after.split(" or "))
        case "digits_min":
            return bool(after <= before)
        case "digits_max":
            return bool(after >= before)
        case _:
            return name == "table"  # its codes are compared by themselves


def _codes(former: Mapping, latter: Mapping) -> Iterator[Change]:
    """Codes of columns that both have."""
    before, after = _tables(former), _tables(latter)
    for name in (name for name in before if name in after):
        was, now = before[name], after[name]
        for code in dict.fromkeys([*was.values, *now.values]):
            yield from _code(f"column {name}, code {code}", code, was, now)


def _code(place: str, code: str, was: CodeTable, now: CodeTable) -> Iterator[Change]:
    if code not in now.values:
        yield Change("code.removed", place, was.labels[code], "", compatible=False)
    elif code not in was.values:
        yield Change("code.added", place, "", now.labels[code], compatible=True)
    elif was.values[code] != now.values[code] or (code in was.aliases) != (code in now.aliases):
        yield Change("code.changed", place, _meaning(was, code), _meaning(now, code), compatible=False)
    elif was.labels[code] != now.labels[code]:
        yield Change("code.words", place, was.labels[code], now.labels[code], compatible=True)


def _meaning(table: CodeTable, code: str) -> str:
    return f"{table.values[code]} {table.labels[code]}{' (alias)' if code in table.aliases else ''}"


def _tables(mapping: Mapping) -> dict[str, CodeTable]:
    return {column.name: cell.table for column, cell in code_columns(mapping)}


def _type(column: AnyColumn) -> str:
    return f"{column.type} {getattr(column, 'format', '')}".strip()


def _picked(said: dict[str, Any], names: list[str]) -> str:
    return ", ".join(f"{name} = {_said(said[name])}" for name in names if name in said)


def _said(value: Any) -> str:  # noqa: ANN401 - JSON
    return "" if value is None else str(value)
