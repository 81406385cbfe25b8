"""Whom this node believes: its own generation, and the partners whose bundles it holds.

One immutable `TrustState` stands for one state of trust; a change makes a new one, so nothing that was remembered
under the old trust survives. UNCONFIRMED partners are in no state: nobody compared their fingerprint yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography.x509 import Certificate

from certs.anchor import is_signed_by
from certs.bundle import AuthorityState, CityBundle, read_bundle
from certs.constraint import constrained_pem
from certs.errors import CertificateRefused, Reason, SignatureRefused, TrustError
from certs.generation import Generation
from certs.inventory import fingerprint_of
from certs.pem import certificate_from_pem, certificates_to_pem
from certs.revocation import Revocations
from certs.signing import PublicSigningKey
from certs.verification import NOTHING_REVOKED, CallerVerifier
from services.domain.batch import Signed
from services.domain.errors import PartnerUnknown, SignatureInvalid
from services.domain.partner import Partner, PartnerState


@dataclass(frozen=True)
class TrustState:
    """One state of trust.

    Attributes:
        generation: Own keys.
        partners: Confirmed partners by city.
        bundles: Their bundles by city.
        callers: Tells who is calling.
        roots_pem: Authorities that the handshake takes: own and the partners', each for its own city's names.
        partner_roots_pem: City → what a channel to it believes: its authorities for its names, or, once a leaf of its
            gateways was revoked, the others alone (gRPC sees no revocations; a leaf works as a root).
        revoked: City → names of what was revoked of it: authorities, by us or by itself, leaves and serials.
        signing_keys: City → key id → key.
        refused: City → why its bundle is not believed although it was confirmed.
    """

    generation: Generation
    partners: Mapping[str, Partner]
    bundles: Mapping[str, CityBundle]
    callers: CallerVerifier
    roots_pem: bytes
    partner_roots_pem: Mapping[str, bytes]
    revoked: Mapping[str, frozenset[str]]
    signing_keys: Mapping[str, Mapping[str, PublicSigningKey]]
    refused: Mapping[str, str]


def trust_state(
    generation: Generation,
    partners: Sequence[Partner],
    revocations: Revocations = NOTHING_REVOKED,
    own_keys: Sequence[PublicSigningKey] = (),
) -> TrustState:
    """Build a state of trust; a partner that contradicts those before it is left out and named in ``refused``.

    Args:
        generation: Own keys.
        partners: Partners.
        revocations: What was revoked.
        own_keys: Signing keys that this city ever stated: its old receipts come back to it, and stand under old keys.
    """
    confirmed = {p.city: p for p in partners if p.state is not PartnerState.UNCONFIRMED}
    bundles: dict[str, CityBundle] = {}
    roots = {generation.city: _believed(generation.own_roots, revocations)}
    refused: dict[str, str] = {}
    for city, partner in confirmed.items():
        try:
            bundle = read_bundle(partner.bundle).bundle
            found = _partner_roots(bundle, revocations)
            CallerVerifier({**roots, city: found})
        except TrustError as error:
            refused[city] = str(error)
        else:
            bundles[city], roots[city] = bundle, found
    keys = {city: {key.key_id: key for key in bundle.signing_keys} for city, bundle in bundles.items()}
    return TrustState(
        generation=generation,
        partners={city: confirmed[city] for city in bundles},
        bundles=bundles,
        callers=CallerVerifier(roots, revocations),
        roots_pem=b"".join(constrained_pem(city, found) for city, found in roots.items()),
        partner_roots_pem={city: _channel_roots(bundles[city], roots[city], revocations) for city in bundles},
        revoked={city: _revoked(bundle, revocations) for city, bundle in bundles.items()},
        signing_keys=keys | {generation.city: _own_keys(generation, own_keys)},
        refused=refused,
    )


def _own_keys(generation: Generation, stated: Sequence[PublicSigningKey]) -> dict[str, PublicSigningKey]:
    return {key.key_id: key for key in (*stated, generation.signing_key.public)}


def _partner_roots(bundle: CityBundle, revocations: Revocations) -> list[Certificate]:
    if bundle.city in revocations.cities:
        raise CertificateRefused(Reason.CITY_REVOKED, f"{bundle.city} was revoked: `yrdx revoke ls` says by whom")
    roots = _believed(bundle.roots, revocations)
    if not roots:
        raise CertificateRefused(Reason.AUTHORITY_REVOKED, f"every authority of {bundle.city} was revoked")
    return roots


def _believed(roots: Sequence[Certificate], revocations: Revocations) -> list[Certificate]:
    return [root for root in roots if fingerprint_of(root) not in revocations.authorities]


def _channel_roots(bundle: CityBundle, roots: Sequence[Certificate], revocations: Revocations) -> bytes:
    """Whom a channel believes; empty when every gateway's leaf that the bundle names was revoked."""
    leaves = [certificate_from_pem(pem) for pem in bundle.gateway_leaves]
    signers = {fingerprint_of(root) for root in roots}
    if bundle.city not in revocations.leaves and not signers & revocations.serials.keys():
        return constrained_pem(bundle.city, roots)
    # What was revoked may be a gateway's although the bundle does not name it: only leaves that it names are believed.
    return certificates_to_pem(*(leaf for leaf in leaves if _stands(bundle.city, leaf, roots, revocations)))


def _revoked(bundle: CityBundle, revocations: Revocations) -> frozenset[str]:
    known = {fingerprint_of(certificate_from_pem(one.certificate_pem)): one.state for one in bundle.authorities}
    own = {name for name, state in known.items() if state is AuthorityState.REVOKED}
    serials = {f"{name}:{serial}" for name in known for serial in revocations.serials.get(name, ())}
    ours = revocations.authorities & known.keys()
    return frozenset({*own, *ours, *serials, *revocations.leaves.get(bundle.city, ())})


def _stands(city: str, leaf: Certificate, roots: Sequence[Certificate], revocations: Revocations) -> bool:
    signers = [fingerprint_of(root) for root in roots if is_signed_by(leaf, root)]
    own = (city, fingerprint_of(leaf))
    return bool(signers) and not any(revocations.covers(*own, signer, leaf.serial_number) for signer in signers)


class Trust:
    """The present state of trust, and the ports that follow it."""

    def __init__(self, state: TrustState) -> None:
        """Begin with a state."""
        self.state = state

    def partner(self, city: str) -> tuple[Partner, CityBundle]:
        """Return a confirmed partner.

        Raises:
            PartnerUnknown: It is none.
        """
        partner = self.state.partners.get(city)
        if partner is None:
            raise PartnerUnknown(f"city {city} is not a confirmed partner here: `yrdx partner ls`")
        return partner, self.state.bundles[city]

    def sign(self, tag: bytes, content: bytes) -> Signed:
        """Sign for this city (`services.ports.signer.Signer`)."""
        key = self.state.generation.signing_key
        return Signed(content, key.key_id, key.sign(tag + content))

    def verify(self, city: str, tag: bytes, signed: Signed) -> Signed:
        """Verify a city's signature (`services.ports.signer.SignatureVerifier`).

        Raises:
            SignatureInvalid: The key is not in the city's bundle, or the signature does not stand under it.
        """
        key = self.state.signing_keys.get(city, {}).get(signed.key_id)
        if key is None or key.compromised_at is not None:
            raise SignatureInvalid(f"key {signed.key_id} is no signing key of city {city} that is believed here")
        try:
            key.verify(signed.signature, tag + signed.content)
        except SignatureRefused as error:
            raise SignatureInvalid(f"a signature of city {city} does not stand under key {signed.key_id}") from error
        return signed
