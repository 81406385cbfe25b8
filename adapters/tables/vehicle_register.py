"""Whose a terminal is: a city's register of vehicles, a table of three columns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from adapters.frames.rows import Vehicle
from adapters.tables.errors import FileRefused
from adapters.tables.layout import TableLayout
from adapters.tables.rows import Row, cell_text
from adapters.tables.sources import open_table

REGISTER_COLUMNS: Final = ("simNo", "vehicleNo", "plateColorCode")
"""Terminal, plate and colour by JT/T 415, named as in the local dialect's positions."""


def read_vehicles(path: Path, layout: TableLayout) -> dict[str, Vehicle]:
    """Read a register.

    Args:
        path: A file of any kind that has a header.
        layout: The dialect's; its columns do not matter.

    Returns:
        Vehicles by the number of their terminal.

    Raises:
        FileRefused: The file as a whole is refused, or a row of it is none, or names a terminal once more.
    """
    vehicles: dict[str, Vehicle] = {}
    with open_table(path, replace(layout, columns=REGISTER_COLUMNS)) as source:
        for row in source:
            cells = [cell_text(cell).strip() for cell in row.cells] if isinstance(row, Row) else []
            terminal, plate, colour = cells or ("", "", "")
            if not (terminal and plate and colour.isdecimal()) or terminal in vehicles:
                raise FileRefused(path.name, "file.register", row=row.number)
            vehicles[terminal] = Vehicle(plate, int(colour))
    return vehicles
