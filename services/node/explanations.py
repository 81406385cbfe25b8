"""What every reason, rule and exit code means, and what to do about it: one table for the command and the document.

The table is ``explanations.toml``. What a rule finds is said by the package that finds it, in the words that
clerks read in rejects files; the table adds what they do.
"""

from __future__ import annotations

import errno
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

GROUPS: Final[Mapping[str, tuple[str, str]]] = {
    "exit": (
        "退出码 · Exit codes",
        "`yrdx` 结束时的数字 · What `yrdx` ends with.",
    ),
    "exchange": (
        "交换 · The exchange",
        "跨城市传递的原因，也见于 `last_error` · Reasons that travel between cities; `last_error` shows them.",
    ),
    "command": (
        "命令 · Commands",
        "`--json` 中的 `reason` · `reason` in what a command prints with `--json`.",
    ),
    "trust": (
        "信任 · Trust",
        "证书、机构、文件包、密钥 · Certificates, authorities, bundles, keys.",
    ),
    "rule": (
        "拒绝规则 · Rules",
        "被拒文件的“规则”列；… 为该处的具体值 · The column 规则 of a rejects file; … is what it names in place.",
    ),
}
_HEAD: Final = """\
# 错误与处理 · Errors and what to do

每个原因、规则与退出码：发生了什么，怎么办。`yrdx explain NAME` 显示其中一项。本页由 `yrdx explain --markdown` 生成。
Every reason, rule and exit code: what happened, what to do. `yrdx explain NAME` shows one. This page is made by
`yrdx explain --markdown`.
"""


@dataclass(frozen=True, slots=True)
class Explanation:
    """One name, in words for people: Chinese first, English beside.

    Attributes:
        group: A key of `GROUPS`.
        name: A reason, a rule id, or an exit code.
        cause: What happened.
        cure: What to do.
    """

    group: str
    name: str
    cause: str
    cure: str


def load_explanations() -> dict[str, Explanation]:
    """Return every explanation by name, in the order of the document.

    Raises:
        KeyError: A rule has no cure (our mistake).
    """
    table = tomllib.loads((resources.files("services.node") / "explanations.toml").read_text(encoding="utf-8"))
    told = [Explanation(group, name, cause, cure) for group in GROUPS for name, (cause, cure) in table[group].items()]
    return {one.name: one for one in [*told, *_rules(table["cure"])]}


def explanation_of(name: str, known: Mapping[str, Explanation]) -> Explanation | None:
    """Return what a name means; a family ("int64.…"), and errno's names ("SYSTEM"), have one explanation together."""
    if name in errno.errorcode.values():
        return known["SYSTEM"]
    return known.get(name) or known.get(f"{name.partition('.')[0]}.…")


def explanations_markdown(explanations: Iterable[Explanation]) -> str:
    """Return the document that the repository keeps as ``docs/errors.md``."""
    explanations = list(explanations)
    return "".join([_HEAD, *(_section(group, explanations) for group in GROUPS)])


def _section(group: str, explanations: list[Explanation]) -> str:
    title, words = GROUPS[group]
    lines = [f"| `{one.name}` | {one.cause} | {one.cure} |" for one in explanations if one.group == group]
    return "\n".join(
        [
            "",
            f"## {title}",
            "",
            words,
            "",
            "| | 发生了什么 what happened | 怎么办 what to do |",
            "|---|---|---|",
            *lines,
            "",
        ]
    )


def _rules(cures: Mapping[str, Any]) -> Iterator[Explanation]:
    for rule_id, words in sorted(_causes().items()):
        cure = cures.get(rule_id) or cures[rule_id.partition(".")[0]]
        yield Explanation("rule", rule_id, _plain(words), cure)


def _causes() -> dict[str, str]:
    """Rules of the wire, the tables and the mappings; where two say the same rule, in the mapping's words."""
    from adapters.mapping.reasons import REASONS as OF_MAPPINGS
    from adapters.tables.reasons import REASONS as OF_TABLES
    from services.wire.reasons import REASONS as OF_WIRE

    return {**OF_WIRE, **OF_TABLES, **OF_MAPPINGS}


def _plain(words: str) -> str:
    """Write a rule's words as the table does: "中文 · English", and … for what is named in place."""
    named = re.sub(r"\{[^}]*\}", "…", words)
    if "/ " in named:
        chinese, english = re.split(r" ?/ ", named, maxsplit=1)
    else:
        chinese, english = named.removesuffix(")").rsplit(" (", 1)
    return f"{chinese} · {english}"
