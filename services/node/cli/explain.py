"""`yrdx explain`: what a reason, a rule or an exit code means, and what to do."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from services.node.cli.verbs import JsonOption, verb
from services.node.exits import Mistake, nearest
from services.node.output import print_fields, print_json, print_result, print_table


def declare(app: typer.Typer) -> None:
    """Add the verb."""
    verb(
        app,
        "explain",
        "解释原因、规则、退出码 · say what a reason, a rule or an exit code means",
        "yrdx explain AGREEMENT_MISSING",
        "yrdx explain citizen_number.check --json",
        "yrdx explain 3",
        more="不给名称则列出全部 · without a name all are listed",
    )(explain)


def explain(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="原因、规则或退出码 · reason, rule or exit code")] = "",
    *,
    markdown: Annotated[bool, typer.Option("--markdown", help="输出 docs/errors.md · write the document")] = False,
    json: JsonOption = False,
) -> None:
    """Explain one name, or all."""
    from services.node.explanations import explanation_of, explanations_markdown, load_explanations

    known = load_explanations()
    if name:
        found = explanation_of(name, known)
        if found is None:
            near = nearest(name, known)
            raise Mistake(f"没有 {name}，最接近的是 · there is no {name}, the nearest is {near}")
        if json:
            print_json(asdict(found) | {"name": name})
        else:
            print_fields({"名称 name": name, "发生了什么 cause": found.cause, "怎么办 cure": found.cure})
    elif markdown:
        print_result(explanations_markdown(known.values()).rstrip("\n"))
    elif json:
        print_json([asdict(one) for one in known.values()])
    else:
        print_table(("名称 name", "发生了什么 cause"), [(one.name, one.cause) for one in known.values()])
