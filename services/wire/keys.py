"""A record's key (docs/protocol.md): its subject's digest and its business key's, compiled for one message type."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from services.domain.tags import record_key, record_keys, subject_digest
from services.wire.columns import Columns
from services.wire.fields import KEY_TYPES, field_reader, require_single_field


class CompiledKeys(NamedTuple):
    """Keys of a dataset's messages, 16 bytes each.

    Attributes:
        one: Key of one message.
        many: Keys of many messages, at less than half of the cost each.
    """

    one: Callable[[Message], bytes]
    many: Callable[[Columns], list[bytes]]


def compile_keys(descriptor: Descriptor, subject: Sequence[str], names: Sequence[str]) -> CompiledKeys:
    """Compile keys: texts as they are, numbers and codes in decimal.

    Args:
        descriptor: Of the message.
        subject: Fields that say what a record is about.
        names: Fields of the business key.

    Raises:
        ValueError: No key is declared, or with a field that does not exist or cannot serve.
    """
    if not names:
        raise ValueError(f"{descriptor.full_name} declares no key")
    for name in (*subject, *names):
        require_single_field(descriptor, name, KEY_TYPES)
    read_subject, read = field_reader(subject), field_reader(names)

    def one(message: Message) -> bytes:
        return record_key(tuple(map(str, read_subject(message))), tuple(map(str, read(message))), _sha256)

    def many(columns: Columns) -> list[bytes]:
        return record_keys([columns[name] for name in subject], [columns[name] for name in names], _sha256)

    return CompiledKeys(one, many)


def subject_prefix(parts: Sequence[str]) -> bytes:
    """Return what the keys of all records of a subject begin with, 8 bytes.

    Args:
        parts: Texts of the subject's fields; numbers and codes in decimal.
    """
    return subject_digest(parts, _sha256)


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
