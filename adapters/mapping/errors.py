"""What goes wrong in a mapping: the file, a row of the dialect, or a record that the dialect cannot say.

None of these ever holds a value of the row: they are logged, stored and sent to the partner.
"""

from __future__ import annotations

from adapters.mapping.reasons import reason_text


class MappingInvalid(ValueError):
    """A mapping file, or a table beside it, is wrong; whoever wrote it mends it.

    Args:
        file: Name of the file, as a reader finds it: "local/social_contribution.toml".
        place: Where in it: "column AAE140", "line 4".
        problem: What is wrong, and what would be right.
    """

    def __init__(self, file: str, place: str, problem: str) -> None:
        super().__init__(file, place, problem)
        self.file = file
        self.place = place
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.file}: {self.place}: {self.problem}"


class CellRefused(Exception):
    """A cell or a value breaks a rule; who knows the column turns it into one of the two below.

    Args:
        rule_id: A key of ``adapters.mapping.reasons.REASONS``.
        facts: What the reason's text names: formats and code systems, never values.
    """

    def __init__(self, rule_id: str, **facts: object) -> None:
        super().__init__(rule_id)
        self.rule_id = rule_id
        self.reason = reason_text(rule_id, **facts)


class RowRejected(Exception):
    """A row, or one of the rows of a record, does not become a record; a clerk mends the row.

    Args:
        column: The dialect's column, "AAC002"; empty when the whole row is meant.
        field: The standard's field, "person_number" or "years.from_date"; empty when the whole row is meant.
        rule_id: Stable name of the rule, "citizen_number.check".
        reason: The rule in words, Chinese with English beside.
        row: Which of the record's rows it is, from 0.
    """

    def __init__(self, column: str, field: str, rule_id: str, reason: str, row: int = 0) -> None:
        super().__init__(column, field, rule_id, reason, row)
        self.column = column
        self.field = field
        self.rule_id = rule_id
        self.reason = reason
        self.row = row

    def in_row(self, row: int) -> RowRejected:
        """Return the same rejection of another of the record's rows."""
        return RowRejected(self.column, self.field, self.rule_id, self.reason, row)

    def __str__(self) -> str:
        return f"{self.column}: {self.reason} [{self.rule_id}]"


class NotExpressible(Exception):
    """The dialect has no way to say what a record says; nothing of the record is dropped silently instead.

    Args:
        field: The standard's field, "scheme" or "years[3].place".
        rule_id: Stable name of the rule, "code.unsaid".
        reason: The rule in words, Chinese with English beside.
    """

    def __init__(self, field: str, rule_id: str, reason: str) -> None:
        super().__init__(field, rule_id, reason)
        self.field = field
        self.rule_id = rule_id
        self.reason = reason

    def in_item(self, index: int) -> NotExpressible:
        """Return the same refusal of "years.place", of the item at an index: "years[3].place"."""
        items, _, name = self.field.partition(".")
        return NotExpressible(f"{items}[{index}].{name}", self.rule_id, self.reason)

    def __str__(self) -> str:
        return f"{self.field}: {self.reason} [{self.rule_id}]"
