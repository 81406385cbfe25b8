"""The acts of a rollover: each changes the city's authorities, its generation and its bundle, in that order.

An act that is interrupted is done again: every part of it finds what stands already and goes on.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from certs.anchor import is_signed_by
from certs.authority import Authority, create_authority, serial_number
from certs.bundle_model import AuthorityState
from certs.errors import KeystoreBroken, Reason
from certs.generation import Generation, issue_leaves
from certs.keystore import (
    AUTHORITY_VALID_FOR,
    current_number,
    generation_numbers,
    read_generation,
    remove_generation,
    rollback_generation,
    stage_generation,
)
from certs.keystore_files import make_folder
from certs.offline import read_authority, write_authority
from certs.pem import certificate_from_pem
from certs.rollover import AuthorityRecord, Overlap, prove_overlap
from services.domain.errors import Conflict
from services.node.cli.node_access import connect
from services.node.cli.readiness import canaries, distribute, pause, require_nobody_breaks
from services.node.cli.ring import Ring

if TYPE_CHECKING:
    from yrdx.node.v1 import node_pb2

UNUSED_FOR: Final = timedelta(seconds=10)
"""A connection that is used at all is used within this time: callers ping, couriers deliver."""


def make_next(ring: Ring, folder: Path) -> Authority:
    """Make the next authority; nobody believes it yet. One that stands in the folder already is read.

    Args:
        ring: The home with its authorities.
        folder: Where its key goes.

    Raises:
        KeystoreBroken: A rollover is under way, or the folder holds something else.
    """
    place = ring.place
    ring.authorities.require_idle()
    if (folder / "ca.key").exists():
        return read_authority(folder, place.passphrase)
    serial = serial_number(os.urandom)
    authority = create_authority(place.settings.city, now=place.now, serial=serial, valid_for=AUTHORITY_VALID_FOR)
    if not folder.exists():
        make_folder(folder)
    write_authority(folder, authority, place.passphrase)
    return authority


def prepare(ring: Ring, authority: Authority) -> Ring:
    """Believe the next authority ourselves, and state it in the bundle as PREPARED: here trust in it begins."""
    ring = ring.with_authorities(ring.authorities.added(authority.certificate, now=ring.place.now))
    ring.believe()
    ring.publish()
    return ring


def mark_distributed(ring: Ring, answer: node_pb2.DistributeBundleResponse, excluded: Sequence[str]) -> Ring:
    """Move PREPARED to DISTRIBUTED, once every live partner holds the bundle.

    Raises:
        Conflict: Somebody would break; they are named.
    """
    record = next((one for one in ring.authorities.records if one.state is AuthorityState.PREPARED), None)
    if record is None:
        return ring
    require_nobody_breaks(answer, excluded)
    return ring.with_authorities(ring.authorities.moved(record, AuthorityState.DISTRIBUTED, now=ring.place.now))


def prove(ring: Ring, folder: Path | None) -> tuple[Generation, Overlap]:
    """Issue leaves of the next authority beside the ones in use, and prove that the bundle takes both.

    Returns:
        The staged generation, and the proof.
    """
    place, record = ring.place, ring.authorities.one(AuthorityState.DISTRIBUTED)
    authority = next_authority(ring, record, folder)
    path, passphrase = place.home.path, place.passphrase
    files = read_generation(path, current_number(path), passphrase)
    files |= issue_leaves(authority, now=place.now, random=os.urandom)
    staged = stage_generation(path, files, now=place.now, passphrase=passphrase)
    overlap = prove_overlap(
        place.settings.city,
        ring.publish().bundle.roots,
        present=ring.generation.gateway.leaf,
        candidate=staged.gateway.leaf,
        now=place.now,
    )
    return staged, overlap


def activate(ring: Ring, excluded: Sequence[str], folder: Path | None) -> Ring:
    """Use leaves of the next authority, after a proof and a canary for every partner.

    Raises:
        Conflict: Somebody would break; they are named, and nothing changed.
    """
    ring.authorities.one(AuthorityState.PREPARED, AuthorityState.DISTRIBUTED)
    require_nobody_breaks(distribute(ring, offer=False), excluded)
    staged, overlap = prove(ring, folder)
    try:
        _require_proof(overlap)
        failed = {city: why for city, why in canaries(ring, staged.number).items() if why and city not in excluded}
        if failed:
            city, why = next(iter(failed.items()))
            raise Conflict(
                f"{', '.join(failed)} did not take the new leaf ({city}: {why}); `--exclude {city}` pauses it"
            )
    except Conflict:
        remove_generation(ring.place.home.path, staged.number)
        raise
    pause(ring, excluded)
    return _switch(ring, staged, folder)


def retire(ring: Ring, *, destroy: bool) -> Ring:
    """Take the old authority out of everything, once nothing of it can be in use.

    Raises:
        Conflict: Something of it still may be in use; it is named.
    """
    place, old = ring.place, ring.authorities.one(AuthorityState.RETIRING)
    if is_signed_by(ring.generation.gateway.leaf, old.certificate):
        raise Conflict("the leaf in use is of that authority: `yrdx ca activate` first")
    _require_unused(ring, old)
    _require_no_keys(ring, old, destroy=destroy)
    ring = ring.with_authorities(ring.authorities.moved(old, AuthorityState.RETIRED, now=place.now))
    ring.believe()
    ring.publish()
    return ring


def taint(ring: Ring, fingerprint: str) -> Ring:
    """State that an authority's key may be known: it is still believed until its leaves are replaced."""
    record = ring.authorities.find(fingerprint)
    ring = ring.with_authorities(ring.authorities.moved(record, AuthorityState.TAINTED, now=ring.place.now))
    ring.publish()
    return ring


def revoke(ring: Ring, fingerprint: str) -> Ring:
    """State that nothing of an authority is believed any more; partners cut whatever shows it.

    Raises:
        Conflict: The leaf in use is of that authority.
    """
    record = ring.authorities.find(fingerprint)
    revoked = ring.authorities.moved(record, AuthorityState.REVOKED, now=ring.place.now)
    if is_signed_by(ring.generation.gateway.leaf, record.certificate):
        raise Conflict("the leaf in use is of that authority: `yrdx ca prepare`, distribute and activate another first")
    ring = ring.with_authorities(revoked)
    ring.believe()
    ring.publish()
    return ring


def next_authority(ring: Ring, record: AuthorityRecord, folder: Path | None) -> Authority:
    """Read the key of the authority that comes next.

    Raises:
        KeystoreBroken: It is not there, or another one's.
    """
    authority = read_authority(folder or ring.next_folder, ring.place.passphrase)
    if authority.certificate != record.certificate:
        raise KeystoreBroken(Reason.KEY_MISMATCH, "that folder holds another authority than the one that was prepared")
    return authority


def _require_proof(overlap: Overlap) -> None:
    if not overlap.holds:
        missing = [name for name in ("present", "candidate", "without_old") if not getattr(overlap, name)]
        raise Conflict(f"the overlap is not proven: {', '.join(missing)} does not stand under the bundle's authorities")


def _switch(ring: Ring, staged: Generation, folder: Path | None) -> Ring:
    """The generation first: from then on the node shows the new leaf; states and bundle follow."""
    place, now = ring.place, ring.place.now
    rollback_generation(place.home.path, now=now, passphrase=place.passphrase, number=staged.number)
    place.reload()
    authorities = ring.authorities
    for old in [one for one in authorities.records if one.state is AuthorityState.ACTIVE]:
        authorities = authorities.moved(old, AuthorityState.RETIRING, now=now)
    record = authorities.one(AuthorityState.DISTRIBUTED)
    ring = replace(ring, generation=staged).with_authorities(authorities.moved(record, AuthorityState.ACTIVE, now=now))
    if folder is None:
        _move_keys(place.home.offline)
    ring.publish()
    return ring


def _move_keys(offline: Path) -> None:
    """The new authority's key takes the place of the old one's, which goes aside with its fingerprint's beginning."""
    next_folder = offline / "next"
    if not (next_folder / "ca.key").exists():
        return
    if (offline / "ca.key").exists():
        aside = offline / f"former-{_name_of(offline)}"
        make_folder(aside)
        for name in ("ca.pem", "ca.key"):
            (offline / name).rename(aside / name)
    for name in ("ca.pem", "ca.key"):
        (next_folder / name).rename(offline / name)
    next_folder.rmdir()


def _name_of(offline: Path) -> str:
    """Name an authority's folder by the beginning of its serial."""
    return f"{certificate_from_pem((offline / 'ca.pem').read_bytes()).serial_number:x}"[:12]


def _require_unused(ring: Ring, old: AuthorityRecord) -> None:
    """Nobody shows a leaf of it any more: neither we to partners, nor our own programs to the node."""
    from services.node.lock import held_by
    from services.wire.times import time_from_pb
    from yrdx.node.v1 import node_pb2

    if held_by(ring.place.home) is None:
        return
    with connect(ring.place.home.path) as session:
        keys = session.stub.GetKeystore(node_pb2.GetKeystoreRequest())
    if keys.draining:
        raise Conflict(f"{keys.draining} connections that show the old authority's leaf still end: try again soon")
    for use in keys.uses:
        ago = ring.place.now - time_from_pb(use.use_time)
        if use.authority == old.fingerprint and ago < UNUSED_FOR:
            raise Conflict(
                f"{use.name} showed a leaf of that authority {ago.total_seconds():.0f} s ago: that program must load "
                f"the new one; try again when it was unused for {UNUSED_FOR.total_seconds():.0f} s"
            )


def _require_no_keys(ring: Ring, old: AuthorityRecord, *, destroy: bool) -> None:
    """A leaf whose key is gone is used by nobody; one whose key lies here could be rolled back to."""
    place = ring.place
    path = place.home.path
    for number in generation_numbers(path):
        if number == current_number(path):
            continue
        leaf = certificate_from_pem((place.home.certs / "gen" / str(number) / "gateway.pem").read_bytes())
        if not is_signed_by(leaf, old.certificate) or leaf.not_valid_after_utc < place.now:
            continue
        if not destroy:
            raise Conflict(
                f"generation {number} holds an unexpired leaf of that authority: `--destroy-old-leaves` removes it "
                "with its key, and with it the way back"
            )
        remove_generation(path, number)
