"""Code tables: the dialect's codes against the standard's values, a CSV file beside the mapping.

Columns: ``dialect`` (what a cell holds), ``standard`` (an enum value's name, "true"/"false", or the field's text),
``label`` (what it means, for people), ``note`` ("unconfirmed" where the domain's owner has not yet confirmed it).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Final

from adapters.mapping.errors import MappingInvalid
from adapters.mapping.standard import FieldFacts

_HEADER: Final = ["dialect", "standard", "label", "note"]
_BOOLEANS: Final = {"true": True, "false": False}

Code = str | int | bool
"""A standard's value that a code stands for."""


@dataclass(frozen=True, slots=True)
class CodeTable:
    """One code system of a dialect, one to one.

    Attributes:
        system: Its name, "LD/T 92 AAE140": a code without its system means nothing.
        values: Dialect's code → standard's value.
        codes: Standard's value → dialect's code.
    """

    system: str
    values: dict[str, Code]
    codes: dict[Code, str]


def read_code_table(source: Traversable, system: str, facts: FieldFacts) -> CodeTable:
    """Read a code table and check it against the field that it fills.

    Args:
        source: The CSV file, UTF-8.
        system: Name of the code system.
        facts: The standard's field.

    Raises:
        MappingInvalid: The file is missing or badly shaped, a code or a value stands twice, or the field has no
            such value.
    """
    if not source.is_file():
        raise MappingInvalid(source.name, "file", "no such code table")
    lines = list(csv.reader(source.read_text(encoding="utf-8").splitlines()))
    if not lines or lines[0] != _HEADER:
        raise MappingInvalid(source.name, "line 1", f"the header must be {','.join(_HEADER)}")
    table = CodeTable(system, {}, {})
    for number, line in enumerate(lines[1:], 2):
        problem = _add(table, line, facts)
        if problem:
            raise MappingInvalid(source.name, f"line {number}", problem)
    return table


def _add(table: CodeTable, line: list[str], facts: FieldFacts) -> str:
    """Add one line, one to one so that both directions are certain; return what is wrong with it, or nothing."""
    if len(line) != len(_HEADER):
        return f"{len(_HEADER)} cells expected"
    code, text = line[:2]
    value = _value(text, facts)
    if not code or code != code.strip():
        return "a code is not empty and has no blanks around it"
    if value is None:
        return f"the standard's field {facts.name} has no value {text!r}"
    if code in table.values or value in table.codes:
        return "its code or its standard value stands in an earlier line already"
    table.values[code] = value
    table.codes[value] = code
    return ""


def _value(text: str, facts: FieldFacts) -> Code | None:
    """Turn the text of the ``standard`` column into the field's value; None where the field has no such value."""
    if facts.kind == "enum":
        return facts.enum_values.get(text)
    if facts.kind == "bool":
        return _BOOLEANS.get(text)
    return text if text and facts.allows(text) else None
