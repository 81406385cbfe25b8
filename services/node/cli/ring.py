"""A home with its authorities: what the acts on them start from, and how each change of them takes effect."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from certs.bundle import SignedBundle
from certs.generation import Generation
from certs.keystore import current_number, install_generation, load_generation, read_generation
from certs.pem import certificates_to_pem
from certs.rollover import Authorities, load_authorities, save_authorities
from services.node.cli.bundle import current_bundle
from services.node.cli.trust_access import Place


@dataclass(frozen=True)
class Ring:
    """A home with its authorities.

    Attributes:
        place: The home.
        generation: Current generation.
        authorities: The city's authorities.
    """

    place: Place
    generation: Generation
    authorities: Authorities

    @property
    def next_folder(self) -> Path:
        """Where the next authority's key lies when nobody says otherwise."""
        return self.place.home.offline / "next"

    def with_authorities(self, authorities: Authorities) -> Ring:
        """Save other states of the authorities."""
        save_authorities(self.place.home.path, authorities)
        return replace(self, authorities=authorities)

    def believe(self) -> None:
        """Bring our own roots up to the authorities' states, and let the node know."""
        place = self.place
        path, passphrase = place.home.path, place.passphrase
        roots = certificates_to_pem(*self.authorities.trusted)
        files = read_generation(path, current_number(path), passphrase)
        if files["ca.pem"] != roots:
            install_generation(path, files | {"ca.pem": roots}, now=place.now, passphrase=passphrase)
        place.reload()

    def publish(self) -> SignedBundle:
        """Make the bundle's next version, if something it says has changed."""
        place = self.place
        return current_bundle(place.home, place.settings.advertised, now=place.now, passphrase=place.passphrase)


def open_ring(place: Place) -> Ring:
    """Open a home's authorities."""
    path = place.home.path
    generation = load_generation(path, now=place.now, passphrase=place.passphrase)
    return Ring(place, generation, load_authorities(path, generation.own_roots, now=place.now))
