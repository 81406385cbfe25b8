"""Many messages of one type, parsed and validated in one call each.

Validating, and looking for unknown fields, costs more per call than per message; so the messages of a batch are
parsed into one ``repeated`` field of a message that is made up here, and asked about together. Only a run that is
not clean is asked again message by message.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import Default
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from services.domain.receipt import Violation
from services.wire.columns import Columns, compile_columns
from services.wire.contract import UNKNOWN_FIELD, UNPARSABLE, drop_unknown_fields, first_violation


class MessageRun:
    """Parses runs of one message type."""

    def __init__(self, message_class: type[Message]) -> None:
        """Make up ``message Run { repeated <type> items = 1; }`` for a type of the contract."""
        self._message_class = message_class
        self._run_class = _run_class(message_class)
        descriptor: Any = message_class.DESCRIPTOR
        self._surely_keep = compile_columns(descriptor)

    def parse_clean(self, encoded: Sequence[bytes]) -> Columns | None:
        """Parse a run of serialised messages that are probably all good, at a fraction of the cost of `parse`.

        Args:
            encoded: At least one message's bytes.

        Returns:
            The messages, when all parse, hold nothing unknown and surely keep the rules; None when `parse` must say.
        """
        run: Any = self._run_class()
        try:
            for one in encoded:
                run.items.add().MergeFromString(one)
        except DecodeError:
            return None
        columns = Columns(list(run.items))
        return columns if not drop_unknown_fields(run) and self._surely_keep(columns) else None

    def parse(self, encoded: Sequence[bytes | Violation]) -> list[Any]:
        """Parse a run of serialised messages.

        Args:
            encoded: Bytes; or why that one is refused already, which is handed through.

        Returns:
            For each, in order, the message, or the violation that refuses it: unparsable bytes, an unknown field
            at any depth, or the first broken rule of the contract. Never raises for bad bytes.
        """
        run: Any = self._run_class()
        found = [_parse(run.items, one) for one in encoded]
        if drop_unknown_fields(run):
            found = [self._known(one, item) for one, item in zip(encoded, found, strict=True)]
        if first_violation(run):
            found = [item if isinstance(item, Violation) else first_violation(item) or item for item in found]
        return found

    def _known(self, one: bytes | Violation, item: Message | Violation) -> Message | Violation:
        """Find out whether this message had the unknown fields, by parsing it again."""
        if isinstance(one, Violation) or isinstance(item, Violation):
            return item
        return UNKNOWN_FIELD if drop_unknown_fields(self._message_class.FromString(one)) else item


def _parse(items: RepeatedCompositeFieldContainer[Message], one: bytes | Violation) -> Message | Violation:
    if isinstance(one, Violation):
        return one
    item = items.add()
    try:
        item.MergeFromString(one)
    except DecodeError:
        del items[-1]
        return UNPARSABLE
    return item


def _run_class(message_class: type[Message]) -> type[Message]:
    descriptor = message_class.DESCRIPTOR
    file = FileDescriptorProto(
        name=f"services/wire/runs/{descriptor.full_name}.proto",
        package=f"services.wire.runs.{descriptor.file.package}",
        dependency=[descriptor.file.name],
        syntax="proto3",
    )
    run = file.message_type.add(name=f"{descriptor.name}Run")
    run.field.add(
        name="items",
        number=1,
        label=FieldDescriptorProto.LABEL_REPEATED,
        type=FieldDescriptorProto.TYPE_MESSAGE,
        type_name=f".{descriptor.full_name}",
    )
    pool = Default()
    pool.AddSerializedFile(file.SerializeToString())  # the same file again changes nothing
    return GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.{run.name}"))
