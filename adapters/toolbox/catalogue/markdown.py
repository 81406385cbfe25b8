"""The catalogue as Markdown: a page for each standard, and one that lists them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from adapters.toolbox.bilingual import Language, Writer
from adapters.toolbox.catalogue.carriage import Carriage
from adapters.toolbox.catalogue.sheets import CodeListSheet, FieldSheet, Sheet

_WORDS: Final = {
    "title": "区域标准目录 / Catalogue of regional standards",
    "made": (
        "由接口契约与各地映射文件生成（`yrdx standards docs`），请勿手工修改。"
        " / Made from the contract and the mapping files by `yrdx standards docs`: do not edit."
    ),
    "dataset": "数据集 / Dataset",
    "version": "标准版本 / Version",
    "message": "消息 / Message",
    "key": "业务主键 / Business key",
    "mappings": "映射版本 / Mappings",
    "rules": "记录内的规则 / Rules within a record",
    "fields": "字段 / Fields",
    "field": "字段 / Field",
    "chinese": "中文名 / Chinese name",
    "english": "英文名 / English name",
    "type": "类型、单位 / Type, unit",
    "required": "必填 / Required",
    "checks": "规则 / Rules",
    "source": "来源、代码体系 / Source, code system",
    "codes": "代码表 / Code lists",
    "value": "标准值 / Value",
    "meaning": "含义 / Meaning",
    "yes": "是 / yes",
    "in_key": "主键 / key",
    "since": "自 {version} 起 / since {version}",
    "unconfirmed": "待确认 / to be confirmed",
    "parts": "见各组成部分 / by its parts",
    "not_carried": "无 / none",
    "always": "固定为 {value} / always {value}",
    "loss": "写出时舍去 / left out when written",
    "no_code": "拒收 / refused",
    "names": "中文名 / Name",
}


def index_markdown(sheets: Sequence[Sheet], language: Language = Language.BOTH) -> str:
    """Write the page that lists all standards, each with a link to its own page.

    Args:
        sheets: The standards.
        language: Of headings and reasons.
    """
    say = Writer(language, _WORDS)
    rows = [(_link(one), one.words.chinese, one.words.english, one.version, str(len(one.fields))) for one in sheets]
    lines = [f"# {say.word('title')}", "", say.word("made"), ""]
    return "\n".join([*lines, *say.table(("dataset", "names", "english", "version", "fields"), rows)])


def _link(sheet: Sheet) -> str:
    return f"[`{sheet.dataset}`]({file_name(sheet)})"


def file_name(sheet: Sheet) -> str:
    """Return the name of a standard's page: "social_contribution.md"."""
    return f"{sheet.dataset.replace('.', '_')}.md"


def sheet_markdown(sheet: Sheet, language: Language = Language.BOTH) -> str:
    """Write one standard.

    Args:
        sheet: The standard.
        language: Of headings and reasons; names of fields are always in both.
    """
    say = Writer(language, _WORDS)
    lines = [
        f"# {sheet.words.chinese} · {sheet.words.english} (`{sheet.dataset}`)",
        "",
        say.word("made"),
        "",
        *([sheet.words.more, ""] if sheet.words.more else []),
        f"- {say.word('version')}: {sheet.version}",
        f"- {say.word('message')}: `{sheet.message}`",
        f"- {say.word('key')}: {', '.join(f'`{name}`' for name in sheet.key)}",
        f"- {say.word('mappings')}: {', '.join(f'{name} {version}' for name, version in sheet.mappings.items())}",
        "",
        *_rules(sheet, say),
        f"## {say.word('fields')}",
        "",
        *_fields(sheet, say),
        *_codes(sheet, say),
    ]
    return "\n".join(lines)


def _rules(sheet: Sheet, say: Writer) -> Iterator[str]:
    if sheet.rules:
        yield from (f"## {say.word('rules')}", "", *(f"- {say(rule)}" for rule in sheet.rules), "")


def _fields(sheet: Sheet, say: Writer) -> Iterator[str]:
    headings = ("field", "chinese", "english", "type", "required", "checks", "source", *sheet.mappings)
    rows = []
    for one in sheet.fields:
        carried = [_carriage(one.dialects.get(name), say) for name in sheet.mappings]
        rows.append((*_facts(one, say), *([say.word("parts")] * len(carried) if one.has_parts else carried)))
    yield from say.table(headings, rows)


def _facts(one: FieldSheet, say: Writer) -> tuple[str, ...]:
    words = one.words
    required = [say.word("yes")] if one.required else []
    marks = [say.word("in_key")] if one.in_key else []
    since = [say.word("since", version=one.since)] if one.since else []
    source = [*words.other_names, *words.systems, *([say.word("unconfirmed")] if words.unconfirmed else [])]
    return (
        f"`{one.path}`",
        words.chinese,
        f"{words.english}. {words.more}" if words.more else words.english,
        "; ".join(filter(None, (say(one.type), say(one.unit)))),
        "; ".join([*required, *marks, *since]),
        "; ".join(map(say, one.rules)),
        "; ".join(source),
    )


def _carriage(carriage: Carriage | None, say: Writer) -> str:
    """Say how a dialect carries a field."""
    if carriage is None:
        return ""
    words = [f"`{one.name}` {one.label} ({say(one.type)})" for one in carriage.columns]
    words += [say(one.note) for one in carriage.columns if one.note]
    words += [f"{say.word('loss')}: {say(carriage.loss)}"] if carriage.loss else []
    words += [f"{say.word('always', value=carriage.default)}"] if carriage.default else []
    if carriage.reason:
        reason = say(carriage.reason)
        words.append(reason if carriage.default else f"{say.word('not_carried')}: {reason}")
    return "; ".join(words)


def _codes(sheet: Sheet, say: Writer) -> Iterator[str]:
    if sheet.codes:
        yield from (f"## {say.word('codes')}", "")
    for one in sheet.codes:
        yield from (f"### `{one.path}`", "")
        yield from say.table(("value", "meaning", *_headings(one)), list(_values(one, say)))


def _headings(codes: CodeListSheet) -> list[str]:
    return [f"{name} ({system})" for name, system in codes.systems.items()]


def _values(codes: CodeListSheet, say: Writer) -> Iterator[tuple[str, ...]]:
    for one in codes.values:
        name = f"{one.value} `{one.name}`" if one.name else one.value
        since = f" ({say.word('since', version=one.since)})" if one.since else ""
        said = ("<br>".join(one.dialects.get(dialect, ())) or say.word("no_code") for dialect in codes.systems)
        yield (f"{name}{since}", one.meaning, *said)
