"""Writes workbooks for tests, part by part, so that any of them can be wrong."""

from __future__ import annotations

from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
HEADER = '<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c><c r="B1" t="inlineStr"><is><t>b</t></is></c></row>'


def parts(
    rows: str = "", *, behind: str = "", texts: str = "", formats: str = "", styles: str = "", workbook: str = ""
) -> dict[str, str]:
    """The parts of a workbook with the columns a and b.

    Args:
        rows: XML of the rows behind the header.
        behind: XML behind the rows.
        texts: XML of the shared texts.
        formats: XML of the number formats.
        styles: XML of the cells' styles.
        workbook: XML before the list of sheets.
    """
    types = ("worksheet", "sheet1.xml"), ("styles", "styles.xml"), ("sharedStrings", "sharedStrings.xml")
    relations = "".join(
        f'<Relationship Id="rId{number}" Type="{_OFFICE}/{kind}" Target="{file}"/>'
        for number, (kind, file) in enumerate(types, 1)
    )
    sheet = f"<sheetData>{HEADER}{rows}</sheetData>{behind}"
    return {
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="rId1" Type="{_OFFICE}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}">{relations}</Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">{workbook}<sheets>'
        '<sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/sheet1.xml": f'<?xml version="1.0" encoding="UTF-8"?><worksheet xmlns="{_MAIN}">{sheet}</worksheet>',
        "xl/sharedStrings.xml": f'<sst xmlns="{_MAIN}">{texts}</sst>',
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><numFmts>{formats}</numFmts>'
        f'<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/>{styles}</cellXfs></styleSheet>',
    }


def zipped(files: dict[str, str] | dict[str, bytes]) -> bytes:
    """A zip of parts."""
    whole = BytesIO()
    with ZipFile(whole, "w", ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return whole.getvalue()
