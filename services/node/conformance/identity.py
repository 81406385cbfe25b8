"""The invented city that asks: its keys, its bundle, and the agreement that a node's operator imports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from certs.authority import Authority
from certs.bundle import SignedBundle, bundle_to_bytes, read_bundle
from certs.errors import KeystoreBroken, Reason
from certs.generation import Generation
from certs.keystore import create_keystore, install_generation, load_generation, renewed_files
from certs.offline import load_authority, load_bundle_key
from services.node.conformance.calls import Leaf

AUTHORITY_AGE: Final = timedelta(days=180)
"""The authority is older than the city's present leaves, so that it can have issued one that has ended by now."""


@dataclass(frozen=True, slots=True)
class Identity:
    """An invented city.

    Attributes:
        folder: Holds its key store, bundle and agreement.
        generation: Its keys.
        bundle: Its bundle.
    """

    folder: Path
    generation: Generation
    bundle: SignedBundle

    @property
    def city(self) -> str:
        """Its city code."""
        return self.generation.city

    @property
    def bundle_file(self) -> Path:
        """The bundle, for the node's operator."""
        return self.folder / "city.bundle"

    @property
    def agreement_file(self) -> Path:
        """The agreement, for the node's operator."""
        return self.folder / "agreement.toml"

    @property
    def leaf(self) -> Leaf:
        """Its gateway's certificate and key."""
        return self.generation.gateway_chain_pem, self.generation.gateway_key_pem

    @property
    def authority(self) -> Authority:
        """Issues the wrong certificates.

        Raises:
            KeystoreBroken: Its key is not in the folder.
        """
        return load_authority(self.folder)


def create_identity(folder: Path, city: str, *, now: datetime, random: Callable[[int], bytes]) -> Identity:
    """Make a city in a new folder: authority, leaves, signing key and bundle.

    Args:
        folder: Is made; must not hold a key store.
        city: Six digits of no city that the node knows.
        now: Time of issue, with its zone.
        random: Gives that many random bytes, for serials.

    Raises:
        ValueError: The city code has another shape.
        KeystoreBroken: There is a key store already.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    create_keystore(folder, city, now=now - AUTHORITY_AGE, random=random)
    generation = _renewed(folder, now=now, random=random)
    statement = generation.bundle(version=1, previous=None, endpoint=None, created_at=now)
    (folder / "city.bundle").write_bytes(bundle_to_bytes(statement, load_bundle_key(folder)))
    return open_identity(folder, now=now, random=random)


def open_identity(folder: Path, *, now: datetime, random: Callable[[int], bytes]) -> Identity:
    """Open a city's folder; leaves that have ended are issued anew, which no partner needs to be told.

    Args:
        folder: Made by `create_identity`.
        now: Present instant.
        random: Gives that many random bytes, for serials.

    Raises:
        KeystoreBroken: There is none, or its keys cannot be used.
        OSError: Its bundle cannot be read.
    """
    try:
        generation = load_generation(folder, now=now)
    except KeystoreBroken as error:
        if error.reason is not Reason.CERTIFICATE_EXPIRED:
            raise
        generation = _renewed(folder, now=now, random=random)
    return Identity(folder, generation, read_bundle((folder / "city.bundle").read_bytes()))


def _renewed(folder: Path, *, now: datetime, random: Callable[[int], bytes]) -> Generation:
    files = renewed_files(folder, load_authority(folder), now=now, random=random)
    return install_generation(folder, files, now=now)


def agreement_text(provider: str, consumer: str, dataset: str, *, today: date) -> str:
    """Return the agreement under which the invented records travel, as `yrdx agreement import` reads it.

    Args:
        provider: The invented city.
        consumer: The node's city.
        dataset: What is sent.
        today: It begins a month before and lasts for a year.
    """
    return f"""\
[agreement]
id = "CONFORMANCE-{provider}-{consumer}"
version = 1
provider = "{provider}"
consumer = "{consumer}"
dataset = "{dataset}"
standard = "1"
mode = "push"
fields = ["*"]
purposes = ["conformance"]
legal_basis = "符合性测试：全部为虚构人员 · conformance test: all people are invented"
valid_from = "{today - timedelta(days=30)}"
valid_until = "{today + timedelta(days=365)}"
retention_days = 1
"""
