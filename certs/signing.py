"""Signatures over batches, receipts and bundles, by keys that have nothing to do with TLS.

The message is signed as it is handed over: every caller puts its own tag before it, so that a
signature over a receipt can never be read as one over a batch.

Algorithms: Ed25519 alone today. The national SM2 is absent from the ``cryptography`` package; the
``algorithm`` field travels with every key, so that SM2 becomes one more value and no new format.

Source:
    RFC 8032 section 5.1 (Ed25519); RFC 8410 (PKCS#8).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from certs.errors import KeystoreBroken, Reason, SignatureRefused
from certs.pem import private_key_from_pem, private_key_to_pem

ED25519: Final = "Ed25519"
_PUBLIC_KEY_BYTES: Final = 32
_KEY_ID_BYTES: Final = 16

# The points of low order, in every encoding, without the sign bit. Under such a key one signature
# fits many messages (RFC 8032 section 8.9 leaves this to the protocol), so it is evidence of nothing.
_LOW_ORDER: Final = frozenset(
    bytes.fromhex(encoded)
    for encoded in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    )
)


@dataclass(frozen=True)
class PublicSigningKey:
    """The public half of a signing key, as a city publishes it.

    Attributes:
        public_key: Raw public key, 32 bytes.
        retired_at: When the city stopped signing with it; earlier signatures stay good for ever.
        compromised_at: From when somebody else may have had it. `verify` does not judge this: only
            what already stood in the other city's ledger counts, and the ledger is not known here.
        algorithm: ``Ed25519``.

    Raises:
        ValueError: Another algorithm or length.
        SignatureRefused: KEY_WEAK, a key that fits many messages.
    """

    public_key: bytes
    retired_at: datetime | None = None
    compromised_at: datetime | None = None
    algorithm: str = ED25519

    def __post_init__(self) -> None:
        """Refuse what can never verify, or would verify too much."""
        if self.algorithm != ED25519:
            raise ValueError(f"signature algorithm must be {ED25519}")
        if len(self.public_key) != _PUBLIC_KEY_BYTES:
            raise ValueError(f"an {ED25519} public key has {_PUBLIC_KEY_BYTES} bytes")
        if self.public_key[:-1] + bytes([self.public_key[-1] & 0x7F]) in _LOW_ORDER:
            raise SignatureRefused(Reason.KEY_WEAK, "the key fits many messages: its city needs a new one")

    @cached_property
    def key_id(self) -> str:
        """The first 16 bytes of the SHA-256 of the raw public key, 32 hex digits."""
        return hashlib.sha256(self.public_key).digest()[:_KEY_ID_BYTES].hex()

    @cached_property
    def fingerprint(self) -> str:
        """The key id in the form that two operators compare over the phone.

        Eight groups of four hex digits: no letter case to spell out, and a group is as much as one
        repeats without an error. 128 bits are out of reach for whoever needs a key of their own
        with the same fingerprint (2 ** 128 keys).
        """
        return "SHA256:" + "-".join(self.key_id[at : at + 4] for at in range(0, len(self.key_id), 4))

    def verify(self, signature: bytes, message: bytes) -> bytes:
        """Return the message, once the signature over it stands.

        Args:
            signature: 64 bytes.
            message: What was signed, with its tag.

        Raises:
            SignatureRefused: SIGNATURE_WRONG.
        """
        try:
            self._loaded.verify(signature, message)
        except InvalidSignature as error:
            raise SignatureRefused(
                Reason.SIGNATURE_WRONG,
                f"the signature does not stand under key {self.key_id}: the signed bytes, the signature "
                "or the key is another one",
            ) from error
        return message

    @cached_property
    def _loaded(self) -> Ed25519PublicKey:
        return Ed25519PublicKey.from_public_bytes(self.public_key)


@dataclass(frozen=True)
class SigningKey:
    """A private signing key; it never shows itself in ``repr``."""

    _private: Ed25519PrivateKey = field(repr=False)
    algorithm: str = ED25519

    @classmethod
    def generate(cls) -> SigningKey:
        """Make a new key from the operating system's randomness."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, data: bytes) -> SigningKey:
        """Read a key back from unencrypted PKCS#8.

        Raises:
            KeystoreBroken: KEY_MALFORMED.
        """
        key = private_key_from_pem(data)
        if not isinstance(key, Ed25519PrivateKey):
            raise KeystoreBroken(Reason.KEY_MALFORMED, f"a signing key must be {ED25519}")
        return cls(key)

    def to_pem(self) -> bytes:
        """Write the key as unencrypted PKCS#8; the caller sees to the file's mode."""
        return private_key_to_pem(self._private)

    @cached_property
    def public(self) -> PublicSigningKey:
        """The public half, in use: neither retired nor compromised."""
        return PublicSigningKey(self._private.public_key().public_bytes_raw())

    @property
    def key_id(self) -> str:
        """The key's identifier, as in `PublicSigningKey.key_id`."""
        return self.public.key_id

    def sign(self, message: bytes) -> bytes:
        """Sign a message that begins with its tag.

        Returns:
            64 bytes, the same for the same message.
        """
        return self._private.sign(message)
