"""`yrdx mapping new`: a mapping drafted from a sample file, for people to complete."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.node.cli.verbs import JsonOption, verb
from services.node.exits import Mistake
from services.node.output import print_json, say

if TYPE_CHECKING:
    from adapters.toolbox.draft import Draft


def declare(app: typer.Typer) -> None:
    """Add the verb."""
    verb(
        app,
        "new",
        "根据样本文件起草映射 · draft a mapping from a sample file",
        "yrdx mapping new --from jfmx.csv --dataset social.contribution --dialect suzhou",
        "yrdx mapping new --from jfmx.xlsx --dataset social.contribution --dialect suzhou -o /tmp/draft",
        more="样本：CSV、Excel、DBF 的前 1000 行；只抄录代码，不抄录个人信息；猜测之处标 # unconfirmed · "
        "the sample: the first 1,000 rows of CSV, Excel or DBF; codes are copied, nothing of a person is; guesses are "
        "marked # unconfirmed",
    )(new)


def new(
    sample: Annotated[Path, typer.Option("--from", metavar="FILE", help="样本 .csv .xlsx .dbf · sample file")],
    dataset: Annotated[str, typer.Option(help="数据集 · dataset")],
    dialect: Annotated[str, typer.Option(help="方言名 · name of the dialect")],
    *,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="文件夹，默认 adapters/方言名 · folder; default adapters/DIALECT")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="覆盖原有映射 · replace a mapping that is there")] = False,
    json: JsonOption = False,
) -> None:
    """Draft a mapping; it is not lint-clean before people have looked at it."""
    from adapters.tables import FileRefused
    from adapters.toolbox.draft import draft_mapping, keep_draft
    from adapters.toolbox.draft.keeping import is_taken

    folder = out or Path("adapters") / dialect
    if out is None and not folder.is_dir():
        raise Mistake(f"没有 {folder} · there is no such folder: yrdx adapter new {dialect}, or -o FOLDER")
    try:
        draft = draft_mapping(sample, dialect, dataset, is_taken(folder))
        written = keep_draft(draft, folder, force=force)
    except FileRefused as error:
        raise Mistake(str(error)) from error
    except LookupError as error:
        raise Mistake(f"--dataset：没有这样的标准 · {error}") from error
    except FileExistsError as error:
        raise Mistake(f"{error}：已存在，覆盖请用 --force · exists; --force replaces it") from error
    if json:
        print_json({"files": [str(path) for path in written], **draft.as_json()})
    else:
        _tell_draft(draft, written)


def _tell_draft(draft: Draft, written: list[Path]) -> None:
    for path in written:
        say(f"已写入 · written: {path}")
    say(f"识别 {len(draft.recognised)} 列 · columns recognised, {draft.rows} 行样本 · sample rows")
    for words, names in (("未识别的列 · columns not recognised", draft.unknown),
                         ("标准必填而无列 · required, without a column", draft.lacking)):  # fmt: skip
        if names:
            say(f"{words}: {' '.join(names)}")
    if draft.open_codes:
        say(f"{draft.open_codes} 个代码的含义待填写 · codes whose meaning is to be written")
    say(f"下一步 · next: yrdx mapping lint {written[0]}")
