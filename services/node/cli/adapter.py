"""`yrdx adapter`: the folder of a new city's dialect."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from services.node.cli.verbs import JsonOption, group, verb
from services.node.exits import Mistake, nearest
from services.node.output import print_json, say

app = group("城市方言 · dialects of cities")

AdaptersOption = Annotated[
    Path, typer.Option("--adapters", help="源码树的 adapters 文件夹 · the adapters folder of the source tree")
]
HERE = Path("adapters")


@app.callback()
def adapter() -> None:
    """Keep `new` a verb of its own while it is the only one."""


@verb(
    app,
    "new",
    "新建城市方言的文件夹 · create the folder of a city's dialect",
    "yrdx adapter new suzhou",
    "yrdx adapter new kunshan --city 320583",
    more="在源码树根目录运行：写入说明、空代码表和样例文件夹；步骤见 docs/adding-a-city.md · run it at the root of the "
    "source tree: it writes a README, empty code tables and a folder for golden rows; see docs/adding-a-city.md",
)
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="方言名，如 suzhou · name of the dialect")],
    *,
    city: Annotated[
        str, typer.Option(help="六位代码，长三角城市可省略 · six digits; known for cities of the delta")
    ] = "",
    adapters: AdaptersOption = HERE,
    json: JsonOption = False,
) -> None:
    """Create the folder."""
    from adapters.toolbox.cities import CITIES, City
    from adapters.toolbox.new_adapter import create_adapter

    if not re.fullmatch("[a-z][a-z0-9_]{1,30}", name):
        raise Mistake("NAME：小写字母开头，仅小写字母、数字和下划线 · lower-case letters, digits and underscores")
    if city and not re.fullmatch("[1-9][0-9]{5}", city):
        raise Mistake("--city：六位数字 · six digits")
    if not city and name not in CITIES:
        raise Mistake(f"不知道 {name} 的代码，请写 --city，或指 {nearest(name, CITIES)}？ · name its code with --city")
    if not (adapters / "mapping").is_dir():
        raise Mistake(f"{adapters}：不是源码树的 adapters 文件夹 · not the adapters folder of the source tree")
    known = CITIES.get(name, City(city, name))
    try:
        files = create_adapter(adapters / name, known._replace(code=city or known.code))
    except FileExistsError as error:
        raise Mistake(f"{adapters / name}：已存在，不覆盖 · exists, and is not overwritten") from error
    if json:
        print_json({"folder": str(adapters / name), "city": city or known.code, "files": [str(file) for file in files]})
        return
    for file in files:
        say(f"已写入 · written: {file}")
    say(f"下一步 · next: yrdx mapping new --from FILE --dataset social.contribution --dialect {name}")
