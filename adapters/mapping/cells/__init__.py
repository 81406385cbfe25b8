"""The kinds of column: one class for each ``type`` that a mapping file may say."""

from typing import Final

from adapters.mapping.cells.base import AnyCell, Cell, Context
from adapters.mapping.cells.codes import CodeCell, DivisionCell, DivisionNameCell
from adapters.mapping.cells.converted import ConvertedCell
from adapters.mapping.cells.dates import DateCell
from adapters.mapping.cells.identities import CitizenNumberCell, SocialCreditCodeCell
from adapters.mapping.cells.quantities import CountCell, DecimalCell, FenCell, PercentCell, YuanCell
from adapters.mapping.cells.texts import DigitsCell, NameCell, SerialCell, TextCell
from adapters.mapping.cells.times import TimeCell

CELLS: Final[dict[str, type[AnyCell]]] = {
    "citizen_number": CitizenNumberCell,
    "code": CodeCell,
    "converted": ConvertedCell,
    "count": CountCell,
    "date": DateCell,
    "decimal": DecimalCell,
    "digits": DigitsCell,
    "division": DivisionCell,
    "division_name": DivisionNameCell,
    "fen": FenCell,
    "name": NameCell,
    "percent": PercentCell,
    "serial": SerialCell,
    "social_credit_code": SocialCreditCodeCell,
    "text": TextCell,
    "time": TimeCell,
    "yuan2": YuanCell,
}
"""Classes by the ``type`` of a column that carries a field."""

__all__ = ["CELLS", "AnyCell", "Cell", "Context", "ConvertedCell"]
