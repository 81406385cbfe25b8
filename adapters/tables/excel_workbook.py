"""What a workbook says of itself: its sheets, how dates look, from when days count."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from adapters.tables.excel_package import Damaged, Package, joined
from adapters.tables.excel_xml import Attributes, Elements

_WORKSHEET, _STYLES, _TEXTS, _WORKBOOK = "/worksheet", "/styles", "/sharedStrings", "/officeDocument"

# ECMA-376 part 1, 18.8.30: formats of dates and times that every workbook has, with those of Chinese, Japanese, Korean.
_DATE_FORMATS: Final = frozenset((*range(14, 23), *range(27, 37), 45, 46, 47, *range(50, 59)))
# What in a format is not its letters: quoted and escaped text, fillers, colours and languages in brackets.
_LITERAL: Final = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')
_DATE_LETTER: Final = re.compile("[ymdhs]", re.IGNORECASE)


@dataclass(slots=True)
class Workbook:
    """What reading a sheet needs to know.

    Attributes:
        sheet: Path of the sheet's part.
        texts: Path of the part with shared texts; None where there is none.
        date_styles: Styles that show a number as a date, as cells name them.
        since_1904: Days count from 1904, as on old Macintoshes.
        recalculated: Formulas are to be calculated when it is opened: what stands beside them is no result.
    """

    sheet: str = ""
    texts: str | None = None
    date_styles: Collection[str] = frozenset()
    since_1904: bool = False
    recalculated: bool = False


def read_workbook(package: Package, sheet: str) -> Workbook | None:
    """Read what a workbook says of itself.

    Args:
        package: The workbook.
        sheet: Name of the sheet; empty for the first one that is not hidden.

    Returns:
        None where there is no such sheet.

    Raises:
        Damaged: The workbook is.
        TooLarge: A part is over its limit.
    """
    start = next((target for kind, target in _relations(package, "").values() if kind.endswith(_WORKBOOK)), None)
    if start is None:
        raise Damaged
    relations = _relations(package, start)
    parts = {kind.rpartition("/")[2]: target for kind, target in relations.values()}
    reading = _WorkbookPart(package, start)
    found = reading.sheet_relation(sheet, {key for key, (kind, _) in relations.items() if kind.endswith(_WORKSHEET)})
    if found is None:
        return None
    workbook = reading.workbook
    workbook.sheet = relations[found][1]
    workbook.texts = parts.get("sharedStrings")
    if "styles" in parts:
        workbook.date_styles = _Styles(package, parts["styles"]).dates()
    return workbook


def _relations(package: Package, part: str) -> dict[str, tuple[str, str]]:
    """Read the relations of a part: id → (type, path of the target)."""
    folder, _, file = part.rpartition("/")
    path = f"{folder}/_rels/{file}.rels" if folder else f"_rels/{file}.rels"
    relations: dict[str, tuple[str, str]] = {}

    def relation(attributes: Attributes) -> None:
        if attributes.get("TargetMode") != "External":
            target = joined(part, attributes.get("Target", ""))
            relations[attributes.get("Id", "")] = (attributes.get("Type", ""), target)

    with package.opened(path, package.limits.small_part_bytes) as stream:
        Elements({"Relationship": relation}).read(stream)
    return relations


@dataclass
class _WorkbookPart:
    """The part that lists the sheets."""

    package: Package
    part: str
    workbook: Workbook = field(default_factory=Workbook)

    def __post_init__(self) -> None:
        self._sheets: list[Attributes] = []
        starts = {"sheet": self._sheets.append, "workbookPr": self._properties, "calcPr": self._calculation}
        with self.package.opened(self.part, self.package.limits.small_part_bytes) as stream:
            Elements(starts).read(stream)

    def sheet_relation(self, name: str, worksheets: Collection[str]) -> str | None:
        """Return the relation of a sheet, or of the first that is shown."""
        for sheet in self._sheets:
            relation = next((value for key, value in sheet.items() if key.rpartition(":")[2] == "id"), "")
            shown = sheet.get("state", "visible") == "visible"
            if relation in worksheets and (sheet.get("name") == name if name else shown):
                return relation
        return None

    def _properties(self, attributes: Attributes) -> None:
        self.workbook.since_1904 = _true(attributes.get("date1904"))

    def _calculation(self, attributes: Attributes) -> None:
        self.workbook.recalculated = _true(attributes.get("fullCalcOnLoad"))


class _Styles:
    """The part that says how cells look."""

    def __init__(self, package: Package, part: str) -> None:
        self._date_formats = set(map(str, _DATE_FORMATS))
        self._formats: list[str] = []
        self._in_cells = False
        starts = {"numFmt": self._format, "cellXfs": self._start_cells, "xf": self._style}
        with package.opened(part, package.limits.small_part_bytes) as stream:
            Elements(starts, {"cellXfs": self._end_cells}).read(stream)

    def dates(self) -> frozenset[str]:
        """Return the styles of dates, as cells name them."""
        return frozenset(str(number) for number, name in enumerate(self._formats) if name in self._date_formats)

    def _format(self, attributes: Attributes) -> None:
        name = attributes.get("numFmtId", "")
        first = _LITERAL.sub("", attributes.get("formatCode", "")).partition(";")[0]
        if _DATE_LETTER.search(first):
            self._date_formats.add(name)
        else:
            self._date_formats.discard(name)

    def _style(self, attributes: Attributes) -> None:
        if self._in_cells:
            self._formats.append(attributes.get("numFmtId", "0"))

    def _start_cells(self, _: Attributes) -> None:
        self._in_cells = True

    def _end_cells(self) -> None:
        self._in_cells = False


def _true(value: str | None) -> bool:
    return value in ("1", "true")
