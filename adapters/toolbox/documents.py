"""A mapping file as a document for people who review it: Markdown, in Chinese, in English, or both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from adapters.mapping import Mapping
from adapters.mapping.declared_columns import AnyColumn, FixedColumn, UnusedColumn
from adapters.mapping.standard import FieldFacts
from adapters.toolbox.bilingual import Language, Writer
from adapters.toolbox.code_columns import code_columns
from adapters.toolbox.type_words import type_words

_WORDS: Final = {
    "title": "{dialect} 方言：{dataset} / The {dialect} dialect: {dataset}",
    "about": (
        "映射版本 {version}，标准版本 {standard}，区划表 {divisions}"
        " / Mapping version {version}, standard version {standard}, division table {divisions}"
    ),
    "file": "文件 / File",
    "columns": "列 / Columns",
    "column": "列名 / Column",
    "label": "中文名 / Chinese name",
    "english": "英文名 / English name",
    "type": "类型 / Type",
    "required": "必填 / Required",
    "yes": "是 / yes",
    "codes": "代码表 / Code tables",
    "code": "代码 / Code",
    "standard": "标准值 / Standard value",
    "meaning": "含义 / Meaning",
    "note": "说明 / Note",
    "missing": "表示未填的内容 / Words that mean nothing is given",
    "word": "内容 / Word",
    "reason": "原因 / Reason",
    "empty": "（空） / (empty)",
    "defaults": "固定取值 / Fields that are the same in every row",
    "field": "字段 / Field",
    "value": "值 / Value",
    "sums": "勾稽关系 / Sums that must hold",
    "group": "多行为一条记录 / Several rows are one record",
    "not_carried": "未传送的字段 / Fields that are not carried",
    "unused": "不传送 / does not travel",
    "fixed": "固定为 {value} / always {value}",
}


def document(mapping: Mapping, language: Language) -> str:
    """Write a mapping as Markdown.

    Args:
        mapping: Of a file that lint has no errors in.
        language: Of headings, reasons and notes; labels are Chinese, and English names follow the standard's fields.
    """
    say, declared = Writer(language, _WORDS), mapping.declaration
    file = declared.file
    lines = [
        f"# {say.word('title', dialect=mapping.dialect, dataset=mapping.dataset)}",
        "",
        say.word("about", version=mapping.version, standard=declared.standard, divisions=declared.divisions),
        "",
        f"{say.word('file')}: {file.encoding}, `{file.delimiter}`, {file.line_end}",
        "",
        f"## {say.word('columns')}",
        "",
        *say.table(("column", "label", "english", "type", "required", "note"), _columns(mapping, say)),
        *_rules(mapping, say),
        *_reasons("missing", declared.missing, say),
        *_reasons("not_carried", declared.not_carried, say),
        *_code_tables(mapping, say),
    ]
    return "\n".join(lines)


def _columns(mapping: Mapping, say: Writer) -> Iterator[tuple[str, ...]]:
    for column in mapping.declaration.columns:
        facts = mapping.standard.find(column.field)
        required = say.word("yes") if facts is not None and facts.required else ""
        yield f"`{column.name}`", column.label, _english(facts), _type(column, say), required, _note(column, say)


def _english(facts: FieldFacts | None) -> str:
    """Name a field in English words, with its name in the standard."""
    if facts is None:
        return ""
    words = facts.name.removesuffix("_fen").replace("_", " ")
    return f"{words} (`{facts.path}`)"


def _type(column: AnyColumn, say: Writer) -> str:
    if isinstance(column, UnusedColumn):
        return say.word("unused")
    if isinstance(column, FixedColumn):
        return say.word("fixed", value=column.value)
    return say(type_words(column))


def _note(column: AnyColumn, say: Writer) -> str:
    if isinstance(column, UnusedColumn | FixedColumn):
        return "; ".join(filter(None, (say(column.reason), say(column.note))))
    words = [f"`{word}`: {say(reason)}" for word, reason in column.missing.items()]
    return "; ".join(filter(None, (say(column.note), *words)))


def _rules(mapping: Mapping, say: Writer) -> Iterator[str]:
    """What holds of whole rows: sums, which rows are one record, fields that are the same in every row."""
    declared = mapping.declaration
    if declared.sums:
        yield from (f"## {say.word('sums')}", "")
        yield from (f"- `{one.total}` = {' + '.join(f'`{part}`' for part in one.parts)}" for one in declared.sums)
        yield ""
    if declared.group:
        yield from (f"## {say.word('group')}", "")
        yield from (
            f"{', '.join(f'`{name}`' for name in declared.group.key)} → `{'`, `'.join(declared.group.items)}`",
            "",
        )
    if declared.defaults:
        yield from (f"## {say.word('defaults')}", "")
        rows = [(f"`{field}`", one.value, one.reason) for field, one in declared.defaults.items()]
        yield from say.table(("field", "value", "reason"), rows)


def _reasons(name: str, reasons: dict[str, str], say: Writer) -> Iterator[str]:
    if not reasons:
        return
    yield from (f"## {say.word(name)}", "")
    heading = "word" if name == "missing" else "field"
    rows = [(f"`{word}`" if word else say.word("empty"), reason) for word, reason in reasons.items()]
    yield from say.table((heading, "reason"), rows)


def _code_tables(mapping: Mapping, say: Writer) -> Iterator[str]:
    coded = list(code_columns(mapping))
    if coded:
        yield from (f"## {say.word('codes')}", "")
    for column, cell in coded:
        table = cell.table
        yield from (f"### `{column.name}` {cell.declaration.label} ({table.system})", "")
        names = {number: name for name, number in column.facts.enum_values.items()}
        rows = [(f"`{code}`", _value(names, value), table.labels[code]) for code, value in table.values.items()]
        yield from say.table(("code", "standard", "meaning"), rows)


def _value(names: dict[int, str], value: str | int | bool) -> str:
    return names.get(value, str(value)) if isinstance(value, int) and not isinstance(value, bool) else str(value)
