"""The kinds of column: one class for each ``type`` that a mapping file may say."""

from typing import Final

from adapters.mapping.cells.base import AnyCell, Cell, Context
from adapters.mapping.cells.codes import CodeCell, DivisionCell, DivisionNameCell
from adapters.mapping.cells.quantities import DateCell, FenCell, YuanCell
from adapters.mapping.cells.texts import (
    CitizenNumberCell,
    DigitsCell,
    NameCell,
    SerialCell,
    SocialCreditCodeCell,
    TextCell,
)

CELLS: Final[dict[str, type[AnyCell]]] = {
    "citizen_number": CitizenNumberCell,
    "code": CodeCell,
    "date": DateCell,
    "digits": DigitsCell,
    "division": DivisionCell,
    "division_name": DivisionNameCell,
    "fen": FenCell,
    "name": NameCell,
    "serial": SerialCell,
    "social_credit_code": SocialCreditCodeCell,
    "text": TextCell,
    "yuan2": YuanCell,
}
"""Classes by the ``type`` of a column in a mapping file."""

__all__ = ["CELLS", "AnyCell", "Cell", "Context"]
