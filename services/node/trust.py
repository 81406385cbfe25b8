"""Whom this node believes: its own generation, and the partners whose bundles it holds.

One immutable `TrustState` stands for one state of trust; a change makes a new one, so nothing that was remembered
under the old trust survives. UNCONFIRMED partners are in no state: nobody compared their fingerprint yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography.x509 import Certificate

from certs.bundle import CityBundle, read_bundle
from certs.errors import SignatureRefused, TrustError
from certs.generation import Generation
from certs.signing import PublicSigningKey
from certs.verification import CallerVerifier
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
        roots_pem: Authorities that the handshake takes: own and the partners'.
        signing_keys: City → key id → key.
        refused: City → why its bundle is not believed although it was confirmed.
    """

    generation: Generation
    partners: Mapping[str, Partner]
    bundles: Mapping[str, CityBundle]
    callers: CallerVerifier
    roots_pem: bytes
    signing_keys: Mapping[str, Mapping[str, PublicSigningKey]]
    refused: Mapping[str, str]


def trust_state(generation: Generation, partners: Sequence[Partner]) -> TrustState:
    """Build a state of trust; a partner that contradicts those before it is left out and named in ``refused``."""
    confirmed = {p.city: p for p in partners if p.state is not PartnerState.UNCONFIRMED}
    bundles: dict[str, CityBundle] = {}
    roots: dict[str, Sequence[Certificate]] = {generation.city: generation.own_roots}
    refused: dict[str, str] = {}
    for city, partner in confirmed.items():
        try:
            bundle = read_bundle(partner.bundle).bundle
            CallerVerifier({**roots, city: bundle.roots})
        except TrustError as error:
            refused[city] = str(error)
        else:
            bundles[city], roots[city] = bundle, bundle.roots
    own = generation.signing_key.public
    keys = {city: {key.key_id: key for key in bundle.signing_keys} for city, bundle in bundles.items()}
    return TrustState(
        generation=generation,
        partners={city: confirmed[city] for city in bundles},
        bundles=bundles,
        callers=CallerVerifier(roots),
        roots_pem=generation.own_roots_pem + b"".join(bundle.roots_pem for bundle in bundles.values()),
        signing_keys=keys | {generation.city: {own.key_id: own}},
        refused=refused,
    )


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
