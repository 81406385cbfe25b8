"""Administrative divisions (GB/T 2260) with their validity years: retired codes are resolved, never guessed.

An edition is a file ``gb2260/<date>.csv``; a mapping names the edition it was reviewed with. The present one knows
the cities that have a dialect here; a further city adds its lines.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from adapters.mapping.errors import MappingInvalid

_HEADER: Final = ["code", "name", "from", "until", "successor", "note"]
_CODE_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Area:
    """One code of the table.

    Attributes:
        code: Six digits.
        name: Its name while it was in force, without the city's.
        from_year: First year in force; None where it is older than the table.
        until_year: Year in which it was retired; None while it is in force.
        successor: Code that took its place; empty while it is in force.
    """

    code: str
    name: str
    from_year: int | None
    until_year: int | None
    successor: str

    def in_force_in(self, year: int) -> bool:
        """Say whether the code was in force at the end of a year."""
        return (self.from_year or 0) <= year and (self.until_year is None or year < self.until_year)


class DivisionTable:
    """One edition of the table.

    Args:
        edition: Date of the edition, "2026-01-01".
        areas: Its lines; codes are distinct.

    Raises:
        MappingInvalid: A chain of successors does not end in a code in force, or two codes in force share a name.
    """

    def __init__(self, edition: str, areas: list[Area]) -> None:
        self.edition: Final = edition
        self.system: Final = f"GB/T 2260 ({edition})"
        self.areas: Final = {area.code: area for area in areas}
        self._resolved = {area.code: self._follow(area) for area in areas}
        self.names: Final = {area.code: area.name for area in areas if area.until_year is None}
        self._codes_by_name = self._index_names()

    def resolve(self, code: str) -> str | None:
        """Give the code in force today for a six-digit code; None when the table does not know it."""
        return self._resolved.get(code)

    def by_name(self, name: str) -> str | None:
        """Give the code of a name: in force if there is one, else the last retired one; None when unknown."""
        return self._codes_by_name.get(name)

    def in_force_in(self, year: int) -> list[str]:
        """List the codes in force in a year, in the table's order."""
        return [area.code for area in self.areas.values() if area.in_force_in(year)]

    def _follow(self, area: Area) -> str:
        """Go from successor to successor up to the code in force."""
        seen = {area.code}
        while area.until_year is not None:
            following = self.areas.get(area.successor)
            if following is None or following.code in seen:
                raise MappingInvalid(self.system, f"code {area.code}", "retired, and no successor in force follows")
            area = following
            seen.add(area.code)
        return area.code

    def _index_names(self) -> dict[str, str]:
        """Find codes by name; a retired name counts only where it means one division."""
        codes = {name: code for code, name in self.names.items()}
        if len(codes) != len(self.names):
            twice = sorted(code for code, name in self.names.items() if codes[name] != code)
            raise MappingInvalid(self.system, f"code {twice[0]}", "another code in force has this name: qualify it")
        retired = sorted((a for a in self.areas.values() if a.until_year), key=lambda area: -(area.until_year or 0))
        means: dict[str, set[str]] = {}
        for area in retired:
            means.setdefault(area.name, set()).add(self._resolved[area.code])
        for area in retired:
            if len(means[area.name]) == 1:
                codes.setdefault(area.name, area.code)
        return codes


@cache
def load_divisions(edition: str) -> DivisionTable:
    """Read one edition.

    Args:
        edition: Its date, "2026-01-01".

    Raises:
        MappingInvalid: There is no such edition, or a line of it is wrong.
    """
    file = f"gb2260/{edition}.csv"
    source = resources.files("adapters.mapping") / "gb2260" / f"{edition}.csv"
    if not source.is_file():
        raise MappingInvalid(file, "file", "no such edition of the division table")
    lines = list(csv.reader(source.read_text(encoding="utf-8").splitlines()))
    if not lines or lines[0] != _HEADER:
        raise MappingInvalid(file, "line 1", f"the header must be {','.join(_HEADER)}")
    areas = [_area(file, number, line) for number, line in enumerate(lines[1:], 2)]
    if len({area.code for area in areas}) != len(areas):
        raise MappingInvalid(file, "file", "a code stands twice")
    return DivisionTable(edition, areas)


def _area(file: str, number: int, line: list[str]) -> Area:
    """Read one line."""
    try:
        code, name, first, until, successor, _note = line
        area = Area(code, name, int(first) if first else None, int(until) if until else None, successor)
    except ValueError as error:
        raise MappingInvalid(file, f"line {number}", "six cells, years as numbers") from error
    if not (code.isascii() and code.isdigit() and len(code) == _CODE_DIGITS and name):
        raise MappingInvalid(file, f"line {number}", "a code has six digits and a name")
    return area
