"""What stops a table as a whole, a row on its way out, or a sink. Never holds what a cell says."""

from __future__ import annotations

from adapters.tables.reasons import REASONS


class SourceRefused(Exception):
    """A table as a whole is refused; whoever keeps it, or says where it is, changes something.

    Args:
        source: Its name; never with a password.
        rule_id: A key of ``REASONS``.
        row: Row as people count, the header is row 1; None where no row is meant.
        column: Name of the column; empty where none is meant.
        byte_offset: From the file's start; None where no byte is meant.
        facts: What the reason's text names.
    """

    def __init__(
        self,
        source: str,
        rule_id: str,
        *,
        row: int | None = None,
        column: str = "",
        byte_offset: int | None = None,
        **facts: object,
    ) -> None:
        super().__init__(source, rule_id)
        self.source = source
        self.rule_id = rule_id
        self.row = row
        self.column = column
        self.byte_offset = byte_offset
        self.reason = REASONS[rule_id].format(offset=byte_offset, **facts)

    def __str__(self) -> str:
        where = [self.source, f"row {self.row}" if self.row else "", f"column {self.column}" if self.column else ""]
        return f"{', '.join(filter(None, where))}: {self.reason} [{self.rule_id}]"


class FileRefused(SourceRefused):
    """A file as a whole is refused; nothing of it was taken."""

    @property
    def file(self) -> str:
        """The file's name."""
        return self.source


class SourceUnavailable(SourceRefused):
    """A database or an interface cannot be read now; nothing is wrong with what was asked."""


class RowNotWritten(Exception):
    """A row cannot be written to a file; the rows before it stand.

    Args:
        row: Row as people count, the header is row 1.
        column: Name of the column.
        rule_id: A key of ``REASONS``.
        facts: What the reason's text names.
    """

    def __init__(self, row: int, column: str, rule_id: str, **facts: object) -> None:
        super().__init__(row, column, rule_id)
        self.row = row
        self.column = column
        self.rule_id = rule_id
        self.reason = REASONS[rule_id].format(**facts)

    def __str__(self) -> str:
        return f"row {self.row}, column {self.column}: {self.reason} [{self.rule_id}]"


class SinkRefused(Exception):
    """The target cannot be used as it is; the message says why and what to do, and never holds a value or a password.

    Attributes:
        rule_id: Stable name of what is wrong.
    """

    def __init__(self, rule_id: str, message: str) -> None:
        super().__init__(message)
        self.rule_id = rule_id


class SinkUnavailable(Exception):
    """The target cannot be reached, or is in use: the same again succeeds later."""


class SinkMoved(Exception):
    """Another sink of the same name has written meanwhile: read the cursor again."""
