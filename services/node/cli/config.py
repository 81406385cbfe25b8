"""`yrdx config`: the settings of a home, and where each value comes from."""

from __future__ import annotations

from services.node.cli.verbs import HERE, HomeOption, JsonOption, group, verb
from services.node.home import Home
from services.node.output import print_json, print_table, say

app = group("节点设置 · settings")


@verb(
    app,
    "show",
    "显示每项设置及其来源 · show each setting with its source",
    "yrdx config show --home A",
    more="来源：default 默认，node.toml 文件，environment 环境变量 YRDX_* · sources: default, node.toml, environment",
)
def show(home: HomeOption = HERE, json: JsonOption = False) -> None:
    """Show settings."""
    from services.node.settings_file import explain_settings

    found = explain_settings(Home(home))
    if json:
        print_json([setting._asdict() for setting in found])
        return
    print_table(
        ("设置 setting", "值 value", "来源 source", "含义 meaning"),
        [(s.name, _words(s.value), s.source, s.description) for s in found],
    )


@verb(app, "validate", "检查设置 · check the settings", "yrdx config validate --home A")
def validate(home: HomeOption = HERE, json: JsonOption = False) -> None:
    """Check settings; every mistake is named at once."""
    from services.node.settings_file import load_settings

    settings = load_settings(Home(home))
    if json:
        print_json({"valid": True, "city": settings.city})
    else:
        say("设置有效 · the settings are valid")


def _words(value: str | float | bool) -> str:
    """A setting is shown as it is written, a number without separators."""
    return str(value).lower() if isinstance(value, bool) else str(value)
