"""The draft as a whole: columns recognised, types guessed, everything that a person must look at marked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.mapping.cells import CELLS
from adapters.mapping.column import NORMALISATIONS
from adapters.mapping.loading import file_name
from adapters.mapping.standard import FieldFacts, Standard, find_standard
from adapters.toolbox.draft.code_drafts import CodeDraft, draft_codes
from adapters.toolbox.draft.guesses import DIVISIONS, guess_type
from adapters.toolbox.draft.knowledge import Knowledge
from adapters.toolbox.draft.sample import MISSING_WORDS, Sample, SampleColumn, read_sample
from adapters.toolbox.draft.toml_text import Said, array, comment, entries, section
from adapters.toolbox.lint import TO_BE_CONFIRMED

_STANDARD_VERSION = "1"
_NOT_SEEN = "样本中没有这一列 / the sample has no such column"
_QUANTITIES = {"int32", "int64", "enum", "bool"}
"""Kinds of field where zero means zero, or is a code."""
_SILENT = {"source_code", "as_of"}
"""What follows from the division table and never has a column of its own."""


@dataclass(slots=True)
class Draft:
    """A drafted mapping file and its code tables.

    Attributes:
        file: Name of the mapping file.
        text: Its content.
        tables: Code tables by name.
        rows: Rows of the sample that were looked at.
        recognised: Columns that were recognised.
        unknown: Columns that were not; they are drafted as not travelling.
        lacking: Fields that the standard requires and no column was found for.
        open_codes: Codes whose meaning a person must fill in.
    """

    file: str
    text: str = ""
    tables: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    recognised: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)
    open_codes: int = 0

    def as_json(self) -> dict[str, object]:
        """Return what programs want to know of it, without its texts."""
        names = ("rows", "recognised", "unknown", "lacking", "open_codes")
        return {name: getattr(self, name) for name in names}


def draft_mapping(sample_file: Path, dialect: str, dataset: str, is_taken: Callable[[str], bool]) -> Draft:
    """Draft a mapping file from a sample of the dialect's own files.

    No value of the sample stands in the draft but codes of code columns and words for nothing.

    Args:
        sample_file: .csv, .xlsx or .dbf.
        dialect: Name of the new dialect.
        dataset: A dataset that has a regional standard.
        is_taken: Says whether a code table of that name is there and holds codes already; another name is then chosen.

    Raises:
        FileRefused: The sample cannot be read as a whole.
        LookupError: There is no such dataset.
    """
    standard = find_standard(dataset, _STANDARD_VERSION)
    return _Drafting(read_sample(sample_file), standard, dialect, is_taken).draft()


class _Drafting:
    """One draft in the making."""

    def __init__(self, sample: Sample, standard: Standard, dialect: str, is_taken: Callable[[str], bool]) -> None:
        self._sample, self._standard, self._dialect, self._is_taken = sample, standard, dialect, is_taken
        self._missing = frozenset(sample.missing)
        self._knowledge = Knowledge(standard)
        self._known = self._knowledge.recognise(column.name for column in sample.columns)
        self._columns = {known.field: name for name, known in self._known.items()}
        self._normalisations = set(NORMALISATIONS)
        self._carried: set[str] = set()
        self._draft = Draft(file_name(standard.dataset), rows=sample.rows)

    def draft(self) -> Draft:
        """Write it; columns first, since they say what else must stand in the file."""
        columns = [line for column in self._sample.columns for line in self._column(column)]
        draft = self._draft
        draft.recognised = list(self._known)
        names = [column.name for column in self._sample.columns if column.name not in self._known]
        draft.unknown = [name for name in names if name.casefold() not in self._knowledge.silent]
        draft.lacking = [path for path in self._required() if path not in self._columns]
        parts = [self._head(), self._file(), self._group(), self._missing_words(), self._reasons(), self._not_carried()]
        draft.text = "\n".join([*(line for part in parts for line in part), *columns, *self._sums()])
        return draft

    def _head(self) -> list[str]:
        said = {"dialect": self._dialect, "dataset": self._standard.dataset, "standard": _STANDARD_VERSION}
        lacking = [
            comment(
                f"unconfirmed: 标准必填，样本中没有找到对应的列 / the standard requires {path}, no column was found"
            )
            for path in self._draft.lacking
        ]
        return [
            comment(f"{self._dialect} 方言：{self._standard.dataset}，根据样本起草 / drafted from a sample"),
            comment(
                f"{self._sample.file}: {self._sample.rows} 行 / rows; {self._sample.bad_rows} 行无法读取 / unreadable"
            ),
            comment('"# unconfirmed" 处须由业务方确认 / marks what the owner of the domain has to confirm'),
            *lacking,
            "",
            *entries(said | {"version": 1, "divisions": DIVISIONS}),
            "",
        ]

    def _file(self) -> list[str]:
        layout = self._sample.layout
        return section(
            "file", {"encoding": layout.encoding, "delimiter": layout.delimiter, "line_end": layout.line_end}
        )

    def _group(self) -> list[str]:
        lists = list(dict.fromkeys(path.partition(".")[0] for path in self._columns if "." in path))
        if not lists:
            return []
        key = [self._columns[name] for name in self._standard.key if name in self._columns]
        items = array(lists) if len(lists) > 1 else f'"{lists[0]}"'
        return ["[group]", f"items = {items}", f"key = {array(key)}", ""]

    def _missing_words(self) -> list[str]:
        return section("missing", {word: MISSING_WORDS[word] for word in self._sample.missing})

    def _reasons(self) -> list[str]:
        """Reasons that other dialects give for the same normalisations."""
        given = {
            name: reason
            for mapping in reversed(self._knowledge.mappings)
            for name, reason in mapping.declaration.normalisations.items()
        }
        return section(
            "normalisations", {name: given.get(name, TO_BE_CONFIRMED) for name in sorted(self._normalisations)}
        )

    def _not_carried(self) -> list[str]:
        left_out: dict[str, str] = {}
        for facts in self._standard.fields.values():
            leaves = list(facts.leaves())
            absent = [leaf for leaf in leaves if leaf not in self._carried]
            if len(absent) == len(leaves) and not facts.required:
                left_out[facts.path] = _NOT_SEEN
            elif not facts.required or len(absent) < len(leaves):
                left_out |= {leaf: _NOT_SEEN for leaf in absent if self._may_lack(leaf, absent)}
        marked = [comment("unconfirmed: 样本之外的表可能有这些列 / other tables of the city may have them"), ""]
        return [*section("not_carried", left_out)[:-1], *marked] if left_out else []

    def _may_lack(self, leaf: str, absent: list[str]) -> bool:
        """A required field that no column carries stays an error, until somebody finds its column."""
        whole = leaf.rpartition(".")[0] if leaf.rpartition(".")[2] in (*_SILENT, "code") else leaf
        facts = self._standard.find(whole)
        return facts is None or not facts.required or f"{whole}.code" not in absent

    def _required(self) -> list[str]:
        items = {path.partition(".")[0] for path in self._columns if "." in path}
        found = []
        for facts in self._standard.fields.values():
            inner = facts.items.values() if facts.name in items else () if facts.repeated else (facts,)
            found += [one.path for one in inner if one.required]
        return found

    def _sums(self) -> list[str]:
        lines: list[str] = []
        for total, parts in self._standard.sums:
            if {total, *parts} <= self._columns.keys():
                names = [self._columns[part] for part in parts]
                lines += ["[[sum]]", f'total = "{self._columns[total]}"', f"parts = {array(names)}", ""]
        return lines

    def _column(self, column: SampleColumn) -> list[str]:
        known = self._known.get(column.name)
        facts = self._standard.find(known.field) if known else None
        if known is None or facts is None:
            return self._silent(column.name)
        said = {
            "name": column.name,
            "label": known.label if column.name.isascii() else column.name,
            "field": facts.path,
        }
        declared, doubts = self._typed(column, facts)
        doubts = [known.why, *doubts]
        marks = [comment(f"unconfirmed: {doubt}") for doubt in doubts if doubt]
        return ["[[column]]", *entries(said | declared), *marks, ""]

    def _silent(self, name: str) -> list[str]:
        """A column that carries nothing: as in another dialect that has it, or because nobody knows it."""
        known = self._knowledge.silent.get(name.casefold())
        if known is not None:
            said = known.model_dump(include={"label", "type", "value", "reason"})
            doubt = "同名列在另一方言中如此 / so it is in another dialect that has it"
        else:
            said = {"label": name, "type": "unused", "reason": TO_BE_CONFIRMED}
            doubt = "未能识别 / not recognised"
        return ["[[column]]", *entries({"name": name} | said), comment(f"unconfirmed: {doubt}"), ""]

    def _typed(self, column: SampleColumn, facts: FieldFacts) -> tuple[dict[str, Said], list[str]]:
        """Say the type of a recognised column, and what is doubtful about it."""
        zeros = {} if facts.kind in _QUANTITIES else _zeros(column.values)
        given = [value for value in column.values if str(value) not in zeros]
        guess = None if self._is_coded(facts) else guess_type(facts, given, self._missing)
        if guess is None:
            return self._coded(column, facts)
        self._normalisations |= guess.normalisations
        self._carry(facts, str(guess.declared["type"]))
        doubts = [] if given else ["样本中该列为空 / empty in the sample"]
        if guess.fits < len(given):
            unfit = len(given) - guess.fits
            doubts.append(f"{len(given)} 个值中有 {unfit} 个不符 / {unfit} values do not fit")
        if zeros:
            doubts.append("全零视为未填 / zeros alone are taken for nothing")
        if facts.name.endswith("_fen"):
            doubts.append("单位是元还是分 / yuan or fen")
        return guess.declared | ({"missing": zeros} if zeros else {}), doubts

    def _is_coded(self, facts: FieldFacts) -> bool:
        """Texts that some dialect writes as codes are codes here as well."""
        declared = [column for mapping in self._knowledge.mappings for column in mapping.declaration.columns]
        return facts.kind == "string" and any(one.field == facts.path and one.type == "code" for one in declared)

    def _coded(self, column: SampleColumn, facts: FieldFacts) -> tuple[dict[str, Said], list[str]]:
        made = draft_codes(facts, column.values, self._knowledge.mappings)
        name = self._table_name(facts)
        self._draft.tables[name] = made.content
        self._draft.open_codes += made.open
        self._normalisations |= {"code_alias"} if made.has_alias else set()
        self._carry(facts, "code")
        return {"type": "code", "table": name, "system": f"{self._dialect} {column.name}"}, _code_doubts(made)

    def _table_name(self, facts: FieldFacts) -> str:
        plain = f"{facts.name}.csv"
        own = f"{self._standard.dataset.partition('.')[2]}_{facts.name}.csv"
        return own if self._is_taken(plain) or plain in self._draft.tables else plain

    def _carry(self, facts: FieldFacts, kind: str) -> None:
        parts = CELLS[kind].subfields
        self._carried |= {f"{facts.path}.{part}" for part in parts} if facts.subfields else {facts.path}


def _zeros(values: Iterable[Any]) -> dict[str, str]:
    """Find how a column that is no amount says nothing in zeros: "0", "00000000"."""
    found = sorted({str(value) for value in values if set(str(value)) == {"0"}})
    return dict.fromkeys(found, "全零的空值 / zeros for nothing")


def _code_doubts(made: CodeDraft) -> list[str]:
    doubts = []
    if made.open:
        doubts.append(f"{made.open} 个代码的含义待填写 / the meaning of {made.open} codes is to be written")
    if made.left_out:
        doubts.append(f"{made.left_out} 个值未抄录 / {made.left_out} values were not copied")
    return doubts
