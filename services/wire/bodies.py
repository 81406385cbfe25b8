"""Record bodies of submissions: what travels is made here, once, and kept verbatim ever after."""

from __future__ import annotations

import hashlib
from typing import Final

from services.domain.standing import CONTENT_BYTES, WITHDRAWN
from yrdx.types.v1 import types_pb2

_KEY_BYTES: Final = 16


class BodyWriter:
    """Serialises ``RecordBody`` of one dataset.

    The usual one, an UPSERT with nothing but its message, is put together from its parts: a third of the cost of
    asking protobuf, a million times. ``tests/unit/services/wire/test_bodies.py`` compares both.

    Args:
        type_url: Type of the dataset's message.
        real_data: Whether the people are real.
    """

    def __init__(self, type_url: str, *, real_data: bool) -> None:
        self._type_url = type_url
        self._real_data = real_data
        url = type_url.encode()
        # Field 1 of google.protobuf.Any, and the tag of its field 2.
        self._before_value = b"\x0a" + _varint(len(url)) + url + b"\x12"
        self._end = b"\x38\x01" if real_data else b""

    def upsert(self, key: bytes, message: bytes, *, reason: str = "", mends: int = 0) -> bytes:
        """Return the body of a record that states a subject's present state.

        Args:
            key: Business key, 16 bytes.
            message: Serialised message of the standard.
            reason: Why a correction was sent; never holds personal data.
            mends: Sequence of the rejected record that it mends; 0 for none.
        """
        if reason or mends or not message or len(key) != _KEY_BYTES:
            return self._by_protobuf(types_pb2.OPERATION_UPSERT, key, message, reason=reason, mends=mends)
        content = self._before_value + _varint(len(message)) + message
        # Fields 1 (operation 1), 2 (key), 6 (message) and 7 (real_data) of RecordBody.
        return b"".join((b"\x08\x01\x12\x10", key, b"\x32", _varint(len(content)), content, self._end))

    def retract(self, key: bytes, message: bytes, *, reason: str) -> bytes:
        """Return the body of a record that withdraws a subject; ``message`` repeats what was last sent."""
        return self._by_protobuf(types_pb2.OPERATION_RETRACT, key, message, reason=reason)

    def _by_protobuf(
        self, operation: types_pb2.Operation, key: bytes, message: bytes, *, reason: str, mends: int = 0
    ) -> bytes:
        body = types_pb2.RecordBody(operation=operation, key=key, reason=reason, mends=mends, real_data=self._real_data)
        body.message.type_url = self._type_url
        body.message.value = message
        return body.SerializeToString()


def content_of(message: bytes) -> bytes:
    """Return the digest of what a record says, for finding out whether it changed; never `WITHDRAWN`."""
    digest = hashlib.blake2b(message, digest_size=CONTENT_BYTES).digest()
    return digest if digest != WITHDRAWN else b"\x01" * CONTENT_BYTES


def _varint(number: int) -> bytes:
    if number < 0x80:
        return bytes((number,))
    if number < 0x4000:
        return bytes((number & 0x7F | 0x80, number >> 7))
    parts = []
    while number >= 0x80:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*parts, number))
