"""One mapping, as others see it: a dataset between one dialect and the regional standard, in both directions."""

from __future__ import annotations

import collections.abc
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from google.protobuf.message import Message

from adapters.mapping.compiler import compile_plan
from adapters.mapping.declaration import Declaration, FileFormat
from adapters.mapping.errors import NotExpressible, RowRejected
from adapters.mapping.groups import Group, GroupReader, R, gather
from adapters.mapping.plan import Plan, Standardised
from adapters.mapping.reasons import reason_text
from adapters.mapping.standard import Standard
from adapters.mapping.subjects import subject_reader
from adapters.mapping.typed import Value
from adapters.mapping.typed_rows import TypedRows
from services.domain.consistency import Agreement

__all__ = ["Mapping", "Standardised"]

Columns = collections.abc.Mapping[str, Sequence[Any]]


class Mapping:
    """One dataset between one dialect and the regional standard.

    Most datasets are flat: each row is a record (``to_standard``, ``from_standard``). Where several consecutive rows
    are one record, a form and a line for each of its items, ``grouped`` is true; ``gather``, ``to_standard_rows`` and
    ``from_standard_rows`` treat both alike.

    Attributes:
        declaration: The mapping file.
        standard: The regional standard.
        dialect: "local".
        dataset: "social.contribution".
        columns: The dialect's columns, in the order of the file.
        file: How the dialect's CSV files are written.
        version: "1-5f3a09bc": the owner's version, and a digest over the file and its tables, for the lineage.
        plan: What the file comes down to: its columns, bound to the standard's fields.
        grouped: Several consecutive rows may be one record.
        group_rows_max: Most rows of one record.

    Args:
        declaration: The mapping file, read and checked.
        plan: What it comes down to.
        digest: Digest over the file and its tables, hex.
    """

    def __init__(self, declaration: Declaration, plan: Plan, digest: str) -> None:
        self.declaration: Final = declaration
        self.plan: Final = plan
        self.standard: Final[Standard] = plan.standard
        self.dialect: Final = declaration.dialect
        self.dataset: Final = declaration.dataset
        self.columns: Final = tuple(column.name for column in declaration.columns)
        self.file: Final[FileFormat] = declaration.file
        self.version: Final = f"{declaration.version}-{digest[:8]}"
        self.grouped: Final = bool(plan.lists)
        self._compiled = compile_plan(plan)
        self._typed = TypedRows(plan, self.columns)
        self._group = GroupReader(plan, self._compiled) if plan.lists else None
        self.group_rows_max: Final = self._group.rows_max if self._group else 1

    @property
    def group_columns(self) -> tuple[str, ...]:
        """Columns that say which rows are one record; none where each row is one."""
        return self.declaration.group.key if self.declaration.group else ()

    @property
    def message_type(self) -> type[Message]:
        """The standard's message class."""
        return self.standard.message_type

    def to_standard(self, row: Sequence[str]) -> Standardised:
        """Turn a row of the dialect into a record of the standard.

        Everything that the standard asks of a carried field is checked: what passes here passes the gate.

        Args:
            row: Cells in the order of ``columns``, decoded. Of a grouped dataset: the only row of a record.

        Raises:
            RowRejected: A cell or a sum breaks a rule.
        """
        return self._agreeing(self._group.read([row]) if self._group else self._compiled.read_record(row))

    def from_standard(self, message: Any) -> list[str]:  # noqa: ANN401 - the dataset's message
        """Turn a record of a flat dataset into a row of the dialect.

        Args:
            message: The standard's message; it passed the gate.

        Returns:
            Cells in the order of ``columns``. Reading them back gives every carried field as it is, but for what a
            lossy converter leaves out; fields in ``declaration.not_carried`` are left out.

        Raises:
            NotExpressible: The dialect has no way to say it.
            ValueError: The dataset is grouped (our caller is wrong): its records are ``from_standard_rows``.
        """
        if self._group:
            raise ValueError(f"a record of {self.dataset} may take several rows: from_standard_rows")
        return self._compiled.write_row(message)

    def to_standard_rows(self, rows: Sequence[Sequence[str]]) -> Standardised:
        """Turn the rows of one record into the standard.

        Args:
            rows: One row of a flat dataset; of a grouped one, consecutive rows of one key.

        Raises:
            RowRejected: A cell or a sum breaks a rule; ``row`` says in which of the rows.
            ValueError: There is no row, or there are several of a flat dataset (our caller is wrong).
        """
        if not rows or (len(rows) > 1 and not self._group):
            raise ValueError(f"{len(rows)} rows are no record of {self.dataset}")
        return self._agreeing(self._group.read(rows) if self._group else self._compiled.read_record(rows[0]))

    def _agreeing(self, read: Standardised) -> Standardised:
        """Hand a record through whose totals over items add up and whose decided fields are what they must be.

        Raises:
            RowRejected: One is not.
        """
        for one in self.standard.agreements:
            if not one.holds(read.message):
                raise self._disagreement(one)
        return read

    def _disagreement(self, broken: Agreement) -> RowRejected:
        """Make the refusal of a record; the reason names columns, never their values."""
        column, others = self.column_of(broken.field), [self.column_of(path) for path in broken.others]
        names = {"total": column, "parts": " + ".join(others), "field": column, "others": ", ".join(others)}
        return RowRejected(column, broken.field, broken.rule_id, reason_text(broken.rule_id, **names))

    def from_standard_rows(self, message: Any) -> list[list[str]]:  # noqa: ANN401 - the dataset's message
        """Turn a record of the standard into its rows; see ``from_standard``.

        Raises:
            NotExpressible: The dialect has no way to say it.
        """
        return self._compiled.write_rows(message)

    def group_key(self, row: Sequence[str]) -> tuple[str, ...] | None:
        """Return what says which rows are one record, or None where each row is one.

        Args:
            row: Cells in the order of ``columns``.
        """
        return self._group.key(row) if self._group else None

    def subject_reader(self, fields: Sequence[str]) -> Callable[[Sequence[str]], Message]:
        """Return a function from a row to a message with a few fields alone, whatever its other cells say.

        It tells whose row it is that was refused: with the fields of the business key.

        Args:
            fields: The standard's fields, of the record itself. The function raises ``RowRejected`` for their cells.
        """
        return subject_reader(self.plan, fields)

    def gather(self, rows: Iterable[R], unreadable: Callable[[R], bool]) -> Iterator[Group[R]]:
        """Put the rows of a source together that are one record, without ever keeping more than one record.

        A row that cannot be read may be any record's: the records on both sides of it are not complete for certain, so
        both groups have a problem. A record of too many rows comes in pieces, each with a problem.

        Args:
            rows: Rows of any source in its order, each with ``cells``.
            unreadable: Says of a row that its cells are not to be trusted. Of a flat dataset it is never asked.
        """
        if self._group is None:
            return (Group([row], None) for row in rows)
        return gather(rows, self._group.key, self.group_rows_max, unreadable)

    def texts(self, values: Sequence[Value], notes: list[str] | None = None) -> list[str]:
        """Turn a row of typed values, of a database, a spreadsheet or JSON, into the dialect's texts.

        Texts stay as they are, and None is the empty cell. A value is said exactly or not at all.

        Args:
            values: In the order of ``columns``.
            notes: Takes the names of the normalisations that were applied, for the row's lineage.

        Returns:
            Cells for ``to_standard``.

        Raises:
            RowRejected: No text of a column says exactly its value, or there are more or fewer values than columns.
        """
        return self._typed.texts(values, [] if notes is None else notes)

    def said(self, values: Sequence[Value]) -> list[str | None] | None:
        """Return what can be said of a row that ``texts`` refuses, or None where not even its record is known by it.

        Args:
            values: As of ``texts``.

        Returns:
            Texts; None for a value that no text says exactly.
        """
        if len(values) != len(self.columns):
            return None
        said = self._typed.said(values)
        return None if any(said[place] is None for place in self.plan.key) else said

    def values(self, texts: Sequence[str]) -> list[Value]:
        """Turn a row that ``from_standard`` returned into typed values, for a target whose columns have types.

        Yuan are Decimals, fen and counts ints, rates Decimals, days dates, instants datetimes in local time without a
        zone; the empty cell is None. Everything else stays a text: codes, numbers that are names, and months, which
        no date type can say.

        Args:
            texts: In the order of ``columns``.
        """
        return self._typed.values(texts)

    def column_of(self, path: str) -> str:
        """Return the column that carries a field, "" where none does.

        Args:
            path: As rejections have it: "scheme", "division.code", "years[3].from_date".
        """
        bare = ".".join(part.partition("[")[0] for part in path.split("."))
        carrying = (
            one.name for one in self.plan.columns if bare == one.facts.path or bare.startswith(f"{one.facts.path}.")
        )
        return next(carrying, "")

    def places_of(self, paths: Sequence[str]) -> tuple[int, ...]:
        """Return the places of the columns that carry some fields, in the order of the row.

        Args:
            paths: The standard's fields; one that no column carries is left out.
        """
        return tuple(sorted({place for one in self.plan.columns if one.facts.path in paths for place in one.places}))

    def unexpressible(self, message: Any) -> NotExpressible | None:  # noqa: ANN401 - the dataset's message
        """Say what ``from_standard_rows`` would refuse, or nothing; about a third of its cost.

        A receiving node asks this at its gate, so that what it accepts can be written to the city's own tables.

        Args:
            message: The standard's message; it passed the gate.
        """
        return self._compiled.unexpressible(message)

    def all_expressible(self, columns: Columns) -> bool:
        """Say of many messages whether ``unexpressible`` surely finds nothing; where in doubt, no.

        Args:
            columns: By field, the values of all messages; they passed the gate.
        """
        return self._compiled.all_expressible(columns)
