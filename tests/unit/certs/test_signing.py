from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.errors import KeystoreBroken, Reason, SignatureRefused
from certs.signing import PublicSigningKey, SigningKey
from tests.unit.certs.forgery import NOW, SHANGHAI, authority_of

KEY = SigningKey.generate()

# RFC 8032 section 7.1, tests 1 to 3: public key, message, signature.
RFC_8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
]


@pytest.mark.parametrize(("public_key", "message", "signature"), RFC_8032)
def test_published_signatures_stand(public_key: str, message: str, signature: str) -> None:
    """Signatures of other makers verify."""
    key = PublicSigningKey(bytes.fromhex(public_key))
    assert key.verify(bytes.fromhex(signature), bytes.fromhex(message)) == bytes.fromhex(message)


@given(st.binary(max_size=200))
def test_own_signature_stands(message: bytes) -> None:
    """What a key signs, its public half verifies, and the message comes back."""
    assert KEY.public.verify(KEY.sign(message), message) == message


@given(st.binary(max_size=100), st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_any_changed_byte_is_refused(message: bytes, place: int, flip: int) -> None:
    """A signature does not stand with one byte of it or of the message changed."""
    whole = bytearray(KEY.sign(message) + message)
    whole[place % len(whole)] ^= flip
    with pytest.raises(SignatureRefused) as refused:
        KEY.public.verify(bytes(whole[:64]), bytes(whole[64:]))
    assert refused.value.reason is Reason.SIGNATURE_WRONG


@pytest.mark.parametrize("signature", [b"", b"\0" * 63, b"\0" * 64, b"\0" * 65])
def test_no_signature_is_refused(signature: bytes) -> None:
    """An empty, short, zero or long signature is refused like any wrong one."""
    with pytest.raises(SignatureRefused):
        KEY.public.verify(signature, b"message")


def test_another_key_is_refused() -> None:
    """A good signature does not stand under another key."""
    with pytest.raises(SignatureRefused):
        SigningKey.generate().public.verify(KEY.sign(b"message"), b"message")


def test_key_id_and_fingerprint_are_the_same_128_bits() -> None:
    """Machines and people name a key by the same digits."""
    public = KEY.public
    assert public.key_id == KEY.key_id == hashlib.sha256(public.public_key).hexdigest()[:32]
    assert re.fullmatch(r"SHA256:([0-9a-f]{4}-){7}[0-9a-f]{4}", public.fingerprint)
    assert public.fingerprint.removeprefix("SHA256:").replace("-", "") == public.key_id


def test_retired_key_still_verifies() -> None:
    """Old evidence outlives its key."""
    retired = PublicSigningKey(KEY.public.public_key, retired_at=NOW)
    assert retired.verify(KEY.sign(b"old"), b"old") == b"old"
    assert retired.key_id == KEY.key_id
    assert retired != KEY.public


def test_private_key_reads_back_and_does_not_print() -> None:
    """A key survives PEM, and neither its repr nor an error shows it."""
    again = SigningKey.from_pem(KEY.to_pem())
    assert again.public == KEY.public
    assert again.sign(b"message") == KEY.sign(b"message")
    assert repr(again) == "SigningKey(algorithm='Ed25519')"


@pytest.mark.parametrize(
    "pem", [b"", KEY.to_pem()[:-2], KEY.to_pem() * 2, authority_of(SHANGHAI).key_pem(), b"x" * 20_000]
)
def test_other_key_files_are_refused(pem: bytes) -> None:
    """No key, a torn one, two, and one of another kind are refused."""
    with pytest.raises(KeystoreBroken) as refused:
        SigningKey.from_pem(pem)
    assert refused.value.reason is Reason.KEY_MALFORMED


@pytest.mark.parametrize(("size", "algorithm"), [(31, "Ed25519"), (33, "Ed25519"), (32, "SM2")])
def test_unknown_kind_of_key_is_our_mistake(size: int, algorithm: str) -> None:
    """A key of another length or algorithm is never taken for Ed25519."""
    with pytest.raises(ValueError, match=r"must be|bytes"):
        PublicSigningKey(bytes(size), algorithm=algorithm)


def test_keys_that_fit_many_messages_are_refused() -> None:
    """No point of low order, in any of its encodings, is a signing key."""
    for encoding in low_order_encodings():
        with pytest.raises(SignatureRefused) as refused:
            PublicSigningKey(encoding)
        assert refused.value.reason is Reason.KEY_WEAK


def low_order_encodings() -> list[bytes]:
    """Every encoding of edwards25519's eight points of low order (RFC 8032 section 5.1).

    Their y are 0, ±1 and the four roots of d·y⁴ + 2·y² = 1: doubling such a point gives y = 0.
    """
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p) % p
    squares = [(-1 + sign * root(1 + d, p)) * pow(d, -1, p) % p for sign in (1, -1)]
    ys = {0, 1, p - 1}
    for square in squares:
        if pow(square, (p - 1) // 2, p) == 1:
            ys |= {root(square, p), p - root(square, p)}
    assert len(ys) == 5
    fitting = [y for base in ys for y in (base, base + p) if y < 2**255]
    return [(y | sign << 255).to_bytes(32, "little") for y in fitting for sign in (0, 1)]


def root(square: int, p: int) -> int:
    """A square root modulo p = 5 (mod 8) (RFC 8032 section 5.1.3)."""
    candidate = pow(square, (p + 3) // 8, p)
    if (candidate * candidate - square) % p:
        candidate = candidate * pow(2, (p - 1) // 4, p) % p
    assert (candidate * candidate - square) % p == 0
    return candidate
