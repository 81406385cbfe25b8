"""What the contract says about a message: it parses, keeps its rules, and holds nothing unknown.

A `protovalidate.Violation` holds the raw value, so it never leaves this file: only the rule's id, the field's path
and a text of ours do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import ClassVar, Final, TypeVar

import protovalidate
from google.protobuf.message import DecodeError, Message

from services.domain.errors import Malformed
from services.domain.receipt import Violation
from services.wire.reasons import reason_of

MessageT = TypeVar("MessageT", bound=Message)

SIGNED_CONTENT_BYTES_MAX: Final = 4_194_304
"""As ``yrdx.exchange.v1.Signed`` says; a receipt that refuses 1,000 records has a tenth of it."""

UNPARSABLE: Final = Violation("", "record.unparsable", reason_of("record.unparsable"))
UNKNOWN_FIELD: Final = Violation("", "record.unknown_field", reason_of("record.unknown_field"))

_VIOLATIONS_MAX: Final = 16  # they travel in trailing metadata, which gRPC bounds at 8 KiB
_VALIDATOR: Final = protovalidate.Validator()


class ContractBroken(Malformed):
    """A message breaks the contract's rules; its sender changes what it sends.

    Args:
        message: What was read, and what is wrong with it.
        violations: The broken rules, at most 16.
    """

    reason: ClassVar[str] = "CONTRACT_BROKEN"

    def __init__(self, message: str, violations: Sequence[Violation] = ()) -> None:
        super().__init__(message)
        self.violations = tuple(violations)


def first_violation(message: Message) -> Violation | None:
    """Return the first rule of the contract that a message breaks, or None."""
    return next(iter(_violations(message, fail_fast=True)), None)


def drop_unknown_fields(message: Message) -> bool:
    """Remove unknown fields at every depth and say whether there were any.

    ``DiscardUnknownFields`` says nothing itself, so sizes are compared; the size of the known fields does not
    depend on how they were encoded on the wire, since both sizes are of the parsed message.
    """
    size = message.ByteSize()
    message.DiscardUnknownFields()
    return message.ByteSize() != size


def verify_rules(message: MessageT) -> MessageT:
    """Return a message that keeps the contract's rules.

    Not checked here: unknown fields, which a newer caller may well send in a request.

    Raises:
        ContractBroken: With the fields and rules.
    """
    violations = list(islice(_violations(message), _VIOLATIONS_MAX))
    if violations:
        raise ContractBroken(_summary(message, violations), violations)
    return message


def parse_content(kind: type[MessageT], content: bytes) -> MessageT:
    """Parse signed bytes: they keep the rules and hold nothing that the verifier would not see.

    Raises:
        ContractBroken: They are too long, unparsable, hold unknown fields, or break a rule.
    """
    name = kind.DESCRIPTOR.name
    if len(content) > SIGNED_CONTENT_BYTES_MAX:
        raise ContractBroken(f"{name}: over {SIGNED_CONTENT_BYTES_MAX} bytes")
    try:
        message = kind.FromString(content)
    except DecodeError as error:
        raise ContractBroken(f"{name}: the bytes do not parse") from error
    if drop_unknown_fields(message):
        raise ContractBroken(f"{name}: holds a field that this version of the contract does not define")
    return verify_rules(message)


def _violations(message: Message, *, fail_fast: bool = False) -> Iterable[Violation]:
    try:
        return map(_violation, _VALIDATOR.collect_violations(message, fail_fast=fail_fast))
    except protovalidate.EvaluationError:
        # A rule that cannot be evaluated was not kept. The error's text may hold the value: it is not chained.
        return [Violation("", "record.rule", reason_of("record.rule"))]


def _violation(broken: protovalidate.Violation) -> Violation:
    found = broken.proto
    return Violation(_path(found.field), found.rule_id, reason_of(found.rule_id, broken.rule_value))


def _path(path: protovalidate.FieldPathPb | None) -> str:
    """Render a path, "rows[3].amount_fen"; map keys are values and stay out."""
    names = []
    for element in path.elements if path else ():
        subscript = element.subscript
        if subscript is None:
            names.append(element.field_name)
        else:
            names.append(f"{element.field_name}[{subscript.value if subscript.field == 'index' else ''}]")
    return ".".join(names)


def _summary(message: Message, violations: Sequence[Violation]) -> str:
    broken = ", ".join(f"{violation.field_path} ({violation.rule_id})" for violation in violations[:3])
    return f"{message.DESCRIPTOR.name} breaks the contract: {broken}"
