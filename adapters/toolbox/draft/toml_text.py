"""TOML as people would write it, for drafts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Final

Said = str | int | Mapping[str, str]
"""What can be said of a key: a text, a number, or a table of texts on one line."""
_BARE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def section(name: str, content: Mapping[str, str | int]) -> list[str]:
    """Return the lines of a section, and an empty one."""
    return [f"[{name}]", *entries(content), ""]


def entries(content: Mapping[str, Said]) -> list[str]:
    """Return a line for each key, values below one another."""
    keys = [key if _BARE.fullmatch(key) else _text(key) for key in content]
    width = max(map(len, keys), default=0)
    return [f"{key:<{width}} = {_value(value)}" for key, value in zip(keys, content.values(), strict=True)]


def array(texts: Iterable[str]) -> str:
    """Return an array of texts."""
    return f"[{', '.join(map(_text, texts))}]"


def comment(text: str) -> str:
    """Return a comment of one line, whatever the text holds."""
    return f"# {' '.join(text.split())}"


def _value(value: Said) -> str:
    if isinstance(value, Mapping):
        inner = (f"{_text(key)} = {_text(text)}" for key, text in value.items())
        return f"{{ {', '.join(inner)} }}"
    return _text(value) if isinstance(value, str) else str(value)


def _text(text: str) -> str:
    """JSON's strings are TOML's basic strings, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
