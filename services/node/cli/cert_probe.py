"""`yrdx cert probe`: why a handshake with a partner fails."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.domain.errors import ExchangeError, NotFound
from services.node.cli.node_access import connect
from services.node.cli.verbs import HERE, HomeOption, JsonOption, verb
from services.node.exits import Exit
from services.node.output import print_json, say

if TYPE_CHECKING:
    from certs.diagnosis import Finding, Target
    from certs.generation import Generation
    from certs.revocation import Revocations
    from services.node.session import NodeSession
    from yrdx.node.v1 import node_pb2


def declare(app: typer.Typer) -> None:
    """Add the verb."""
    verb(
        app,
        "probe",
        "逐项说明与伙伴握手为何失败 · say why a handshake with a partner fails",
        "yrdx cert probe 310000 --home A",
        more="自行打开 TLS，指出哪项检查、哪一侧、如何处理 · opens TLS itself: which check, which side, what to do",
    )(probe)


def probe(
    city: Annotated[str, typer.Argument(metavar="CITY", help="伙伴六位代码 · partner's six-digit code")],
    home: HomeOption = HERE,
    json: JsonOption = False,
) -> None:
    """Probe a partner."""
    found = probe_partner(home, city)
    is_well = all(one.ok for one in found)
    if json:
        print_json({"ok": is_well, "checks": [_fields(one) for one in found]})
    else:
        for one in found:
            say(f"{'✓' if one.ok else '✗'} {one.check}: {one.found}")
            if not one.ok:
                say(f"    → [{one.side}] {one.mend}")
    raise typer.Exit(Exit.OK if is_well else Exit.FAILURE)


def probe_partner(home: Path, city: str) -> list[Finding]:
    """Probe a partner from a home: TLS by hand, then one call through the node itself.

    Raises:
        NotFound: No such partner.
    """
    from certs.diagnosis import diagnose
    from services.node.cli.trust_access import opened_home
    from services.node.keys import usable_keys

    place = opened_home(home)
    generation, _ = usable_keys(place.home, place.settings, now=place.now)
    with connect(home) as session:
        target = _target(session, city)
        with _pair_file(generation, place.home.temporary) as pair:
            found = list(diagnose(target, own_leaf=generation.gateway.leaf, own_pair=pair, now=place.now))
        if all(one.ok for one in found):
            found.append(_call(session, city))
    return found


def _target(session: NodeSession, city: str) -> Target:
    from certs.bundle import read_bundle
    from certs.diagnosis import Target
    from yrdx.node.v1 import node_pb2

    partners = session.stub.ListPartners(node_pb2.ListPartnersRequest(with_bundles=True)).partners
    partner = next((one for one in partners if one.city == city), None)
    if partner is None:
        raise NotFound(f"没有伙伴 {city} · no partner {city} here: `yrdx partner ls` lists them")
    host, _, port = partner.endpoint.rpartition(":")
    roots = read_bundle(partner.bundle).bundle.roots
    return Target(city, host.strip("[]"), int(port), roots, _revocations(session))


def _revocations(session: NodeSession) -> Revocations:
    from services.domain.revocation import Grain, Revocation
    from services.node.known_trust import KnownTrust, revocations_of
    from services.node.system import SystemClock
    from services.wire.times import time_from_pb
    from yrdx.node.v1 import node_pb2

    found = session.stub.ListRevocations(node_pb2.ListRevocationsRequest(with_crls=True)).revocations
    rows = [Revocation(Grain(r.grain), r.subject, r.reason, r.revoked_by, time_from_pb(r.revoke_time)) for r in found]
    return revocations_of(KnownTrust([], rows, []), now=SystemClock().now())


def _call(session: NodeSession, city: str) -> Finding:
    """The guard of the other side speaks only through gRPC."""
    from certs.diagnosis import Finding
    from yrdx.node.v1 import node_pb2

    try:
        answer: node_pb2.PingPartnerResponse = session.stub.PingPartner(node_pb2.PingPartnerRequest(city=city))
    except ExchangeError as error:
        mend = "its operators see the same reason in their log; compare bundles and clocks, `yrdx ca ack`"
        return Finding("theirs.guard", False, "theirs", f"[{error.reason}] {error}", mend)
    skew = f"clocks differ by {answer.clock_skew_ms:.0f} ms"
    return Finding("theirs.guard", True, "theirs", f"Describe answered in {answer.round_trip_ms:.0f} ms, {skew}")


@contextmanager
def _pair_file(generation: Generation, folder: Path) -> Iterator[Path]:
    """Python's ssl reads a key from a file alone: it stands in the home for the time of the probe, for its owner."""
    handle, name = tempfile.mkstemp(dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(generation.gateway_key_pem + generation.gateway_chain_pem)
        yield Path(name)
    finally:
        Path(name).unlink()


def _fields(one: Finding) -> dict[str, str | bool]:
    return {"check": one.check, "ok": one.ok, "side": one.side, "found": one.found, "mend": one.mend}
