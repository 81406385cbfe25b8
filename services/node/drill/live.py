"""Drills on the running node: what an act would break at us and at our partners, found out by canaries.

Nothing lasting is changed: what is made for a drill is thrown away with its key, partners get test calls alone, and no
bundle is signed. So the one thing that only the act itself can show is left out: whether a partner will take the next
bundle. That it took the present one, and answers now, is what is told instead.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from certs.authority import Authority, create_authority, serial_number
from certs.bundle import CityBundle, read_bundle
from certs.bundle_model import AuthorityState
from certs.errors import ProbeFailed, TrustError
from certs.generation import Generation, issue_leaves, verify_generation
from certs.inventory import fingerprint_of
from certs.keystore import (
    AUTHORITY_VALID_FOR,
    current_number,
    read_generation,
    remove_generation,
    renewed_files,
    stage_generation,
)
from certs.offline import load_bundle_key, read_authority
from certs.pem import certificate_from_pem, certificates_to_pem
from certs.probe import served_leaf
from certs.rollover import prove_overlap
from services.domain.errors import Unavailable
from services.node.cli.node_access import connect
from services.node.cli.readiness import canaries, distribute
from services.node.cli.ring import Ring
from services.node.cli.rollover import next_authority
from services.node.lock import held_by
from yrdx.node.v1 import node_pb2

_LIVE: Final = "LIVE"
_NEXT: Final = frozenset({AuthorityState.PREPARED, AuthorityState.DISTRIBUTED})


@dataclass(frozen=True, slots=True)
class LiveCheck:
    """One thing that was tried.

    Attributes:
        step: Step of the act that it stands for.
        city: Partner; empty: this city.
        ok: Whether that step would go well.
        found: What was found.
        mend: What to do beforehand; empty when there is nothing.
    """

    step: str
    city: str
    ok: bool
    found: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class LiveReport:
    """What a drill on the running node found.

    Attributes:
        act: Which drill.
        checks: In the order of the act's steps.
    """

    act: str
    checks: list[LiveCheck]

    @property
    def passed(self) -> bool:
        """Whether nothing would break."""
        return all(one.ok for one in self.checks)

    def to_json(self) -> dict[str, Any]:
        """Return the report for programs."""
        broken = sorted({one.city for one in self.checks if not one.ok and one.city})
        checks = [asdict(one) for one in self.checks]
        return {"act": self.act, "live": True, "would_break": broken, "checks": checks, "passed": self.passed}


def try_leaf(ring: Ring, folder: Path | None) -> LiveReport:
    """Issue leaves, show them to every live partner, and throw them away.

    Args:
        ring: The home with its authorities.
        folder: Where the authority's key is; None: in the home.

    Raises:
        Unavailable: No node serves the home.
    """
    return _tried(ring, "leaf", _leaf(ring, folder or ring.place.home.offline))


def try_rollover(ring: Ring, folder: Path | None) -> LiveReport:
    """Walk through a rollover's steps without taking one: with the next authority, or one made for this alone.

    Args:
        ring: The home with its authorities.
        folder: Where the next authority's key is, when a rollover is under way; None: in the home.

    Raises:
        Unavailable: No node serves the home.
    """
    return _tried(ring, "rollover", _rollover(ring, folder or ring.next_folder))


def try_revoke(ring: Ring) -> LiveReport:
    """Say for every live partner's gateway what revoking its leaf would cut, and whether sending would go on.

    Raises:
        Unavailable: No node serves the home.
    """
    return _tried(ring, "revoke", _revoke(ring))


def _tried(ring: Ring, act: str, checks: Iterator[LiveCheck]) -> LiveReport:
    if held_by(ring.place.home) is None:
        raise Unavailable("no node serves this home, and only a running one has partners to try: start it, or drill")
    with ring.place.act(f"drill.{act}", "live"):
        return LiveReport(act, list(checks))


def _leaf(ring: Ring, folder: Path) -> Iterator[LiveCheck]:
    place = ring.place
    try:
        authority = read_authority(folder, place.passphrase)
        files = renewed_files(place.home.path, authority, now=place.now, random=os.urandom, passphrase=place.passphrase)
        with _staged(ring, files) as staged:
            yield LiveCheck("issue", "", True, f"leaves until {staged.not_after:%Y-%m-%d}")
            yield from _canaries(ring, staged.number, "takes the new leaf")
    except TrustError as error:
        yield _refused("issue", error, "put the authority's key back, or name its folder with --ca")


def _rollover(ring: Ring, folder: Path) -> Iterator[LiveCheck]:
    yield _bundle_key(ring)
    under_way = next((one for one in ring.authorities.records if one.state in _NEXT), None)
    try:
        authority = next_authority(ring, under_way, folder) if under_way else _throw_away(ring)
        yield _proof(ring, authority)
    except TrustError as error:
        yield _refused("prove", error, "name the next authority's folder with --next")
        return
    yield from _acknowledged(ring)
    if under_way is None or under_way.state is AuthorityState.PREPARED:
        # Nobody knows the new authority yet, so its leaf would be refused; that they answer at all is what counts.
        yield from _canaries(ring, ring.generation.number, "answers")
        return
    with _staged(ring, _files_under(ring, authority)) as staged:
        yield from _canaries(ring, staged.number, "takes the new authority's leaf")


def _revoke(ring: Ring) -> Iterator[LiveCheck]:
    with connect(ring.place.home.path) as session:
        partners = session.stub.ListPartners(node_pb2.ListPartnersRequest(with_bundles=True)).partners
        for partner in (one for one in partners if one.state == _LIVE):
            bundle = read_bundle(partner.bundle).bundle
            for pem in bundle.gateway_leaves:
                subject = f"{partner.city}:{fingerprint_of(certificate_from_pem(pem))}"
                request = node_pb2.RevokeRequest(grain="leaf", subject=subject, reason="drill", dry_run=True)
                effect = session.stub.Revoke(request).effect
                found = f"leaf {subject[7:23]}: {effect.calls_cut} open calls cut, {effect.calls_kept} go on"
                yield LiveCheck("cut", partner.city, True, f"{found}, at {effect.counted_at}")
            yield _outbound(bundle, partner.endpoint)


def _outbound(bundle: CityBundle, endpoint: str) -> LiveCheck:
    """After a revocation only leaves that the bundle names are believed (docs/decisions/0022)."""
    host, _, port = endpoint.rpartition(":")
    try:
        leaf = served_leaf(host.strip("[]"), int(port), bundle.city)
    except ProbeFailed as error:
        return _refused("send", error, f"`yrdx cert probe {bundle.city}`", bundle.city)
    named = {fingerprint_of(certificate_from_pem(pem)) for pem in bundle.gateway_leaves}
    name = fingerprint_of(leaf)
    if name in named:
        others = len(named) - 1
        found = f"its bundle names the leaf that it serves, {name[:16]}, and {others} others"
        left = "those are left" if others else "sending waits for its next bundle"
        return LiveCheck("send", bundle.city, True, f"{found}: once that one is revoked, {left}")
    found = f"its bundle does not name the leaf that it serves, {name[:16]}: after any revocation sending would stop"
    return LiveCheck("send", bundle.city, False, found, "ask its operators for `yrdx bundle export`")


def _bundle_key(ring: Ring) -> LiveCheck:
    try:
        load_bundle_key(ring.place.home.path, ring.place.passphrase)
    except TrustError as error:
        return _refused("prepare", error, "put the bundle's key back for as long as the rollover takes")
    return LiveCheck("prepare", "", True, "the bundle's key is here")


def _throw_away(ring: Ring) -> Authority:
    city, serial = ring.place.settings.city, serial_number(os.urandom)
    return create_authority(city, now=ring.place.now, serial=serial, valid_for=AUTHORITY_VALID_FOR)


def _proof(ring: Ring, authority: Authority) -> LiveCheck:
    """The proof of `ca prove`, over the authorities that the next bundle would state; in memory."""
    place = ring.place
    roots = tuple(dict.fromkeys((*ring.authorities.trusted, authority.certificate)))
    files = _files_under(ring, authority) | {"ca.pem": certificates_to_pem(*roots)}
    candidate = verify_generation(files, number=0, now=place.now).gateway.leaf
    present = ring.generation.gateway.leaf
    overlap = prove_overlap(place.settings.city, roots, present=present, candidate=candidate, now=place.now)
    return LiveCheck("prove", "", overlap.holds, "present and next leaf stand under both authorities")


def _files_under(ring: Ring, authority: Authority) -> dict[str, bytes]:
    path, passphrase = ring.place.home.path, ring.place.passphrase
    files = read_generation(path, current_number(path), passphrase)
    return files | issue_leaves(authority, now=ring.place.now, random=os.urandom)


def _acknowledged(ring: Ring) -> Iterator[LiveCheck]:
    answer = distribute(ring, offer=False)
    for one in answer.acknowledgements:
        if one.state != _LIVE:
            yield LiveCheck("distribute", one.city, True, f"{one.state}: left out, it needs the bundle by hand later")
            continue
        mend = "" if one.present else f"`yrdx ca distribute`, or leave it out with `--exclude {one.city}`"
        found = f"acknowledged version {one.version} of {answer.version}"
        yield LiveCheck("distribute", one.city, one.present, found, mend)


def _canaries(ring: Ring, number: int, well: str) -> Iterator[LiveCheck]:
    for city, why in canaries(ring, number).items():
        mend = f"`yrdx cert probe {city}`" if why else ""
        yield LiveCheck("canary", city, not why, why or well, mend)


@contextmanager
def _staged(ring: Ring, files: Mapping[str, bytes]) -> Iterator[Generation]:
    """A generation beside the one in use, removed with its keys whatever happens."""
    place = ring.place
    staged = stage_generation(place.home.path, files, now=place.now, passphrase=place.passphrase)
    try:
        yield staged
    finally:
        remove_generation(place.home.path, staged.number)


def _refused(step: str, error: TrustError, mend: str, city: str = "") -> LiveCheck:
    return LiveCheck(step, city, False, f"[{error.reason}] {error}", mend)
