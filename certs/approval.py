"""An approval: an operator's signature over one act, so that granting trust takes more than one person.

    {"act": …, "digest": …, "expires_at": …, "nonce": …, "certificate": …, "signature": …}

It is signed by the key of the operator's own leaf, over the tag and the first four fields. It binds people who use the
node as it is meant; it does not bind whoever is root on the machine, who can change the program itself.

Offices: the first word of an operator's name. ``security-…`` approves and revokes, ``system-…`` runs the node,
``audit-…`` reads. A name has one first word, so nobody holds two.

Source:
    The separation of system, security and audit administrators is that of GB/T 22239-2019 section 8.1.5 (level 3).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from certs.errors import CertificateRefused, KeystoreBroken, Reason
from certs.identity import Identity
from certs.pem import certificate_from_pem, private_key_from_pem
from certs.verification import CallerVerifier

APPROVAL_TAG: Final = b"yrdx-approval-v1"
APPROVAL_BYTES_MAX: Final = 8 * 1024
APPROVAL_VALID_FOR: Final = timedelta(hours=24)

OFFICES: Final = ("system", "security", "audit")
_NONCE: Final = re.compile(r"[0-9a-f]{32}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_FIELDS: Final = frozenset({"act", "digest", "expires_at", "nonce", "certificate", "signature"})


@dataclass(frozen=True, slots=True)
class Approval:
    """A verified approval.

    Attributes:
        operator: Who approved.
        act: What: "partner", "lift", "agreement" or "ca".
        digest: SHA-256 of what it is done with, hex.
        nonce: Used once, 32 hex digits.
    """

    operator: Identity
    act: str
    digest: str
    nonce: str


def office_of(identity: Identity) -> str:
    """Read an operator's office from its name; empty for one that has none."""
    first = identity.name.partition("-")[0]
    return first if first in OFFICES else ""


def make_approval(
    act: str, digest: str, *, certificate_pem: bytes, key_pem: bytes, nonce: bytes, now: datetime
) -> bytes:
    """Sign an approval.

    Args:
        act: "partner", "lift", "agreement" or "ca".
        digest: SHA-256 of what it is done with, hex.
        certificate_pem: The operator's leaf.
        key_pem: Its key, not encrypted.
        nonce: 16 random bytes.
        now: Time of the signature; it counts for `APPROVAL_VALID_FOR`.

    Raises:
        KeystoreBroken: The key is none of an operator's leaf.
    """
    key = private_key_from_pem(key_pem)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or (
        key.public_key() != certificate_from_pem(certificate_pem).public_key()
    ):
        raise KeystoreBroken(Reason.KEY_MISMATCH, "not the key of that operator's certificate")
    fields = {
        "act": act,
        "digest": digest,
        "expires_at": f"{now + APPROVAL_VALID_FOR:%Y-%m-%dT%H:%M:%SZ}",
        "nonce": nonce.hex(),
    }
    signature = key.sign(_message(fields), ec.ECDSA(hashes.SHA256()))
    return _text({**fields, "certificate": certificate_pem.decode("ascii"), "signature": signature.hex()})


def verify_approvals(  # noqa: PLR0913 - what an approval is held against
    approvals: Sequence[bytes],
    *,
    act: str,
    digest: str,
    wanted: int,
    city: str,
    own: CallerVerifier,
    used: Iterable[str],
    now: datetime,
) -> list[Approval]:
    """Return approvals of that many different security operators, for this act with this very thing.

    Args:
        approvals: As `make_approval` wrote them.
        act: What is about to be done.
        digest: SHA-256 of what it is done with, hex.
        wanted: How many operators must have signed.
        city: This city: a partner's operators approve nothing here.
        own: Verifies certificates.
        used: Nonces that were used before.
        now: Time of the act.

    Raises:
        CertificateRefused: APPROVAL_REFUSED, with the first that does not count, or how many are missing.
    """
    found = [_verify(one, (city, act, digest), own=own, now=now) for one in approvals]
    spent = set(used)
    for approval in found:
        if approval.nonce in spent:
            raise _refused(f"the approval of {approval.operator.uri} was used before: ask for a new one")
        spent.add(approval.nonce)
    if len({approval.operator for approval in found}) < wanted:
        raise _refused(
            f"{wanted} different security operators must approve this, {len(found)} did: "
            f"`yrdx operator approve {act} …`, then the same again with `--approval FILE` for each"
        )
    return found


def _verify(data: bytes, wanted: tuple[str, str, str], *, own: CallerVerifier, now: datetime) -> Approval:
    city, act, digest = wanted
    fields = _parsed(data)
    pem = fields["certificate"].encode("ascii")
    try:
        operator = own.verify(pem, now=now)
    except CertificateRefused as error:
        raise _refused(f"the certificate of an approval does not stand: {error}") from error
    if operator.city != city or operator.role != "operator" or office_of(operator) != "security":
        raise _refused(f"{operator.uri} is no security operator of {city}: only those approve")
    _check_signature(pem, fields, operator)
    if (fields["act"], fields["digest"]) != (act, digest):
        raise _refused(f"{operator.uri} approved something else than this {act}")
    if _time(fields["expires_at"]) < now:
        raise _refused(f"the approval of {operator.uri} has ended: ask for a new one")
    return Approval(operator, act, digest, fields["nonce"])


def _check_signature(pem: bytes, fields: dict[str, str], operator: Identity) -> None:
    key = certificate_from_pem(pem).public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise _refused(f"the key of {operator.uri} is of another kind than approvals take")
    try:
        signature = bytes.fromhex(fields["signature"])
        key.verify(signature, _message(fields), ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError) as error:
        raise _refused(f"the signature of {operator.uri} does not stand") from error


def _parsed(data: bytes) -> dict[str, str]:
    try:
        fields = json.loads(data.decode("ascii")) if len(data) <= APPROVAL_BYTES_MAX else None
    except ValueError as error:
        raise _refused("not an approval file") from error
    if not isinstance(fields, dict) or fields.keys() != _FIELDS or not all(isinstance(v, str) for v in fields.values()):
        raise _refused("not an approval file")
    if not _NONCE.fullmatch(fields["nonce"]) or not _DIGEST.fullmatch(fields["digest"]):
        raise _refused("an approval's nonce or digest has another shape")
    return fields


def _message(fields: dict[str, str]) -> bytes:
    signed = {name: fields[name] for name in ("act", "digest", "expires_at", "nonce")}
    return APPROVAL_TAG + json.dumps(signed, sort_keys=True).encode("ascii")


def _text(fields: dict[str, str]) -> bytes:
    return json.dumps(fields, indent=1, sort_keys=True).encode("ascii") + b"\n"


def _time(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise _refused("an approval's end has another shape") from error


def _refused(what: str) -> CertificateRefused:
    return CertificateRefused(Reason.APPROVAL_REFUSED, what)
