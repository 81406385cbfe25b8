"""Row sources and row sinks: where a city's rows come from and go to."""

from adapters.tables.csv_sink import CsvSink
from adapters.tables.csv_source import CsvSource, open_csv
from adapters.tables.errors import (
    FileRefused,
    RowNotWritten,
    SinkMoved,
    SinkRefused,
    SinkUnavailable,
    SourceRefused,
    SourceUnavailable,
)
from adapters.tables.json_interface import PagedInterface
from adapters.tables.layout import REASON_COLUMNS, REFERENCE_COLUMN, CsvLayout, TableLayout
from adapters.tables.rejects import RejectedCells, RejectsFile
from adapters.tables.rows import BadRow, Cell, Progress, Row, cell_text
from adapters.tables.sinks import RejectsSink, RowSink, open_rejects, open_sink, rejects_suffix
from adapters.tables.sources import (
    FileSource,
    IncrementalSource,
    TableSource,
    open_pages,
    open_query,
    open_table,
    query_name,
)
from adapters.tables.sql_cursor import Incremental, Serial, UpdateTime
from adapters.tables.watched_folder import WatchedFile, WatchedFolder

__all__ = [
    "REASON_COLUMNS",
    "REFERENCE_COLUMN",
    "BadRow",
    "Cell",
    "CsvLayout",
    "CsvSink",
    "CsvSource",
    "FileRefused",
    "FileSource",
    "Incremental",
    "IncrementalSource",
    "PagedInterface",
    "Progress",
    "RejectedCells",
    "RejectsFile",
    "RejectsSink",
    "Row",
    "RowNotWritten",
    "RowSink",
    "Serial",
    "SinkMoved",
    "SinkRefused",
    "SinkUnavailable",
    "SourceRefused",
    "SourceUnavailable",
    "TableLayout",
    "TableSource",
    "UpdateTime",
    "WatchedFile",
    "WatchedFolder",
    "cell_text",
    "open_csv",
    "open_pages",
    "open_query",
    "open_rejects",
    "open_sink",
    "open_table",
    "query_name",
    "rejects_suffix",
]
