"""The bundle file: a city's statement, signed by its offline bundle key.

    yrdx-bundle-v1
    key Ed25519 <public key, 64 hex digits>
    signature <128 hex digits>
    <empty line>
    {the statement as JSON, to the end of the file}

The signature covers the tag and the JSON bytes as they stand, so they are never written again to be
verified. Hex in one letter case leaves no second way to write the same signature. The key in the
file proves nothing yet: the operator compares its fingerprint over another channel.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from certs.bundle_model import AuthorityState, BundleAuthority, CityBundle, verify_bundle, verify_current
from certs.bundle_payload import bundle_from_payload, payload_from_bundle
from certs.errors import BundleRefused, Reason, SignatureRefused
from certs.signing import PublicSigningKey, SigningKey

__all__ = [
    "BUNDLE_BYTES_MAX",
    "AuthorityState",
    "BundleAuthority",
    "CityBundle",
    "SignedBundle",
    "bundle_to_bytes",
    "parse_bundle",
    "read_bundle",
    "verify_fingerprint",
]

BUNDLE_BYTES_MAX: Final = 256 * 1024
BUNDLE_TAG: Final = b"yrdx-bundle-v1"

_HEAD: Final = re.compile(BUNDLE_TAG + rb"\nkey Ed25519 ([0-9a-f]{64})\nsignature ([0-9a-f]{128})\n\n(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SignedBundle:
    """A bundle whose signature stands under the key it brought along.

    Attributes:
        bundle: The statement.
        bundle_key: The key it is signed with; trusted once its fingerprint was compared.
        digest: SHA-256 over tag and statement, hex: what the next version names as ``previous``.
        data: The file, byte for byte.
    """

    bundle: CityBundle
    bundle_key: PublicSigningKey
    digest: str
    data: bytes

    @property
    def fingerprint(self) -> str:
        """The bundle key's fingerprint, to be read out over another channel."""
        return self.bundle_key.fingerprint


def bundle_to_bytes(bundle: CityBundle, bundle_key: SigningKey) -> bytes:
    """Sign a bundle; what a partner would refuse is not signed.

    Raises:
        BundleRefused: A rule of `certs.bundle_model.verify_bundle` is broken, or it is too large.
    """
    payload = payload_from_bundle(verify_bundle(bundle))
    signature = bundle_key.sign(BUNDLE_TAG + payload)
    head = f"key Ed25519 {bundle_key.public.public_key.hex()}\nsignature {signature.hex()}\n\n"
    return _verify_size(BUNDLE_TAG + b"\n" + head.encode("ascii") + payload)


def parse_bundle(data: bytes, *, now: datetime) -> SignedBundle:
    """Return a bundle that a partner may be enrolled with.

    Not checked here: the fingerprint (`verify_fingerprint`), and that no other city has one of its
    authorities (`certs.anchor.verify_distinct_authorities`).

    Args:
        data: The file's bytes.
        now: Time of enrolment, with its zone.

    Raises:
        BundleRefused: With the reason.
    """
    signed = read_bundle(data)
    verify_current(signed.bundle, now=now)
    return signed


def read_bundle(data: bytes) -> SignedBundle:
    """Return a bundle as it was signed, whenever that was: old evidence needs old bundles.

    Raises:
        BundleRefused: Anything but that its authorities have ended.
    """
    head = _HEAD.fullmatch(_verify_size(data))
    if head is None:
        raise _not_a_bundle(data)
    key, signature, payload = bytes.fromhex(head[1].decode()), bytes.fromhex(head[2].decode()), head[3]
    try:
        bundle_key = PublicSigningKey(key)
        bundle_key.verify(signature, BUNDLE_TAG + payload)
    except SignatureRefused as error:
        raise BundleRefused(
            Reason.BUNDLE_ALTERED,
            "the bundle was changed or cut short since it was signed: ask for it again, as an attachment",
        ) from error
    digest = hashlib.sha256(BUNDLE_TAG + payload).hexdigest()
    return SignedBundle(verify_bundle(bundle_from_payload(payload)), bundle_key, digest, data)


def verify_fingerprint(signed: SignedBundle, fingerprint: str) -> SignedBundle:
    """Return a bundle whose key is the one that the other city read out.

    Args:
        signed: The bundle.
        fingerprint: As typed: upper or lower case, with or without ``SHA256:``, dashes and spaces.

    Raises:
        BundleRefused: FINGERPRINT_MISMATCH; the bundle's own fingerprint is not shown, or it would
            be the one that gets typed next.
    """
    typed = re.sub(r"[\s-]", "", fingerprint.lower()).removeprefix("sha256:")
    if typed != signed.bundle_key.key_id:
        raise BundleRefused(
            Reason.FINGERPRINT_MISMATCH,
            f"the bundle says {signed.bundle.city} and is signed by another key than that fingerprint's: "
            "do not take it, and call that city",
        )
    return signed


def _verify_size(data: bytes) -> bytes:
    if len(data) > BUNDLE_BYTES_MAX:
        raise BundleRefused(
            Reason.BUNDLE_TOO_LARGE, f"a bundle has at most {BUNDLE_BYTES_MAX // 1024} KiB: not a bundle file"
        )
    return data


def _not_a_bundle(data: bytes) -> BundleRefused:
    """Mail programs and editors rewrite line ends: worth its own words, it is the usual accident."""
    if data.removeprefix(b"\xef\xbb\xbf").startswith(BUNDLE_TAG) and b"\r\n" in data:
        return BundleRefused(
            Reason.BUNDLE_ALTERED,
            "the bundle's line ends were rewritten on the way: ask for it as an attachment",
        )
    return BundleRefused(Reason.BUNDLE_MALFORMED, "not a whole bundle file: another file, or cut short")
