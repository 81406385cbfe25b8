"""What a sync reads, as it is said on the command line: a file, `--sql` with its table, or `--https`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping as Table
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import parse_qsl, urlsplit

import typer

from services.node.exits import Mistake

if TYPE_CHECKING:
    from adapters.mapping import Mapping
    from adapters.tables import Incremental
    from services.node.sync.inputs import Input

_SERIALS_AGAIN: Final = 1_000
"""Numbers below the last one that are read again unless told otherwise: what is known already is not sent."""
_HEADER: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:[ \t]*([ -~]*)")
"""RFC 9110 section 5.5, without the bytes above ASCII that it deprecates."""
_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0}
_BY_VARIABLE: Final = "env:"
_PASSWORD_OPTIONS: Final = frozenset(("password", "passwd", "pwd", "sslpassword"))

FileArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="[FILE]", help="本市方言的 CSV、Excel、DBF、定长文件、帧或卡记录 · a table in this city's dialect"
    ),
]
ToOption = Annotated[str, typer.Option("--to", help="接收城市 · city that receives")]
DatasetOption = Annotated[str, typer.Option(help="数据集 · dataset")]
SqlOption = Annotated[
    str,
    typer.Option("--sql", help="数据库地址，含口令时写 env:变量名 · SQLAlchemy URL; one with a password as env:NAME"),
]
TableOption = Annotated[str, typer.Option("--table", help="表或视图 · table or view, name or schema.name")]
SerialOption = Annotated[
    str, typer.Option("--serial", help="只读新行：递增整数列 · only new rows: a column of rising whole numbers")
]
UpdatedOption = Annotated[
    str,
    typer.Option("--updated", help="只读新改的行：更新时间列 · only new and changed rows: a column of update times"),
]
OverlapOption = Annotated[
    str,
    typer.Option(
        help="重读一段，以免漏掉晚提交的行：--updated 默认 5m，--serial 默认 1000 个 · read again below the last, for "
        "rows that are committed late: a time, default 5m, or a count of serials, default 1000"
    ),
]
DatumOption = Annotated[
    str, typer.Option(help="帧的坐标系，如 WGS84 · datum of the frames of .jtt808 and .jtt809, which do not say it")
]
VehiclesOption = Annotated[
    Path | None,
    typer.Option(
        help="车辆登记表 simNo,vehicleNo,plateColorCode · register: whose the terminals of .jtt808 are; CSV or Excel"
    ),
]
CardOption = Annotated[
    Path | None,
    typer.Option(
        help="卡说明表，一行：.jtt978 记录中没有的卡号、卡类别、清算批次等 · table of one row: whose the records of "
        ".jtt978 are, and their settlement; CSV or Excel"
    ),
]
HttpsOption = Annotated[
    str, typer.Option("--https", help="分页 JSON 接口 · paged JSON interface; http:// only to this machine")
]
HeadersOption = Annotated[
    Path | None, typer.Option(help="请求头文件，每行“名: 值” · file of request headers, 'Name: value' a line")
]
CaOption = Annotated[Path | None, typer.Option("--ca", help="接口的 CA · authorities of the interface, PEM")]
CertOption = Annotated[Path | None, typer.Option("--cert", help="本方证书 · our certificate to the interface, PEM")]
KeyOption = Annotated[Path | None, typer.Option("--key", help="证书私钥 · key of that certificate, PEM")]


@dataclass(frozen=True, slots=True)
class InputOptions:
    """The options that say what to read, as they were written."""

    file: Path | None = None
    sql: str = ""
    table: str = ""
    serial: str = ""
    updated: str = ""
    overlap: str = ""
    https: str = ""
    headers: Path | None = None
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    datum: str = ""
    vehicles: Path | None = None
    card: Path | None = None

    def verify(self) -> None:
        """Hold the options against each other.

        Raises:
            Mistake: Not exactly one input, or an option of another kind of input.
        """
        if sum((self.file is not None, bool(self.sql), bool(self.https))) != 1:
            raise Mistake("请给出 FILE、--sql 或 --https 之一 · name one of FILE, --sql and --https")
        if bool(self.sql) != bool(self.table):
            raise Mistake("--sql 与 --table 须一起用 · --sql and --table belong together")
        if (self.serial or self.updated) and not self.sql:
            raise Mistake("--serial、--updated 只用于 --sql · --serial and --updated are of --sql only")
        if self.serial and self.updated:
            raise Mistake("--serial 与 --updated 只能选一 · take one of --serial and --updated")
        if self.overlap and not (self.serial or self.updated):
            raise Mistake("--overlap 用于 --serial 或 --updated · --overlap belongs to --serial or --updated")
        if (self.headers or self.ca or self.cert or self.key) and not self.https:
            raise Mistake("--headers、--ca、--cert、--key 只用于 --https · are options of --https only")
        if (self.datum or self.vehicles or self.card) and self.file is None:
            raise Mistake(
                "--datum、--vehicles、--card 只用于帧和卡记录文件 · --datum, --vehicles and --card are of files of "
                "frames and of card records only"
            )

    @property
    def incremental(self) -> bool:
        """Whether only new rows are read."""
        return bool(self.serial or self.updated)

    def input(self, mapping: Mapping) -> Input:
        """Return what to read in a dialect.

        Raises:
            Mistake: A value that cannot be.
        """
        from adapters.tables import PagedInterface
        from services.node.sync.inputs import FileInput, FrameOptions, PagesInput, TableInput

        columns = tuple(mapping.columns)
        if self.file is not None:
            return FileInput(self.file, FrameOptions(self.datum, self.vehicles, self.card).layout(mapping))
        if self.sql:
            self._verify_whole(mapping)
            return TableInput(database_url(self.sql), self.table, columns, self._incremental(), mapping.group_columns)
        headers = _headers(self.headers) if self.headers else {}
        return PagesInput(
            PagedInterface(self.https, headers=headers, authorities=self.ca, certificate=self.cert, key=self.key),
            columns,
        )

    def _verify_whole(self, mapping: Mapping) -> None:
        """A record of several rows of which only some are new would arrive as these alone."""
        if self.incremental and mapping.grouped:
            raise Mistake(
                f"{mapping.dataset} 一条记录占多行，须读整表，不用 --serial、--updated；未变的记录不会发送 · a record "
                "takes several rows, so the whole table is read, without --serial and --updated; only changes are sent"
            )

    def _incremental(self) -> Incremental | None:
        from adapters.tables import Serial, UpdateTime

        if self.serial:
            if self.overlap and not self.overlap.isdecimal():
                raise Mistake("--overlap: --serial 时写个数，如 100 · with --serial it is a count, 100")
            return Serial(self.serial, int(self.overlap or _SERIALS_AGAIN))
        if self.updated:
            return UpdateTime(self.updated, int(seconds("--overlap", self.overlap or "5m")))
        return None


def database_url(text: str) -> str:
    """Return a database's URL, from an environment variable where it is written as ``env:NAME``.

    Raises:
        Mistake: A password in what was written, since command lines are seen by everybody on the machine; or no such
            variable.
    """
    if text.startswith(_BY_VARIABLE):
        name = text.removeprefix(_BY_VARIABLE)
        if not os.environ.get(name):
            raise Mistake(f"--sql: 环境变量 {name} 未设置 · the environment variable {name} is not set")
        return os.environ[name]
    if _has_password(text):
        raise Mistake(
            "--sql: 命令行里不要写口令：地址放进环境变量，写 --sql env:变量名 · no password on a command line: put "
            "the URL into an environment variable and write --sql env:NAME"
        )
    return text


def _has_password(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False  # whoever opens it says that it is no URL
    return parts.password is not None or not _PASSWORD_OPTIONS.isdisjoint(dict(parse_qsl(parts.query)))


def seconds(option: str, text: str) -> float:
    """Read a duration, "90s", "10m" or "2h".

    Raises:
        Mistake: It is none.
    """
    match = re.fullmatch(r"([0-9]{1,6})([smh]?)", text)
    if match is None:
        raise Mistake(f"{option}: 写作 90s、10m 或 2h · write it as 90s, 10m or 2h")
    return float(match[1]) * _UNITS[match[2] or "s"]


def _headers(path: Path) -> Table[str, str]:
    """Read request headers from a file: a token has no place on a command line."""
    lines = [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    found = [_HEADER.fullmatch(line.strip()) for line in lines]
    if None in found:
        number = found.index(None) + 1
        raise Mistake(
            f"{path}: 第 {number} 个请求头应写作“名: 值”，只用 ASCII · header {number} must read 'Name: value' in ASCII"
        )
    return {match[1]: match[2].strip() for match in found if match}
