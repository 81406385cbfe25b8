"""`yrdx sink`: what this city received, into its own tables and folders."""

from __future__ import annotations

import re
import shlex
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from services.node.cli.sync_inputs import DatasetOption, TableOption, database_url
from services.node.cli.verbs import HERE, HomeOption, JsonOption, group, verb
from services.node.exits import Exit, Mistake, resumable
from services.node.output import print_json, print_table, say

if TYPE_CHECKING:
    from services.node.sinks.changes import ChangeReader
    from services.node.sinks.run import SinkReport
    from services.node.sinks.targets import Target

_NAME: Final = re.compile(r"[a-z0-9-]{1,40}")

app = group("落地 · received records into this city's own tables")


@verb(
    app,
    "run",
    "把收到的记录写入本市的表或 CSV 文件夹 · write received records into this city's table or a folder of CSV",
    "yrdx sink run --home B --dataset social.contribution --sql sqlite:////srv/hr.sqlite --table sbjf",
    "yrdx sink run --home B --dataset social.contribution --sql env:HR_DATABASE --table hr.sbjf --once --json",
    "yrdx sink run --home B --dataset social.contribution --csv /srv/incoming",
    more="进度与数据同在目标里，恰好一次：目标库从备份恢复后会自动补齐 · the cursor stands in the target beside the "
    "rows, so each record is there exactly once, also after the target was restored",
)
def run(
    *,
    dataset: DatasetOption,
    home: HomeOption = HERE,
    sql: Annotated[
        str, typer.Option("--sql", help="目标数据库，含口令时写 env:变量名 · SQLAlchemy URL; with a password: env:NAME")
    ] = "",
    table: TableOption = "",
    csv: Annotated[Path | None, typer.Option("--csv", metavar="DIR", help="CSV 文件夹 · folder of CSV files")] = None,
    from_city: Annotated[str, typer.Option("--from", help="只收这个城市的 · only from this city")] = "",
    name: Annotated[str, typer.Option(help="名称，各有各的进度；默认取自数据集 · name; each has its own cursor")] = "",
    once: Annotated[bool, typer.Option("--once", help="写完现有的即结束 · end once everything is written")] = False,
    json: JsonOption = False,
) -> None:
    """Write until Ctrl-C; exits with 3 when the target refused records."""
    from services.node.sinks.run import SinkRun

    if (csv is not None) == bool(sql) or bool(sql) != bool(table):
        raise Mistake("请给出 --sql 与 --table，或 --csv · name --sql with --table, or --csv")
    _verify_name(name, sql)
    reader, refused = _reader(home, dataset), 0
    with resumable(lambda: shlex.join(["yrdx", *sys.argv[1:]])):
        target = _folder(reader, csv) if csv else _table(reader, sql, table, name or _own_name(dataset), once=once)
        with closing(target):
            for report in SinkRun(home, dataset, from_city, reader, target).rounds(once=once):
                refused = sum(report.refused.values())
                _tell(report, json=json, folder=csv)
    raise typer.Exit(Exit.PARTIAL if refused else Exit.OK)


def _verify_name(name: str, sql: str) -> None:
    if name and not sql:
        raise Mistake(
            "--name 只用于 --sql：文件夹各有自己的进度 · --name is of --sql only: a folder has its own cursor"
        )
    if name and not _NAME.fullmatch(name):
        raise Mistake("--name: 至多 40 个小写字母、数字或 - · at most 40 lower-case letters, digits and -")


def _own_name(dataset: str) -> str:
    return dataset.replace(".", "-")


def _reader(home: Path, dataset: str) -> ChangeReader:
    from adapters.mapping import load_mapping
    from services.node.home import Home
    from services.node.settings_file import load_settings
    from services.node.sinks.changes import ChangeReader
    from services.wire.datasets import load_datasets

    mapping = load_mapping(load_settings(Home(home)).dialect, dataset)
    return ChangeReader(mapping, load_datasets().find(dataset, mapping.standard.version))


def _folder(reader: ChangeReader, folder: Path) -> Target:
    from adapters.tables.csv_folder import CsvFolder
    from services.node.sinks.targets import FolderTarget
    from services.node.sync.inputs import layout_of

    return FolderTarget(CsvFolder(folder, layout_of(reader.mapping)))


def _table(reader: ChangeReader, sql: str, table: str, name: str, *, once: bool) -> Target:
    from adapters.tables import SinkUnavailable
    from adapters.tables.sql_sink import SqlSink
    from services.node.retries import retrying
    from services.node.sinks.targets import TableTarget

    again = retrying(SinkUnavailable, once=once)
    sink = again(SqlSink, database_url(sql), table, reader.mapping.columns, reader.key_columns, name=name)
    if not sink.key_is_indexed:
        columns = ", ".join(reader.key_columns)
        say(f"提示：表 {table} 没有以 {columns} 开头的索引，会很慢 · no index begins with them: it will be slow")
    return TableTarget(sink, reader)


def _tell(report: SinkReport, *, json: bool, folder: Path | None) -> None:
    if json:
        print_json(report.to_json())
        return
    print_table(
        ("数据流 stream", "写入 records", "目标拒绝 refused", "进度 position"),
        [(one["stream"], one["records"], one["refused"], one["position"]) for one in report.to_json()["streams"]],
    )
    if any(report.refused.values()):
        where = "*-refused.csv" if folder else "yrdx_refused"
        say(f"目标拒绝的记录及原因列在 {where} · records that the target refused are listed there, with reasons")
