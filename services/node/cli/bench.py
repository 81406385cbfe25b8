"""`yrdx bench`: measure this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from services.node.cli.verbs import JsonOption, group, verb
from services.node.output import print_fields, print_json, print_table

app = group("基准测试 · benchmarks")


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
    rounds: Annotated[int, typer.Option(min=1, help="轮数 · rounds")] = 3,
    json: JsonOption = False,
) -> None:
    """Measure delivery."""
    from services.node.bench.deliver import bench_deliver

    result = bench_deliver(records=records, rounds=rounds).to_json()
    if json:
        print_json(result)
    else:
        print_fields({name: str(value) for name, value in result.items()})


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
    if json:
        print_json(result)
    else:
        print_fields({name: str(value) for name, value in result.items()})


@verb(
    app,
    "mapping",
    "每个映射每个方向每核的速率 · every mapping, both directions, rows per second and core",
    "yrdx bench mapping --json",
    more="下限：同样的消息由 protobuf 序列化并解析 · floor: the same messages serialised and parsed by protobuf",
)
def mapping(
    records: Annotated[int, typer.Option(min=100, help="每个映射的人数 · people of each mapping")] = 20_000,
    rounds: Annotated[int, typer.Option(min=1, help="轮数 · rounds")] = 5,
    json: JsonOption = False,
) -> None:
    """Measure mappings."""
    from services.node.bench.mapping import bench_mapping

    result = bench_mapping(records=records, rounds=rounds)
    if json:
        print_json(result)
    else:
        print_table(tuple(result[0]), [tuple(one.values()) for one in result])


@verb(
    app,
    "guard",
    "每次调用的证书校验开销 · what checking the caller costs a call",
    "yrdx bench guard --json",
    more="与不校验的同一服务器对比 · against the same server with no guard",
)
def guard(
    calls: Annotated[int, typer.Option(min=100, help="每轮调用数 · calls a round")] = 2_000,
    rounds: Annotated[int, typer.Option(min=1, help="轮数 · rounds")] = 5,
    json: JsonOption = False,
) -> None:
    """Measure the guard."""
    from services.node.bench.guard import bench_guard

    result = bench_guard(calls=calls, rounds=rounds).to_json()
    if json:
        print_json(result)
    else:
        print_fields({name: str(value) for name, value in result.items()})
