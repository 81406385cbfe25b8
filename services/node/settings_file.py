"""``node.toml`` in a node's home: read with the environment over it (``YRDX_*``), explained, and written."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ValidationError

from services.node.addresses import resolve_store_url
from services.node.exits import nearest
from services.node.home import Home, verify_home
from services.node.settings import ENVIRONMENT_PREFIX, Settings, SettingsMistake, setting_names, variable_of

_NOT_SETTINGS: Final = frozenset({"YRDX_HOME", "YRDX_OPERATOR"})
"""Variables of the command line itself."""


class Origin(NamedTuple):
    """One setting with where its value comes from.

    Attributes:
        name: Dotted name, "delivery.lease_s".
        value: Value in force.
        source: "default", "node.toml" or "environment".
        description: What it means, Chinese and English.
    """

    name: str
    value: str | int | float | bool
    source: str
    description: str


def load_settings(home: Home) -> Settings:
    """Read the settings of a home.

    Raises:
        HomeMissing: The folder is no home.
        SettingsMistake: Every unknown key and every impossible value, by name.
    """
    return verify_settings(_read(verify_home(home).settings), home)


def verify_settings(written: dict[str, Any], home: Home) -> Settings:
    """Return settings as they would be in force in a home.

    Args:
        written: What ``node.toml`` says, or will say; the environment wins over it.
        home: The home; relative paths are resolved against it.

    Raises:
        SettingsMistake: Every unknown key and every impossible value, by name.
    """
    mistakes = [*_unknown_keys(written), *_unknown_variables()]
    if mistakes:
        raise SettingsMistake("; ".join(mistakes))
    try:
        settings = Settings(**written)
    except ValidationError as error:
        raise SettingsMistake("; ".join(_mistakes(error))) from None  # its text holds the values
    return settings.model_copy(update={"store_url": resolve_store_url(settings.store_url, home.path.resolve())})


def explain_settings(home: Home) -> list[Origin]:
    """Return every setting with its source, in the order of their declaration.

    Raises:
        HomeMissing, SettingsMistake: As in `load_settings`.
    """
    settings = load_settings(home).model_dump()
    from_file = _flat(_read(home.settings))
    return [
        Origin(name, _flat(settings)[name], _source(name, from_file), description)
        for name, description in setting_names().items()
    ]


def settings_text(chosen: Mapping[str, str | bool | int]) -> str:
    """Write the content of ``node.toml``: what was chosen as values, every default as a comment.

    Args:
        chosen: Top-level settings by name.
    """
    lines = ["# 节点设置 · settings of this node; `yrdx config show` prints every value with its source"]
    table = ""
    for name, description in setting_names().items():
        parent, _, key = name.rpartition(".")
        if parent != table:
            lines += ["", f"[{parent}]"]
            table = parent
        value = chosen.get(name, _default(name))
        lines += [
            "",
            f"# {description}",
            f"{'' if name in chosen else '# '}{key} = {json.dumps(value, ensure_ascii=False)}",
        ]
    return "\n".join(lines) + "\n"


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise SettingsMistake(f"{path}: 不是 UTF-8 · byte {error.start} is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsMistake(f"{path}: 不是有效的 TOML · not TOML: {error}") from error


def _flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in table.items():
        values |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return values


def _unknown_keys(written: dict[str, Any]) -> list[str]:
    known = setting_names()
    tables = {name.rpartition(".")[0] for name in known}
    return [
        f"node.toml: 未知设置 {name}，最接近的是 {near} · unknown setting {name}, the nearest is {near}"
        for name in _flat(written)
        if name not in known and name not in tables
        for near in [nearest(name, known)]
    ]


def _unknown_variables() -> list[str]:
    known = {variable_of(name) for name in setting_names()} | _NOT_SETTINGS
    return [
        f"环境变量 {name} 未知，最接近的是 {near} · unknown environment variable {name}, the nearest is {near}"
        for name in _variables()
        if name not in known
        for near in [nearest(name, known)]
    ]


def _variables() -> list[str]:
    """Upper case: pydantic-settings takes the environment's names in any case."""
    return sorted(name.upper() for name in os.environ if name.upper().startswith(ENVIRONMENT_PREFIX))


def _mistakes(error: ValidationError) -> list[str]:
    """Say what is wrong with which setting, and where it is written; never the value."""
    texts = []
    for mistake in error.errors(include_input=False, include_url=False, include_context=False):
        name = ".".join(str(part) for part in mistake["loc"])
        place = variable_of(name) if variable_of(name) in _variables() else "node.toml"
        texts.append(f"{place}: {name}: {mistake['msg'].removeprefix('Value error, ')}")
    return texts


def _source(name: str, from_file: dict[str, Any]) -> str:
    if variable_of(name) in _variables():
        return "environment"
    return "node.toml" if name in from_file else "default"


def _default(name: str) -> object:
    parent, _, key = name.rpartition(".")
    model = Settings.model_fields[parent].annotation if parent else Settings
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise TypeError(f"{parent} is no table")
    return model.model_fields[key].default
