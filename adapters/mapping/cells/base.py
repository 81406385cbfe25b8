"""What a kind of column must know: to read a cell, to write a value, and how to do both fast."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Any, ClassVar, Generic, TypeVar

from adapters.mapping.declared_columns import Column
from adapters.mapping.divisions import DivisionTable
from adapters.mapping.standard import FieldFacts
from adapters.mapping.typed import Value, whole_text

V = TypeVar("V")
D = TypeVar("D", bound=Column)


@dataclass(frozen=True, slots=True)
class Context:
    """What the cells of one mapping share.

    Attributes:
        folder: The dialect's folder, where its code tables lie.
        missing: Words that say "nothing is given", in all columns or in this one.
        divisions: The edition of the division table that the mapping names.
    """

    folder: Traversable
    missing: frozenset[str]
    divisions: DivisionTable


class Cell(ABC, Generic[V, D]):
    """One kind of column, bound to one column of one mapping.

    ``read`` and ``write`` are complete. ``fast_read``, ``fast_write`` and, where ``write`` may refuse, ``fast_check``
    are Python expressions for the usual case, which call them for the rest. The compiler fills in ``{c}`` (the cell),
    ``{v}`` (the message's field), ``{read}`` and ``{write}`` (the complete ways), ``{need}`` (the value of the field
    in ``needs``) and the names in ``helpers``. ``x`` is theirs to use.

    Args:
        declaration: The column.
        facts: The standard's field that it carries.
        context: What the mapping's cells share.
    """

    kinds: ClassVar[frozenset[str]]
    """Kinds of field that it can carry, as in ``FieldFacts.kind``."""
    subfields: ClassVar[tuple[str, ...]] = ()
    """Of a message's fields, those that it carries."""
    remembers: bool = False
    """Few distinct cells, and the complete ways are slow: what was read without a note, or written, is kept."""
    normalisations: frozenset[str] = frozenset()
    """What its ``read`` and ``say`` may note."""
    lossy: str = ""
    """What ``write`` leaves out, in words; empty where it leaves out nothing."""
    guards: ClassVar[bool] = False
    """Its fast expressions never take a value for a text that means "nothing is given"."""
    needs: str = ""
    """Another field whose value both directions need."""
    fast_read: str = "{read}({c}, notes)"
    fast_write: str = "{v}"
    fast_check: str = ""

    def __init__(self, declaration: D, facts: FieldFacts, context: Context) -> None:
        self.declaration = declaration
        self.facts = facts
        self.context = context

    def problem(self) -> str:
        """Say why the column cannot carry its field, or nothing."""
        return ""

    def helpers(self) -> dict[str, object]:
        """Name what the fast expressions use."""
        return {}

    @abstractmethod
    def read(self, text: str, notes: list[str], need: str) -> V:
        """Turn a cell into a value.

        Args:
            text: The cell, without blanks around it, no missing word.
            notes: Takes the names of the normalisations that were applied.
            need: Value of the field in ``needs``.

        Raises:
            CellRefused: The cell breaks a rule.
        """

    @abstractmethod
    def write(self, value: V, need: str) -> str:
        """Turn a value into a cell; the column checks that it reads back as the same.

        Raises:
            CellRefused: The column has no text for the value.
        """

    def same(self, value: V, back: V) -> bool:
        """Say whether a value that was read back is the one that was written."""
        return value == back

    def say(self, value: Value, notes: list[str]) -> str:
        """Turn a typed value, other than a text or nothing, into the cell's text; by default a whole number.

        Args:
            value: From a database, a spreadsheet or JSON.
            notes: Takes the names of the normalisations that were applied.

        Raises:
            CellRefused: No text of this column says exactly this value.
        """
        return whole_text(value)

    def value(self, text: str) -> Value:
        """Turn a cell that ``write`` returned into a typed value; by default the text itself."""
        return text


AnyCell = Cell[Any, Any]
