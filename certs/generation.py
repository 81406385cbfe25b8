"""One generation of a node's keys: what belongs together, checked as a whole before anybody uses it.

gRPC says nothing about an expired, mismatched or torn key pair: it keeps what it had, or refuses
every partner. So nothing gets past `verify_generation` that a handshake would fail on. It works on
bytes alone; where they lie on disk is `certs.keystore`'s affair.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from certs.anchor import verify_authority_certificate
from certs.authority import Authority, serial_number
from certs.bundle_model import AuthorityState, BundleAuthority, CityBundle
from certs.errors import KeystoreBroken, Reason, TrustError
from certs.identity import Identity, Role, gateway_host, identity_of
from certs.leaf import LEAF_VALID_FOR, verify_leaf_form
from certs.pem import (
    certificate_from_pem,
    certificates_from_pem,
    certificates_to_pem,
    private_key_from_pem,
    private_key_to_pem,
)
from certs.signing import SigningKey
from certs.verification import CallerVerifier, verify_gateway_leaf

ROOTS_FILE: Final = "ca.pem"
SIGNING_KEY_FILE: Final = "signing.key"
# The parties of a node: its gateway, and the two leaves that its own command line and sinks call with.
PARTIES: Final[Mapping[Role, str]] = {"gateway": "main", "system": "local", "operator": "local"}
FILES: Final = (
    ROOTS_FILE,
    SIGNING_KEY_FILE,
    *(f"{role}.{kind}" for role in PARTIES for kind in ("pem", "key")),
)


@dataclass(frozen=True)
class KeyPair:
    """A leaf and its key, ready for gRPC credentials.

    Attributes:
        identity: Who the leaf speaks for, verified.
        leaf: The certificate.
        chain_pem: The leaf as one PEM block.
        key_pem: The private key, PKCS#8, not encrypted.
    """

    identity: Identity
    leaf: x509.Certificate
    chain_pem: bytes
    key_pem: bytes = field(repr=False)

    @property
    def not_after(self) -> datetime:
        """When the leaf ends."""
        return self.leaf.not_valid_after_utc


@dataclass(frozen=True)
class Generation:
    """A verified generation.

    Attributes:
        number: From 1; the folder's name.
        fingerprint: First 16 bytes of the SHA-256 of the manifest, hex: two nodes with the same one
            hold the same files. It gives nothing of a key away.
        city: Six-digit city code that every leaf speaks for.
        own_roots: The city's authorities.
        own_roots_pem: The same, ready for gRPC.
        gateway: What the node serves and calls partners with.
        system: What the city's own programs call the node with.
        operator: What the command line calls the node with.
        signing_key: Signs batches and receipts.
    """

    number: int
    fingerprint: str
    city: str
    own_roots: tuple[x509.Certificate, ...]
    own_roots_pem: bytes
    gateway: KeyPair
    system: KeyPair
    operator: KeyPair
    signing_key: SigningKey

    @property
    def gateway_chain_pem(self) -> bytes:
        """The gateway's certificate chain for gRPC credentials."""
        return self.gateway.chain_pem

    @property
    def gateway_key_pem(self) -> bytes:
        """The gateway's private key for gRPC credentials."""
        return self.gateway.key_pem

    @property
    def not_after(self) -> datetime:
        """When the first leaf of this generation ends."""
        return min(pair.not_after for pair in self.pairs.values())

    @property
    def pairs(self) -> Mapping[Role, KeyPair]:
        """Every leaf with its key, by role."""
        return {"gateway": self.gateway, "system": self.system, "operator": self.operator}

    def bundle(
        self,
        *,
        version: int,
        previous: str | None,
        endpoint: str | None,
        created_at: datetime,
        authorities: tuple[BundleAuthority, ...] | None = None,
    ) -> CityBundle:
        """State this generation as a bundle: its authorities, its signing key and gateway.

        Args:
            version: From 1.
            previous: Digest of the version before; None for version 1.
            endpoint: ``host:port`` as a hint for partners, or None.
            created_at: Time of the statement, with its zone.
            authorities: Every authority the city ever had, with its state; None: those of the generation, as active.
        """
        active = tuple(BundleAuthority(certificates_to_pem(root), AuthorityState.ACTIVE) for root in self.own_roots)
        return CityBundle(
            city=self.city,
            version=version,
            previous=previous,
            authorities=active if authorities is None else authorities,
            signing_keys=(self.signing_key.public,),
            gateway_leaves=(self.gateway_chain_pem,),
            dns_names=(gateway_host(self.city),),
            endpoint=endpoint,
            created_at=created_at,
        )


def issue_generation(
    authority: Authority,
    signing_key: SigningKey,
    *,
    now: datetime,
    random: Callable[[int], bytes],
    valid_for: timedelta = LEAF_VALID_FOR,
) -> dict[str, bytes]:
    """Make the files of a new generation: new leaf keys and leaves under an authority.

    Args:
        authority: Signs the leaves, and becomes the generation's only root.
        signing_key: Goes on as it is: it does not rotate with the leaves.
        now: Time of issue, with its zone.
        random: Gives that many random bytes, for the serials.
        valid_for: Life of the leaves.

    Returns:
        File name → content, for each of `FILES`.
    """
    files = {ROOTS_FILE: authority.certificate_pem(), SIGNING_KEY_FILE: signing_key.to_pem()}
    return files | issue_leaves(authority, now=now, random=random, valid_for=valid_for)


def issue_leaves(
    authority: Authority,
    *,
    now: datetime,
    random: Callable[[int], bytes],
    valid_for: timedelta = LEAF_VALID_FOR,
) -> dict[str, bytes]:
    """Make new keys and leaves for every party; see `issue_generation`.

    Returns:
        File name → content, for each file of a leaf or its key.
    """
    files: dict[str, bytes] = {}
    for role, name in PARTIES.items():
        key = ec.generate_private_key(ec.SECP256R1())
        identity, serial = Identity(authority.city, role, name), serial_number(random)
        leaf = authority.issue(identity, key.public_key(), now=now, serial=serial, valid_for=valid_for)
        files[f"{role}.pem"] = certificates_to_pem(leaf)
        files[f"{role}.key"] = private_key_to_pem(key)
    return files


def manifest_of(files: Mapping[str, bytes]) -> bytes:
    """Write the digests of a generation's files, in the form ``sha256sum --check`` reads."""
    lines = (f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(FILES))
    return "".join(lines).encode("ascii")


def verify_generation(files: Mapping[str, bytes], *, number: int, now: datetime) -> Generation:
    """Return a generation that would work: names, usages, validity, chains and keys all fit.

    Args:
        files: File name → content, for each of `FILES`.
        number: The generation's number.
        now: Time of the check, with its zone.

    Raises:
        KeystoreBroken: With the file and the first check that failed.
    """
    with _checking("gateway.pem"):
        gateway = certificate_from_pem(files["gateway.pem"])
        city = identity_of(gateway).city
    with _checking(ROOTS_FILE):
        roots = tuple(verify_authority_certificate(root, city) for root in certificates_from_pem(files[ROOTS_FILE]))
    callers = CallerVerifier({city: roots})
    pairs = {role: _verify_pair(files, role, callers, now) for role in PARTIES}
    with _checking("gateway.pem"):
        verify_gateway_leaf(gateway, city=city, roots=roots, now=now)
    with _checking(SIGNING_KEY_FILE):
        signing_key = SigningKey.from_pem(files[SIGNING_KEY_FILE])
    return Generation(
        number=number,
        fingerprint=hashlib.sha256(manifest_of(files)).digest()[:16].hex(),
        city=city,
        own_roots=roots,
        own_roots_pem=files[ROOTS_FILE],
        gateway=pairs["gateway"],
        system=pairs["system"],
        operator=pairs["operator"],
        signing_key=signing_key,
    )


def _verify_pair(files: Mapping[str, bytes], role: Role, callers: CallerVerifier, now: datetime) -> KeyPair:
    chain_pem, key_pem = files[f"{role}.pem"], files[f"{role}.key"]
    with _checking(f"{role}.pem"):
        identity = callers.verify(chain_pem, now=now)
        if identity.role != role:
            raise KeystoreBroken(Reason.ROLE_MISMATCH, f"the certificate is that of a {identity.role}")
        leaf = verify_leaf_form(certificate_from_pem(chain_pem), callers.roots_of(identity.city))
    with _checking(f"{role}.key"):
        if private_key_from_pem(key_pem).public_key() != leaf.public_key():
            raise KeystoreBroken(Reason.KEY_MISMATCH, f"not the key of the certificate in {role}.pem")
    return KeyPair(identity, leaf, chain_pem, key_pem)


@contextmanager
def _checking(name: str) -> Iterator[None]:
    """Name the file that a check failed on: the operator mends a file, not a check."""
    try:
        yield
    except TrustError as error:
        raise KeystoreBroken(
            error.reason,
            f"{name}: {error}. Restore the key store from its backup, or install a new generation",
        ) from error
