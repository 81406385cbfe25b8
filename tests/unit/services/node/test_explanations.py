"""Whatever a node, a command or a clerk's file names is explained: cause and cure, in both languages."""

from __future__ import annotations

import ast
import errno
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FieldDescriptor

import adapters
import services
from adapters.mapping import MappingInvalid
from adapters.mapping.reasons import REASONS as OF_MAPPINGS
from adapters.tables import FileRefused, SinkMoved, SinkUnavailable, SourceUnavailable
from adapters.tables.reasons import REASONS as OF_TABLES
from buf.validate import validate_pb2
from certs.errors import Reason
from services.domain.errors import ExchangeError
from services.node.exits import CommandFailed, Exit, fault_of
from services.node.explanations import explanation_of, explanations_markdown, load_explanations
from services.rpc.server import AddressTaken
from services.store.errors import (
    BackupUnfit,
    MigrationsPending,
    SchemaTooNew,
    StoreRefused,
    ToolFailed,
    UnsafeDatabase,
)
from services.store.failures import end_process
from services.wire.reasons import REASONS as OF_WIRE

ROOT = Path(__file__).parents[4]
KNOWN = load_explanations()
_RULES: Any = validate_pb2.field
"""Stubs know extensions as descriptors without their type."""
RULE_TAKERS = {
    "Violation": 1,
    "Told": 3,
    "_refusal": 0,
    "reason_of": 0,
    "reason_text": 0,
    "NamedRule": 0,
    "FrameRefused": 0,
    "SourceRefused": 1,
    "FileRefused": 1,
    "SourceUnavailable": 1,
    "SinkRefused": 0,
    "RowNotWritten": 2,
    "Agreement": 2,
    "CellRefused": 0,
}
"""Calls that name a rule, and the place of its id among their arguments."""


def subclasses(kind: type[Exception]) -> Iterator[type[Exception]]:
    """Every class below one, whatever module it stands in."""
    for one in kind.__subclasses__():
        yield one
        yield from subclasses(one)


def every_module() -> None:
    """Import all of ours but scripts, so that no class hides."""
    for package in (services, adapters):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations.env" not in found.name and not found.name.endswith("__main__"):
                importlib.import_module(found.name)


def reasons() -> set[str]:
    """Every reason that a class carries, or that a command makes of a class's name."""
    every_module()
    carried = {
        str(kind.__dict__.get("reason", "")) for root in (ExchangeError, CommandFailed) for kind in subclasses(root)
    }
    return (carried | {ExchangeError.reason, CommandFailed.reason, *Reason}) - {""}


def rule_literals() -> set[str]:
    """Rule ids that stand as text in a call of the product's code."""
    found = set()
    for folder in ("services", "adapters"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and (place := RULE_TAKERS.get(getattr(node.func, "id", ""))) is not None:
                    arguments = node.args[place : place + 1]
                    found |= {one.value for one in arguments if isinstance(one, ast.Constant) and one.value}
    return {str(one) for one in found}


def contract_rules() -> set[str]:
    """Ids of buf.validate's rules that fields of our standards carry: "string.pattern", "int64.gte"."""
    found = set()
    for path in (ROOT / "proto" / "yrdx").rglob("*.proto"):
        name = str(path.relative_to(ROOT / "proto"))
        importlib.import_module(name.removesuffix(".proto").replace("/", ".") + "_pb2")
        for message in descriptor_pool.Default().FindFileByName(name).message_types_by_name.values():
            for field in message.fields:
                found |= set(field_rules(field))
    return found


def field_rules(field: FieldDescriptor) -> Iterator[str]:
    """Rule ids of one field."""
    rules: validate_pb2.FieldRules = field.GetOptions().Extensions[_RULES]
    if rules.required:
        yield "required"
    if kind := rules.WhichOneof("type"):
        yield from (f"{kind}.{rule.name}" for rule, _ in getattr(rules, kind).ListFields() if rule.name != "items")


def test_every_reason_is_explained() -> None:
    """What `--json`, a log or a partner names as a reason stands in the table, and nothing else does."""
    named = {name for name, one in KNOWN.items() if one.group in {"exchange", "command", "trust"}}
    assert reasons() <= named
    others = {"TIMEOUT", "SYSTEM"}  # no class of ours: a test call without an answer, and errno
    assert {name for name in named - reasons() - others if not class_named(name)} == set()


def class_named(reason: str) -> bool:
    """Whether a class of ours is called so: ADDRESS_TAKEN is AddressTaken."""
    name = "".join(word.capitalize() for word in reason.split("_"))
    return any(kind.__name__ == name for kind in subclasses(Exception))


def test_errors_of_the_tables_are_explained() -> None:
    """A class that reaches a command without a reason of its own is told by its name, which is listed."""
    told: list[Exception] = [
        MappingInvalid("a", "b", "c"),
        FileRefused("a", "file.empty"),
        SourceUnavailable("a", "json.changed"),
        SinkUnavailable("a"),
        SinkMoved("a"),
        AddressTaken("a"),
        StoreRefused("a"),
        MigrationsPending(["0001"]),
        SchemaTooNew("a"),
        UnsafeDatabase("a"),
        BackupUnfit("a"),
        ToolFailed("a"),
    ]
    assert {type(error) for error in told} >= {StoreRefused, *subclasses(StoreRefused)}
    for error in told:
        fault = fault_of(error)
        assert fault is not None
        assert explanation_of(fault.reason, KNOWN), fault.reason


def test_every_rule_is_explained() -> None:
    """Rules of mappings, tables, frames and the wire, those that only a call names, and those of the contract."""
    rules = {*OF_MAPPINGS, *OF_TABLES, *OF_WIRE, *rule_literals(), "course.step", "course.sender", *contract_rules()}
    assert {rule for rule in rules if explanation_of(rule, KNOWN) is None} == set()
    assert {"record.salt", "mends.superseded", "file.key_conflict"} <= rule_literals() | set(KNOWN)
    assert explanation_of("dialect.code.unsaid", KNOWN) is KNOWN["dialect.…"]


def test_no_rule_is_explained_that_nobody_has() -> None:
    """What stands in the table is used: a rule that went away takes its line with it."""
    source = "".join(
        path.read_text("utf-8") for folder in ("services", "adapters") for path in (ROOT / folder).rglob("*.py")
    )
    families = {rule.partition(".")[0] for rule in contract_rules()} | {"dialect"}
    lines = {name for name, one in KNOWN.items() if one.group == "rule"}
    assert {name for name in lines if f'"{name}"' not in source and name.removesuffix(".…") not in families} == set()


def test_every_exit_code_is_explained() -> None:
    """Those of the command, and 70 of a node that cannot know whether it committed."""
    assert {name for name, one in KNOWN.items() if one.group == "exit"} == {str(int(code)) for code in Exit} | {"70"}
    assert end_process.__globals__["_EXIT_CODE"] == 70


def test_both_languages_say_cause_and_cure() -> None:
    """Chinese first, English beside, and neither breaks the document's table."""
    for words in (words for one in KNOWN.values() for words in (one.cause, one.cure)):
        chinese, separator, english = words.partition(" · ")
        assert any("一" <= letter <= "鿿" for letter in chinese), words
        assert separator, words
        assert not any("一" <= letter <= "鿿" for letter in english.replace("编号", "")), words
        assert "|" not in words


def test_the_systems_errors_share_one() -> None:
    """The names of errno are too many to list."""
    assert {explanation_of(name, KNOWN) for name in errno.errorcode.values()} == {KNOWN["SYSTEM"]}
    assert explanation_of("no_such_rule", KNOWN) is None


def test_the_document_is_of_this_table() -> None:
    """`yrdx explain --markdown > docs/errors.md` after every change."""
    assert (ROOT / "docs" / "errors.md").read_text(encoding="utf-8") == explanations_markdown(KNOWN.values())
