"""`yrdx up` and `yrdx samples`: the product shown on one machine, with invented people."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Annotated

import typer

from services.node.cli.verbs import JsonOption, verb
from services.node.exits import Exit, Mistake
from services.node.output import print_json, say


def declare(app: typer.Typer) -> None:
    """Add the verbs."""
    verb(
        app,
        "up",
        "演示：两座城市双向交换并核对 · two demo cities exchange both ways and prove it",
        "yrdx up",
        "yrdx up --once --json --home /tmp/demo",
        more="两个真实节点进程、真实 TLS、虚构人员 · two real node processes, real TLS, invented people",
    )(up)
    verb(
        app,
        "samples",
        "生成虚构样本文件 · write sample files of invented people",
        "yrdx samples --seed 7 --people 1000 -o samples",
        "yrdx samples --people 1000 --dataset social.contribution --bad-rows 40 -o samples",
        more="两城各数据集：南通 CSV（GB18030），上海 Excel 与 CSV（同一批人）；其中的错误记在 planted.json · every "
        "dataset of both cities: Nantong's as CSV, Shanghai's as Excel and as CSV, of the same people; planted.json "
        "tells what is wrong in them",
    )(samples)


def up(
    home: Annotated[Path, typer.Option("--home", help="演示目录 · folder of the demo")] = Path("var"),
    once: Annotated[bool, typer.Option("--once", help="核对后退出 · exit after the verification")] = False,
    seed: Annotated[int, typer.Option(help="随机种子 · seed of the samples")] = 7,
    people: Annotated[int, typer.Option(min=1, help="每城人数 · invented people each way")] = 10_000,
    json: JsonOption = False,
) -> None:
    """Run the demo."""
    from services.node.demo.up import demo

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: else both nodes would be left behind
    with demo(home, seed=seed, people=people, quiet=json) as report:
        if json:
            print_json(report.to_json())
        if not once:
            _serve_until_interrupted()
    raise typer.Exit(Exit.OK if report.verified else Exit.FAILURE)


def samples(
    out: Annotated[Path, typer.Option("-o", "--out", help="文件夹 · folder")] = Path("samples"),
    seed: Annotated[int, typer.Option(help="随机种子 · seed")] = 7,
    people: Annotated[int, typer.Option(min=1, help="每城人数 · invented people each way")] = 10_000,
    bad_rows: Annotated[
        int | None,
        typer.Option(
            min=0, help="每个文件的错误记录，默认每种一条 · bad records of each file; default one of each kind"
        ),
    ] = None,
    dataset: Annotated[list[str] | None, typer.Option(help="数据集，可多次 · dataset, repeatable; default all")] = None,
    json: JsonOption = False,
) -> None:
    """Write samples."""
    from adapters.samples import DATASETS, SizeRefused, write_samples

    unknown = sorted(set(dataset or ()) - set(DATASETS))
    if unknown:
        raise Mistake(f"--dataset：没有 {unknown[0]} 的样本 · no samples of it; there are: {' '.join(DATASETS)}")
    out.mkdir(parents=True, exist_ok=True)
    try:
        written = write_samples(
            out, seed=seed, people=people, bad_rows=bad_rows, datasets=dataset or DATASETS, excel=True
        )
    except SizeRefused as error:
        raise Mistake(f"--bad-rows：与人数不符 · does not go with so many people: {error}") from error
    if json:
        files = [str(file.path) for file in written.files]
        print_json({"files": files, "planted": str(written.planted_path)})
        return
    for path in (*(file.path for file in written.files), written.planted_path):
        say(f"已写入 · written: {path}")


def _serve_until_interrupted() -> None:
    try:
        say("两座城市继续运行，Ctrl-C 停止 · both cities keep serving; Ctrl-C stops them")
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        say("正在停止 · stopping")
