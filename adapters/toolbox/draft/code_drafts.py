"""A first code table: the codes that a column of the sample holds, with what other dialects say they mean."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any, Final

from adapters.mapping import Mapping
from adapters.mapping.code_tables import UNCONFIRMED
from adapters.mapping.standard import FieldFacts
from adapters.tables import cell_text
from adapters.toolbox.code_columns import code_columns

HEADER: Final = "dialect,standard,label,note\n"
_CODES_MAX: Final = 64
_CHARACTERS_MAX: Final = 16
_PERSONAL: Final = re.compile(r"[0-9]{7}")
"""No code has so many digits in succession; numbers of people and telephones have."""


@dataclass(frozen=True, slots=True)
class CodeDraft:
    """A drafted table.

    Attributes:
        content: The CSV file.
        codes: Lines in it.
        open: Codes whose meaning is not known: a person fills in the standard's value.
        left_out: Distinct values that were not copied, since they may be something else than codes.
        has_alias: Two codes mean the same.
    """

    content: str
    codes: int
    open: int
    left_out: int
    has_alias: bool


def draft_codes(facts: FieldFacts, values: Sequence[Any], mappings: Iterable[Mapping]) -> CodeDraft:
    """Draft the table of a column.

    Only values that look like codes are copied, and, unless another dialect knows them, only such as occur twice: what
    occurs once may be a person's.

    Args:
        facts: The standard's field.
        values: Of the sample.
        mappings: Dialects to learn from.
    """
    known, counts = _known(facts, mappings), Counter(cell_text(value) for value in values)
    kept = [code for code, count in counts.items() if _is_code(code) and (code in known or count > 1)][:_CODES_MAX]
    lines, meant, opened = [], set[str](), 0
    for code in sorted(kept):
        standard, label = known.get(code, ("", ""))
        alias = standard in meant
        opened += not standard
        lines.append((code, standard, label or code, f"alias {UNCONFIRMED}" if alias else UNCONFIRMED))
        meant |= {standard} - {""}
    return CodeDraft(
        _written(lines), len(lines), opened, len(counts) - len(kept), any("alias" in one[3] for one in lines)
    )


def _is_code(text: str) -> bool:
    return 0 < len(text) <= _CHARACTERS_MAX and text == text.strip() and not _PERSONAL.search(text)


def _known(facts: FieldFacts, mappings: Iterable[Mapping]) -> dict[str, tuple[str, str]]:
    """Learn what codes and labels mean; what two dialects mean differently is not known."""
    names = {number: name for name, number in facts.enum_values.items()}
    found: dict[str, set[tuple[str, str]]] = {}
    for mapping in mappings:
        for column, cell in code_columns(mapping):
            if column.facts.name != facts.name or column.facts.kind != facts.kind:
                continue
            for code, value in cell.table.values.items():
                label = cell.table.labels[code]
                said = names.get(value, "") if facts.kind == "enum" and isinstance(value, int) else str(value).lower()
                for word in {code, label}:
                    found.setdefault(word, set()).add((said if facts.kind != "string" else str(value), label))
    return {word: min(said) for word, said in found.items() if len({standard for standard, _ in said}) == 1}


def _written(lines: Iterable[Sequence[str]]) -> str:
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return HEADER + text.getvalue()
