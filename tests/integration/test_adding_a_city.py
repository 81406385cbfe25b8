"""docs/adding-a-city.md leads from a sample to a linted, tested dialect, word for word, in a copy of the tree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "adding-a-city.md"
_BLOCK: Final = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EXPECTED: Final = re.compile(r"^(.*?)  # exits with ([0-9]+)$", re.MULTILINE)
_NOT_COPIED: Final = shutil.ignore_patterns(
    ".git", ".venv", "build", "var", "dist", "__pycache__", ".hypothesis", ".*cache"
)

# The tree that is installed must not be found beside the copy: packages without __init__ would be made of both.
_COMMAND: Final = """\
#!{python}
import runpy, sys
sys.path[:] = ["{tree}", "{tree}/proto", *(path for path in sys.path if path not in ("{root}", "{root}/proto"))]
sys.argv[0] = "{module}"
runpy.run_module("{module}", run_name="__main__", alter_sys=True)
"""


def _script() -> str:
    """The page's blocks as one session that ends at the first command that does not end as the page says."""
    blocks = "\n".join(_BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    checked = _EXPECTED.sub(r"\1 && exit 99 || test $? -eq \2", blocks)
    return f"set -euo pipefail\n{checked}"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the source tree, stubs included, with commands that run the copy's own code."""
    copy = tmp_path / "tree"
    shutil.copytree(ROOT, copy, ignore=_NOT_COPIED)
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, module in (("yrdx", "services.node.main"), ("pytest", "pytest")):
        command = commands / name
        text = _COMMAND.format(python=sys.executable, tree=copy, root=ROOT, module=module)
        command.write_text(text, encoding="utf-8")
        command.chmod(0o755)
    return copy


def _environment(tree: Path) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("YRDX_", "PYTEST_"))}
    return environment | {"PATH": f"{tree.parent / 'bin'}:{environment['PATH']}"}


@pytest.mark.timeout(300)
def test_every_command_of_the_page(tree: Path) -> None:
    """They end as the page says, and what they leave behind is a dialect like the others, without personal data."""
    session = subprocess.run(
        ["bash", "-c", _script()],
        cwd=tree,
        env=_environment(tree),
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert session.returncode == 0, f"{session.stdout[-4000:]}{session.stderr[-4000:]}"
    assert re.search(r"\b1[0-9] passed", session.stdout)
    assert "错误 error 0, 警告 warning 0" in session.stderr
    folder = tree / "adapters" / "suzhou"
    mapping = (folder / "social_contribution.toml").read_text(encoding="utf-8")
    tables = "".join(table.read_text(encoding="utf-8") for table in folder.glob("*.csv"))
    for personal in ("张三", "欧阳", "320501198002290019", "SZ2026010001", "91320500MA1C0001XW", "示例丝绸"):
        assert personal not in mapping + tables
    assert 'dialect = "suzhou"' in (tree / "var" / "suzhou" / "node.toml").read_text(encoding="utf-8")


def test_the_page_is_one_page() -> None:
    """A newcomer reads it in one go."""
    assert len(PAGE.read_text(encoding="utf-8").splitlines()) < 130
