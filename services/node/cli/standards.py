"""`yrdx standards`: what the regional standards say, and how every dialect says it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.node.cli.verbs import JsonOption, group, verb
from services.node.exits import Mistake, nearest
from services.node.output import print_json, print_result, print_table, say

if TYPE_CHECKING:
    from adapters.toolbox.catalogue import Sheet

app = group("区域标准目录 · the catalogue of regional standards")


@verb(app, "ls", "列出区域标准 · list regional standards", "yrdx standards ls", "yrdx standards ls --json")
def ls(json: JsonOption = False) -> None:
    """List standards."""
    sheets = _sheets()
    if json:
        print_json([_summary(sheet) for sheet in sheets])
        return
    print_table(
        ("数据集 dataset", "中文名 name", "版本 version", "字段 fields", "映射 mappings"),
        [(one.dataset, one.words.chinese, one.version, len(one.fields), ", ".join(one.mappings)) for one in sheets],
    )


@verb(
    app,
    "show",
    "显示一项标准 · show one standard",
    "yrdx standards show social.contribution",
    "yrdx standards show social.contribution --json",
    more="字段、类型、单位、代码体系、规则，以及各地方言如何表示 · "
    "fields, types, units, code systems, rules, and how every dialect says them",
)
def show(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="数据集 · dataset")],
    *,
    lang: Annotated[str, typer.Option("--lang", help="语言 zh | en | both · language")] = "both",
    json: JsonOption = False,
) -> None:
    """Show a standard."""
    from adapters.toolbox.bilingual import Language
    from adapters.toolbox.catalogue import sheet_markdown

    if lang not in list(Language):
        raise Mistake(f"--lang: zh | en | both，不是 {lang} · not {lang}")
    sheets = {sheet.dataset: sheet for sheet in _sheets()}
    if dataset not in sheets:
        near = nearest(dataset, sheets)
        raise Mistake(f"没有标准 {dataset}，最接近的是 · there is no standard {dataset}, the nearest is {near}")
    if json:
        print_json(sheets[dataset].as_json())
        return
    for line in sheet_markdown(sheets[dataset], Language(lang)).splitlines():
        print_result(line)


@verb(
    app,
    "docs",
    "生成标准目录（HTML 与 Markdown） · write the catalogue as HTML and Markdown",
    "yrdx standards docs",
    "yrdx standards docs --out /tmp/standards",
    more="standards.html 自成一体，可直接打开或打印；README.md 为目录，每项标准一页 · "
    "standards.html needs nothing beside it, on screen or paper; README.md lists the pages, one a standard",
)
def docs(
    *,
    out: Annotated[Path, typer.Option("-o", "--out", help="文件夹 · folder")] = Path("standards"),
    json: JsonOption = False,
) -> None:
    """Write the catalogue."""
    from adapters.toolbox.catalogue import catalogue_page
    from services import __version__

    sheets = _sheets()
    files = markdown_files(sheets) | {"standards.html": catalogue_page(sheets, __version__)}
    out.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (out / name).write_text(text, encoding="utf-8")
    if json:
        print_json({"files": [str(out / name) for name in files]})
        return
    for name in files:
        say(f"已写入 · written: {out / name}")


def markdown_files(sheets: list[Sheet]) -> dict[str, str]:
    """Return the catalogue's Markdown by file name; the repository keeps it under ``docs/standards``."""
    from adapters.toolbox.catalogue import index_markdown, sheet_markdown
    from adapters.toolbox.catalogue.markdown import file_name

    return {"README.md": index_markdown(sheets)} | {file_name(one): sheet_markdown(one) for one in sheets}


def _sheets() -> list[Sheet]:
    from adapters.mapping import MappingInvalid
    from adapters.toolbox.catalogue import load_sheets

    try:
        return load_sheets()
    except MappingInvalid as error:
        raise Mistake(f"映射有误，请先 lint · a mapping is wrong, lint it first: {error}") from error


def _summary(sheet: Sheet) -> dict[str, object]:
    return {
        "dataset": sheet.dataset,
        "name": sheet.words.chinese,
        "english": sheet.words.english,
        "version": sheet.version,
        "message": sheet.message,
        "key": list(sheet.key),
        "fields": len(sheet.fields),
        "mappings": sheet.mappings,
    }
