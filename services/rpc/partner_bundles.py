"""A partner's bundle, first or later: what may take the place of the one that stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from certs.bundle import SignedBundle, parse_bundle, read_bundle
from certs.errors import BundleRefused
from certs.succession import refused_succession
from services.domain.errors import Conflict, Malformed, PartnerUnknown
from services.domain.partner import Partner, PartnerState
from services.ports.host import Host
from services.ports.store import Transaction


def take_offered(tx: Transaction, city: str, signed: SignedBundle, host: Host) -> Partner:
    """Store a later version of a partner's bundle that its own gateway handed over.

    The endpoint stays: what an operator of this side entered wins over the bundle's hint.

    Raises:
        PartnerUnknown: Not a confirmed partner.
        Conflict: Another bundle key, an older version, or one that does not continue what stands.
        Malformed: It is another city's, or contradicts other partners.
    """
    present = tx.partner(city)
    if present is None or present.state is PartnerState.UNCONFIRMED:
        raise PartnerUnknown(f"city {city} is not a confirmed partner here: `yrdx partner ls`")
    if signed.bundle.city != city:
        raise Malformed(f"the gateway of {city} offers the bundle of another city")
    if present.bundle == signed.data:
        return present
    return put_partner(tx, replace(present, bundle=signed.data, fingerprint=signed.fingerprint), host)


def read_offered(bundle: bytes, *, now: datetime) -> SignedBundle:
    """Read a bundle that came over the wire.

    Raises:
        Malformed: With the reason.
    """
    try:
        return parse_bundle(bundle, now=now)
    except BundleRefused as error:
        raise Malformed(f"[{error.reason}] {error}") from error


def put_partner(tx: Transaction, partner: Partner, host: Host) -> Partner:
    """Store a partner; a known bundle key keeps the partner's state, another key is a human's decision."""
    present = tx.partner(partner.city)
    if present is not None:
        _require_successor(present, partner)
        if present.state is not PartnerState.UNCONFIRMED:
            partner = replace(partner, state=present.state, state_reason=present.state_reason)
    others = [other for other in tx.partners() if other.city != partner.city]
    host.require_admissible([*others, partner])
    tx.put_partner(partner)
    return partner


def _require_successor(present: Partner, offered: Partner) -> None:
    """Take the same bundle again, or a later version that continues it; never an older or a forked one."""
    refusal = refused_succession(read_bundle(present.bundle), read_bundle(offered.bundle))
    if refusal is not None:
        raise Conflict(refusal)
