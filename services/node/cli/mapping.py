"""`yrdx mapping lint|test|docs|diff`: what those who write and review mapping files look at."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.node.cli import mapping_new
from services.node.cli.verbs import JsonOption, group, verb
from services.node.exits import Exit, Mistake
from services.node.output import print_json, print_result, print_table, say

if TYPE_CHECKING:
    from adapters.mapping import Mapping
    from adapters.toolbox.findings import Finding
    from adapters.toolbox.golden import Difference
    from adapters.toolbox.places import MappingPlace

app = group("映射文件工具 · tools for mapping files")

_WHICH = (
    "WHICH：方言（local）、方言/数据集（local/social.enrolment）、映射文件或文件夹；省略则为全部 · "
    "a dialect, a dialect's dataset, a mapping file or a folder of them; all of them if left out"
)
WhichArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[WHICH]...", help="映射文件，默认全部 · mapping files; default all")
]
_LEVELS = {"error": "错误 error", "warning": "警告 warning", "note": "说明 note"}


@verb(
    app,
    "lint",
    "检查映射文件与代码表 · check mapping files and code tables",
    "yrdx mapping lint --all",
    "yrdx mapping lint local --unconfirmed",
    "yrdx mapping lint adapters/suzhou/social_contribution.toml --json",
    more="错误：不能使用，退出码 1；警告：应改正；说明：有意不传送或拒收的内容 · "
    "errors keep a mapping from being used (exit code 1), warnings should be mended, notes say what it leaves out or "
    f"refuses on purpose. {_WHICH}",
)
def lint(
    which: WhichArgument = None,
    *,
    all_: Annotated[bool, typer.Option("--all", help="全部方言 · every dialect")] = False,
    unconfirmed: Annotated[
        bool, typer.Option("--unconfirmed", help="列出待业务方确认之处 · list what the domain's owner has to confirm")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Lint; exits with 1 when there are errors."""
    from adapters.toolbox.unconfirmed import unconfirmed as marks_of

    places = _places([] if all_ else which)
    if unconfirmed:
        marks = marks_of(places)
        if json:
            print_json([mark.as_json() for mark in marks])
        else:
            rows = [(f"{mark.file}:{mark.line}", mark.place, mark.words) for mark in marks]
            print_table(("文件 file", "位置 place", "待确认 to be confirmed"), rows)
        return
    findings = _findings(places)
    if json:
        print_json([finding.as_json() for finding in findings])
    else:
        _tell_findings(findings, len(places))
    if any(finding.level == "error" for finding in findings):
        raise typer.Exit(Exit.FAILURE)


@verb(
    app,
    "test",
    "双向核对样例 · check golden rows in both directions",
    "yrdx mapping test",
    "yrdx mapping test shanghai/social.transfer",
    "yrdx mapping test adapters/suzhou --accept",
    more="样例是 samples/ 中虚构的行，.jsonl 是应得的结果；--accept 把现在的结果写入 .jsonl，须逐行审阅 · "
    "golden rows are invented rows in samples/, .jsonl says what each must become; --accept writes what they become "
    f"now: read it. {_WHICH}",
)
def golden(
    which: WhichArgument = None,
    *,
    accept: Annotated[
        bool, typer.Option("--accept", help="把现在的结果作为应得的结果 · take what they become now as right")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Test golden rows; exits with 1 when one differs."""
    reports = [(place, *_golden(place, accept=accept)) for place in _places(which)]
    if json:
        print_json(
            [
                {
                    "mapping": place.name,
                    "records": records,
                    "problem": problem,
                    "differences": [one.as_json() for one in found],
                }
                for place, records, found, problem in reports
            ]
        )
    else:
        for report in reports:
            _tell_golden(*report)
    if any(found or problem for _, _, found, problem in reports):
        raise typer.Exit(Exit.FAILURE)


@verb(
    app,
    "docs",
    "生成供审阅的对照表（Markdown） · write mappings as tables for people (Markdown)",
    "yrdx mapping docs local/social.contribution --lang zh",
    "yrdx mapping docs -o docs/mappings",
    more=_WHICH,
)
def docs(
    which: WhichArgument = None,
    *,
    lang: Annotated[str, typer.Option("--lang", help="语言 zh | en | both · language")] = "both",
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="文件夹，省略则输出到屏幕 · folder; stdout if left out")
    ] = None,
) -> None:
    """Write documents."""
    from adapters.toolbox.bilingual import Language
    from adapters.toolbox.documents import document

    if lang not in list(Language):
        raise Mistake(f"--lang: zh | en | both，不是 {lang} · not {lang}")
    for place in _places(which):
        text = document(_loaded(place), Language(lang))
        if out is None:
            for line in text.splitlines():
                print_result(line)
            continue
        out.mkdir(parents=True, exist_ok=True)
        path = out / f"{place.dialect}_{place.dataset.replace('.', '_')}.md"
        path.write_text(text, encoding="utf-8")
        say(f"已写入 · written: {path}")


@verb(
    app,
    "diff",
    "比较两份映射 · compare two mappings",
    "yrdx mapping diff local/social.contribution adapters/draft/social_contribution.toml",
    "yrdx mapping diff local/social.enrolment shanghai/social.enrolment --json",
    more="不兼容：原先可读的文件或记录不再可读，或含义改变；此时退出码 1 · "
    "incompatible: what the former took is no longer taken or means something else; then the exit code is 1",
)
def diff(
    former: Annotated[str, typer.Argument(metavar="A", help="原映射 · the former mapping")],
    latter: Annotated[str, typer.Argument(metavar="B", help="新映射 · the latter mapping")],
    *,
    json: JsonOption = False,
) -> None:
    """Compare; exits with 1 when the latter is not compatible with the former."""
    from adapters.toolbox.differences import differences

    changes = differences(*(_loaded(_place(name)) for name in (former, latter)))
    compatible = all(change.compatible for change in changes)
    if json:
        print_json({"compatible": compatible, "changes": [change.as_json() for change in changes]})
    else:
        rows = [(one.kind, one.place, one.before, one.after, "" if one.compatible else "不兼容 no") for one in changes]
        print_table(("变化 change", "位置 place", "原 before", "新 after", "兼容 compatible"), rows)
        say("兼容 · compatible" if compatible else "不兼容 · NOT compatible")
    if not compatible:
        raise typer.Exit(Exit.FAILURE)


mapping_new.declare(app)


def _places(names: list[str] | None) -> list[MappingPlace]:
    from adapters.toolbox.places import NoSuchMapping, find_places

    try:
        return find_places(names or [])
    except NoSuchMapping as error:
        raise Mistake(f"没有这样的映射 · no such mapping, dialect or folder: {error}") from error


def _place(name: str) -> MappingPlace:
    from adapters.toolbox.places import NoSuchMapping, find_place

    try:
        return find_place(name)
    except NoSuchMapping as error:
        raise Mistake(f"没有这样的映射，或不止一份 · no such mapping, or several: {error}") from error


def _loaded(place: MappingPlace) -> Mapping:
    from adapters.mapping import MappingInvalid

    try:
        return place.load()
    except MappingInvalid as error:
        raise Mistake(f"映射有误，请先 lint · the mapping is wrong, lint it first: {error}") from error


def _findings(places: list[MappingPlace]) -> list[Finding]:
    """Findings of each file, then of each folder that is looked at as a whole."""
    from adapters.toolbox.lint import lint as lint_of
    from adapters.toolbox.lint import unused_tables
    from adapters.toolbox.places import in_folder

    findings = [finding for place in places for finding in lint_of(place)]
    for folder in dict.fromkeys(place.folder for place in places):
        beside = in_folder(folder)
        if set(beside) <= set(places):
            findings += unused_tables(beside)
    return findings


def _golden(place: MappingPlace, *, accept: bool) -> tuple[int, list[Difference], str]:
    """Return how many records were compared, what differs, and why nothing could be compared."""
    from adapters.mapping import MappingInvalid
    from adapters.toolbox.golden import NoGoldenRows, accept_golden, verify_golden

    try:
        return (accept_golden(place), [], "") if accept else (*verify_golden(place), "")
    except (MappingInvalid, NoGoldenRows) as error:
        return 0, [], str(error)


def _tell_findings(findings: list[Finding], files: int) -> None:
    rows = [(_LEVELS[one.level], one.rule, one.file, one.place, one.problem) for one in findings]
    if rows:
        print_table(("级别 level", "规则 rule", "文件 file", "位置 place", "内容 what"), rows)
    counts = Counter(finding.level.value for finding in findings)
    told = ", ".join(f"{words} {counts[level]}" for level, words in _LEVELS.items())
    say(f"{files} 份映射 · mappings: {told}")


def _tell_golden(place: MappingPlace, records: int, found: list[Difference], problem: str) -> None:
    if problem:
        say(f"✗ {place.name}: {problem}")
        return
    say(f"{'✗' if found else '✓'} {place.name}: {records} 条样例 · golden records, {len(found)} 处不同 · differences")
    if found:
        rows = [(one.row, one.direction, one.place, one.expected, one.found) for one in found]
        print_table(("行 row", "方向 direction", "位置 place", "应为 expected", "实为 found"), rows)
