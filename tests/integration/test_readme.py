"""What both READMEs tell a newcomer to type works as it stands there, from two empty folders to the mended row."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from services.node.addresses import split_address
from tests.integration.support.nodes import free_port

ROOT: Final = Path(__file__).parents[2]
SESSION_S: Final = 240.0
"""Some thirty processes one after the other: 20 s on a quiet machine, minutes where many share it."""
_BLOCK: Final = re.compile(r"^<!-- by hand -->\n```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ADDRESS: Final = re.compile(r"127\.0\.0\.1:\d+")

# A terminal goes on after a command that failed, and so does this; every failure is noted with its line.
_TERMINAL: Final = """\
set -u
trap 'echo "$?: $BASH_COMMAND" >> failed' ERR
trap 'trap - ERR; kill $(jobs -p) 2> jobs; wait' EXIT
touch failed
"""
_AT_FIRST: Final = "cp received.csv received-at-first.csv\n"


def _script(readme: Path) -> str:
    """Return the marked blocks as one session, on ports that are free, keeping the first export aside."""
    blocks = _BLOCK.findall(readme.read_text(encoding="utf-8"))
    mending = next(place for place, block in enumerate(blocks) if "mended.csv" in block)
    script = "".join([_TERMINAL, *blocks[:mending], _AT_FIRST, *blocks[mending:]])
    for address in sorted(set(_ADDRESS.findall(script))):
        script = script.replace(address, f"127.0.0.1:{free_port()}")
    return script


def _rows(path: Path, encoding: str) -> list[dict[str, str]]:
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


# The other README's blocks are the same, which the next test holds.
@pytest.mark.timeout(SESSION_S + 30)
@pytest.mark.parametrize("readme", ["README.md", pytest.param("README.zh-CN.md", marks=pytest.mark.long)])
def test_two_cities_by_hand(readme: str, tmp_path: Path) -> None:
    """Every block runs; only the syncs end with 3, for the planted rows; the exports hold exactly the good ones."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("YRDX_")}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    session = subprocess.run(
        ["bash", "-c", _script(ROOT / readme)],
        cwd=tmp_path,
        env=environment,
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SESSION_S,
    )
    failed = (tmp_path / "failed").read_text(encoding="utf-8").splitlines()
    assert [line.split(" ", 4)[:4] for line in failed] == [
        ["3:", "yrdx", "sync", "run"],
        ["3:", "yrdx", "rejections", "resubmit"],
    ], f"{failed}\n{session.stdout}{session.stderr}"

    samples = json.loads((tmp_path / "samples" / "planted.json").read_bytes())["files"]["nantong_contributions.csv"]
    good = samples["rows"] - len(samples["planted"])
    assert len(_rows(tmp_path / "received-at-first.csv", "utf-8-sig")) == good
    assert len((tmp_path / "received.jsonl").read_bytes().splitlines()) == good
    received = _rows(tmp_path / "received.csv", "utf-8-sig")
    assert len(received) == good + 1
    assert len({row["lsh"] for row in received}) == good + 1


def test_both_readmes_say_the_same_to_the_machine() -> None:
    """The two differ in words for people alone."""
    english, chinese = (_BLOCK.findall((ROOT / name).read_text("utf-8")) for name in ("README.md", "README.zh-CN.md"))
    assert english
    assert [_without_words(block) for block in english] == [_without_words(block) for block in chinese]


def test_the_addresses_are_addresses() -> None:
    """The ports in the README are those that the test replaces: two, and nothing else looks like one."""
    script = "".join(_BLOCK.findall((ROOT / "README.md").read_text("utf-8")))
    addresses = set(_ADDRESS.findall(script))
    assert {split_address(address)[1] for address in addresses} == {7310, 7320}
    assert len(re.findall(r"73[12]0", script)) == len(_ADDRESS.findall(script))


def _without_words(block: str) -> str:
    return re.sub(r'^legal_basis = ".*"$', "", block, flags=re.MULTILINE)
