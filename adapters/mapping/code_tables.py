"""Code tables: the dialect's codes against the standard's values, a CSV file beside the mapping.

Columns: ``dialect`` (what a cell holds), ``standard`` (an enum value's name, "true"/"false", or the field's text),
``label`` (what it means, for people), ``note`` ("unconfirmed" where the domain's owner has not yet confirmed it;
"alias" for another way of writing a value that stands in an earlier line: it is read, and never written).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from typing import Final

from adapters.mapping.errors import MappingInvalid
from adapters.mapping.standard import FieldFacts

_HEADER: Final = ["dialect", "standard", "label", "note"]
_BOOLEANS: Final = {"true": True, "false": False}
_ALIAS: Final = "alias"
UNCONFIRMED: Final = "unconfirmed"
"""What a note says of a fact that the domain's owner has not yet confirmed."""

Code = str | int | bool
"""A standard's value that a code stands for."""


@dataclass(frozen=True, slots=True)
class CodeTable:
    """One code system of a dialect, one to one but for aliases.

    Attributes:
        system: Its name, "LD/T 92 AAE140": a code without its system means nothing.
        values: Dialect's code → standard's value.
        codes: Standard's value → dialect's code.
        aliases: Codes that are read, and written as the other code of their value.
        labels: Dialect's code → what it means.
        unconfirmed: Codes that the domain's owner has not yet confirmed.
    """

    system: str
    values: dict[str, Code] = field(default_factory=dict)
    codes: dict[Code, str] = field(default_factory=dict)
    aliases: set[str] = field(default_factory=set)
    labels: dict[str, str] = field(default_factory=dict)
    unconfirmed: set[str] = field(default_factory=set)


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
    lines = list(csv.reader(utf8_text(source, source.name).splitlines()))
    if not lines or lines[0] != _HEADER:
        raise MappingInvalid(source.name, "line 1", f"the header must be {','.join(_HEADER)}")
    table = CodeTable(system)
    for number, line in enumerate(lines[1:], 2):
        problem = _add(table, line, facts)
        if problem:
            raise MappingInvalid(source.name, f"line {number}", problem)
    return table


def utf8_text(source: Traversable, name: str) -> str:
    """Read a file that people edit: spreadsheets and editors may put a byte order mark before it.

    Args:
        source: The file.
        name: Its name for messages.

    Raises:
        MappingInvalid: It is not UTF-8.
    """
    try:
        return source.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise MappingInvalid(name, f"line {line}", "not UTF-8: save it as UTF-8, not as GBK or ANSI") from error


def _add(table: CodeTable, line: list[str], facts: FieldFacts) -> str:
    """Add one line, one to one so that both directions are certain; return what is wrong with it, or nothing."""
    if len(line) != len(_HEADER):
        return f"{len(_HEADER)} cells expected"
    code, text, label, note = line
    value, notes = field_value(text, facts), note.split()
    if not code or code != code.strip():
        return "a code is not empty and has no blanks around it"
    if value is None:
        return f"the standard's field {facts.name} has no value {text!r}"
    if code in table.values or (value in table.codes) != (_ALIAS in notes):
        return "its code or its standard value stands in an earlier line already (another way of writing is an alias)"
    table.values[code], table.labels[code] = value, label
    if _ALIAS in notes:
        table.aliases.add(code)
    else:
        table.codes[value] = code
    if UNCONFIRMED in notes:
        table.unconfirmed.add(code)
    return ""


def field_value(text: str, facts: FieldFacts) -> Code | None:
    """Turn what a mapping file says of a value into the field's value; None where the field has no such value.

    Args:
        text: An enum value's name, "true" or "false", or a text.
        facts: The standard's field.
    """
    if facts.kind == "enum":
        return facts.enum_values.get(text)
    if facts.kind == "bool":
        return _BOOLEANS.get(text)
    return text if facts.kind == "string" and text and facts.holds(text) else None
