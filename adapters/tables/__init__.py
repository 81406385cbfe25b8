"""Row sources and row sinks: where a city's rows come from and go to."""

from adapters.tables.csv_layout import REASON_COLUMNS, CsvLayout
from adapters.tables.csv_sink import CsvSink
from adapters.tables.csv_source import BadRow, CsvSource, Row, open_csv
from adapters.tables.errors import FileRefused, RowNotWritten
from adapters.tables.rejects import RejectsFile

__all__ = [
    "REASON_COLUMNS",
    "BadRow",
    "CsvLayout",
    "CsvSink",
    "CsvSource",
    "FileRefused",
    "RejectsFile",
    "Row",
    "RowNotWritten",
    "open_csv",
]
