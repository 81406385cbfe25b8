"""A city's own authorities and where each stands in its rollover; the one place that allows a step.

    certs/authorities.json    every authority the city ever had, with its state; no secret
    certs/offline/            key of the active one
    certs/offline/next/       key of the one that is prepared

    PREPARED → DISTRIBUTED → ACTIVE → RETIRING → RETIRED, and TAINTED → REVOKED for emergencies.

Partners must trust the new authority before the first leaf of it is shown, and the old one until the last leaf of it is
gone. A step that is taken too early breaks somebody, so each says who.

Source:
    RFC 4210 section 4.4 (root CA key update), without its cross certificates: partners hold both roots meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from certs.anchor import authority_city, is_signed_by, verify_authority_certificate
from certs.bundle_model import AuthorityState, BundleAuthority
from certs.errors import CertificateRefused, KeystoreBroken, Reason
from certs.inventory import fingerprint_of
from certs.keystore_files import replace_file
from certs.offline import keystore_folder
from certs.pem import certificate_from_pem, certificates_to_pem
from certs.verification import CallerVerifier, verify_gateway_leaf

_FILE: Final = "authorities.json"

_STEPS: Final = {
    AuthorityState.DISTRIBUTED: frozenset({AuthorityState.PREPARED}),
    AuthorityState.ACTIVE: frozenset({AuthorityState.DISTRIBUTED}),
    AuthorityState.RETIRING: frozenset({AuthorityState.ACTIVE}),
    AuthorityState.RETIRED: frozenset({AuthorityState.RETIRING, AuthorityState.PREPARED, AuthorityState.DISTRIBUTED}),
    AuthorityState.TAINTED: frozenset(
        {AuthorityState.PREPARED, AuthorityState.DISTRIBUTED, AuthorityState.ACTIVE, AuthorityState.RETIRING}
    ),
    AuthorityState.REVOKED: frozenset({AuthorityState.TAINTED, AuthorityState.RETIRED}),
}
"""State ← states that may become it."""


@dataclass(frozen=True, slots=True)
class AuthorityRecord:
    """One authority of the city.

    Attributes:
        certificate: Its certificate.
        state: Where it stands.
        since: Since when.
    """

    certificate: x509.Certificate
    state: AuthorityState
    since: datetime

    @property
    def fingerprint(self) -> str:
        """SHA-256 of its certificate, hex."""
        return fingerprint_of(self.certificate)


@dataclass(frozen=True, slots=True)
class Authorities:
    """All of them, oldest first.

    Attributes:
        records: At least one.
    """

    records: tuple[AuthorityRecord, ...]

    def one(self, *states: AuthorityState) -> AuthorityRecord:
        """Return the only authority in one of some states.

        Raises:
            KeystoreBroken: ROLLOVER_STATE: there is none, or several.
        """
        found = [record for record in self.records if record.state in states]
        if len(found) != 1:
            wanted = " or ".join(states)
            raise _state(f"{len(found)} authorities are {wanted}, where one must be: `yrdx ca ls`")
        return found[0]

    def find(self, fingerprint: str) -> AuthorityRecord:
        """Return an authority by the beginning of its fingerprint.

        Raises:
            KeystoreBroken: ROLLOVER_STATE: no authority, or several, begin so.
        """
        found = [record for record in self.records if record.fingerprint.startswith(fingerprint)]
        if len(found) != 1:
            raise _state(f"{len(found)} authorities of this city begin with {fingerprint[:16]}: `yrdx ca ls`")
        return found[0]

    def require_idle(self) -> Authorities:
        """Return all of them, while no rollover is under way.

        Raises:
            KeystoreBroken: ROLLOVER_STATE: one is.
        """
        under_way = [one for one in self.records if one.state in (AuthorityState.PREPARED, AuthorityState.DISTRIBUTED)]
        if under_way:
            raise _state(f"a rollover is under way already: {under_way[0].fingerprint[:16]} is {under_way[0].state}")
        return self

    def added(self, certificate: x509.Certificate, *, now: datetime) -> Authorities:
        """Return all of them with one more, PREPARED.

        Raises:
            KeystoreBroken: ROLLOVER_STATE: a rollover is under way already, or the authority stands already.
        """
        self.require_idle()
        if any(one.certificate.public_key() == certificate.public_key() for one in self.records):
            raise _state("that authority's key stands already: a new authority has a new key")
        return Authorities((*self.records, AuthorityRecord(certificate, AuthorityState.PREPARED, now)))

    def moved(self, record: AuthorityRecord, state: AuthorityState, *, now: datetime) -> Authorities:
        """Return all of them with one in its next state.

        Raises:
            KeystoreBroken: ROLLOVER_STATE: the step skips one.
        """
        if record.state not in _STEPS[state]:
            allowed = ", ".join(sorted(_STEPS[state]))
            raise _state(f"{record.fingerprint[:16]} is {record.state}; only from {allowed} it becomes {state}")
        moved = replace(record, state=state, since=now)
        return Authorities(tuple(moved if one == record else one for one in self.records))

    def bundle_authorities(self) -> tuple[BundleAuthority, ...]:
        """State them for a bundle.

        DISTRIBUTED is what this city knows of its partners and nothing they need to know: stated, it would be a new
        version that they had to acknowledge again.
        """
        shown = {AuthorityState.DISTRIBUTED: AuthorityState.PREPARED}
        return tuple(
            BundleAuthority(certificates_to_pem(one.certificate), shown.get(one.state, one.state))
            for one in self.records
        )

    @property
    def trusted(self) -> tuple[x509.Certificate, ...]:
        """Those whose leaves are believed."""
        return tuple(one.certificate for one in self.records if one.state.is_trusted)


@dataclass(frozen=True, slots=True)
class Overlap:
    """What a rollover's proof found for one bundle.

    Attributes:
        present: The leaves in use stand under the bundle's authorities.
        candidate: So do leaves of the new authority.
        without_old: Leaves of the new authority stand without the old one too.
    """

    present: bool
    candidate: bool
    without_old: bool

    @property
    def holds(self) -> bool:
        """Whether nobody who holds the bundle breaks at activation, nor later at retirement."""
        return self.present and self.candidate and self.without_old


def load_authorities(home: Path, roots: Sequence[x509.Certificate], *, now: datetime) -> Authorities:
    """Read the city's authorities; before its first rollover those of the generation, as active.

    Args:
        home: The node's home.
        roots: Authorities of the current generation.
        now: Time of the question.

    Raises:
        KeystoreBroken: ROLLOVER_STATE: the file is damaged.
    """
    path = keystore_folder(home) / _FILE
    if not path.exists():
        return Authorities(tuple(AuthorityRecord(root, AuthorityState.ACTIVE, now) for root in roots))
    try:
        return Authorities(tuple(_record(one) for one in json.loads(path.read_bytes())))
    except (ValueError, KeyError, TypeError, CertificateRefused) as error:
        raise _state(f"{path} is damaged: restore it from the backup") from error


def save_authorities(home: Path, authorities: Authorities) -> None:
    """Write the city's authorities; a reader sees the old states or the new ones."""
    rows = [
        {
            "state": one.state.value,
            "since": one.since.isoformat(),
            "certificate": certificates_to_pem(one.certificate).decode("ascii"),
        }
        for one in authorities.records
    ]
    replace_file(keystore_folder(home) / _FILE, json.dumps(rows, indent=1).encode("ascii") + b"\n")


def prove_overlap(
    city: str,
    roots: Sequence[x509.Certificate],
    *,
    present: x509.Certificate,
    candidate: x509.Certificate,
    now: datetime,
) -> Overlap:
    """Work out, without any network, whether a partner with these roots takes the leaf in use and the one to come.

    Args:
        city: Our city.
        roots: Our authorities as the partner acknowledged them.
        present: Gateway's leaf in use.
        candidate: A gateway's leaf of the new authority.
        now: Time of the proof.
    """
    without_old = [root for root in roots if not is_signed_by(present, root)]
    return Overlap(
        present=_stands(city, roots, present, now),
        candidate=_stands(city, roots, candidate, now),
        without_old=_stands(city, without_old, candidate, now),
    )


def breaking(partners: Iterable[str], acknowledged: dict[str, str], digest: str) -> list[str]:
    """Name the partners who would break: those who did not acknowledge the bundle.

    Args:
        partners: City codes.
        acknowledged: City → digest of the bundle that it acknowledged last.
        digest: Of the bundle in question.
    """
    return sorted(city for city in partners if acknowledged.get(city) != digest)


def _stands(city: str, roots: Sequence[x509.Certificate], leaf: x509.Certificate, now: datetime) -> bool:
    """Both ways: as a server of that city, and as a caller."""
    if not roots:
        return False
    try:
        verify_gateway_leaf(leaf, city=city, roots=roots, now=now)
        CallerVerifier({city: roots}).verify(certificates_to_pem(leaf), now=now)
    except CertificateRefused:
        return False
    return True


def _record(row: dict[str, str]) -> AuthorityRecord:
    certificate = certificate_from_pem(row["certificate"].encode("ascii"))
    verify_authority_certificate(certificate, authority_city(certificate))
    return AuthorityRecord(certificate, AuthorityState(row["state"]), datetime.fromisoformat(row["since"]))


def _state(message: str) -> KeystoreBroken:
    return KeystoreBroken(Reason.ROLLOVER_STATE, message)
