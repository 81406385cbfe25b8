"""The protocol once more, from docs/protocol.md alone: hashlib, cryptography, and nothing of the product."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Hash = Callable[[bytes], bytes]


def sha256(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()


def sm3(data: bytes) -> bytes:
    """SM3."""
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize()


HASHES: dict[str, Hash] = {"SHA256": sha256, "SM3": sm3}


def leaf(h: Hash, sequence: int, salt: bytes, body: bytes) -> bytes:
    """Hash one record."""
    return h(b"\x00" + b"yrdx-record-v1" + sequence.to_bytes(8, "big") + salt + body)


def root(h: Hash, leaves: Sequence[bytes]) -> bytes:
    """Hash leaves as RFC 9162 section 2.1.1 says: split at the largest power of two below their number."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return h(b"\x01" + root(h, leaves[:split]) + root(h, leaves[split:]))


def record_key(subject: Sequence[str], business_key: Sequence[str]) -> bytes:
    """Hash whom a record is about, and which record it is."""
    return framed_hash(b"yrdx-subject-v1", subject)[:8] + framed_hash(b"yrdx-key-v1", business_key)[:8]


def framed_hash(preimage: bytes, parts: Sequence[str]) -> bytes:
    """Hash texts, each after its length."""
    for part in parts:
        text = part.encode("utf-8")
        preimage += len(text).to_bytes(4, "big") + text
    return sha256(preimage)


def key_id(public: bytes) -> str:
    """Name a signing key."""
    return sha256(public)[:16].hex()


def verify(public: bytes, tag: str, content: bytes, signature: bytes) -> None:
    """Verify a signature; raises `cryptography.exceptions.InvalidSignature`."""
    Ed25519PublicKey.from_public_bytes(public).verify(signature, tag.encode("ascii") + content)


def header_bytes(says: dict[str, Any]) -> bytes:
    """Serialise a BatchHeader by hand: fields in the order of their numbers, defaults left out."""
    return b"".join(
        (
            number(1, says["hash_algorithm"]),
            block(2, says["stream"].encode()),
            number(3, int(says["epoch"])),
            block(4, says["agreement_id"].encode()),
            number(5, says["agreement_version"]),
            block(6, says["standard"].encode()),
            number(7, int(says["first_sequence"])),
            number(8, says["record_count"]),
            block(9, base64.b64decode(says["root"])),
            block(10, base64.b64decode(says["previous_hash"])),
            block(11, timestamp(says["sealed_time"])),
        )
    )


def timestamp(text: str) -> bytes:
    """Serialise a google.protobuf.Timestamp."""
    instant = datetime.fromisoformat(text)
    seconds = int(instant.replace(microsecond=0).timestamp())
    assert instant.tzinfo == UTC
    return number(1, seconds) + number(2, instant.microsecond * 1000)


def number(field: int, value: int) -> bytes:
    """Serialise a varint field."""
    return varint(field << 3) + varint(value) if value else b""


def block(field: int, content: bytes) -> bytes:
    """Serialise a length-delimited field."""
    return varint(field << 3 | 2) + varint(len(content)) + content if content else b""


def varint(value: int) -> bytes:
    """Serialise a varint."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
