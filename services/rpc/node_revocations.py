"""NodeService: revocations. Each is on disk before it takes effect, and in effect before it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

from certs.bundle import read_bundle
from services.domain.errors import Conflict, Malformed, NotFound
from services.domain.revocation import CrlState, Grain, Revocation
from services.exchange.deliver import written
from services.ports.host import Cut
from services.ports.store import Transaction
from services.rpc.node_desk import Context, NodeDesk
from services.wire.times import time_to_pb
from yrdx.node.v1 import node_pb2

BY_CRL: Final = "crl"
_OWN_USAGES: Final = ("gateway", "operator")
"""Whoever revokes one of these of the loaded generation locks themselves out."""


class Revocations(NodeDesk):
    """What is believed no longer."""

    async def Revoke(  # noqa: N802 - gRPC's name
        self, request: node_pb2.RevokeRequest, context: Context
    ) -> node_pb2.RevokeResponse:
        """Persist, load, then cut."""
        revocation = Revocation(
            Grain(request.grain), request.subject, request.reason, self.acting(), self.parts.clock.now()
        )
        await asyncio.to_thread(self.store.read, partial(self._require_sensible, revocation=revocation))
        if request.dry_run:
            return node_pb2.RevokeResponse(effect=await self._foreseen([revocation]))
        details = {"reason": request.reason}
        await self.host.record_act(
            f"revoke.{request.grain}", request.subject, by=revocation.revoked_by, details=details
        )
        return node_pb2.RevokeResponse(effect=await self._effect([revocation], None))

    async def LiftRevocation(  # noqa: N802
        self, request: node_pb2.LiftRevocationRequest, context: Context
    ) -> node_pb2.LiftRevocationResponse:
        """Believe a city again, as it stands here; approved for that very bundle."""
        city, now = request.city, self.parts.clock.now()
        digest = await asyncio.to_thread(self.store.read, partial(_liftable, city=city))
        approved = await self.host.require_approved("lift", digest, request.approvals)
        if request.dry_run:
            return node_pb2.LiftRevocationResponse()
        lift = Revocation(Grain.LIFT, f"{city}:{now.isoformat()}", request.reason, self.acting(), now)
        details = {"reason": request.reason, "digest": digest}
        await self.host.record_act("grant.lift", city, by=lift.revoked_by, details=details, approvals=approved)
        await written(self.store.write(partial(_lift, city=city, digest=digest, lift=lift)))
        await self.host.trust_changed()
        self.host.wake_all()
        return node_pb2.LiftRevocationResponse()

    async def ListRevocations(  # noqa: N802
        self, request: node_pb2.ListRevocationsRequest, context: Context
    ) -> node_pb2.ListRevocationsResponse:
        """Return what was revoked; serials from lists are only counted unless asked for."""
        found, crls = await asyncio.to_thread(self.store.read, lambda tx: (tx.revocations(), tx.crls()))
        wanted = [one for one in found if request.with_crls or one.revoked_by != BY_CRL]
        return node_pb2.ListRevocationsResponse(
            revocations=[_to_pb(one) for one in wanted],
            crls=[_crl_to_pb(crl) for crl in crls],
            from_crls=sum(one.revoked_by == BY_CRL for one in found),
        )

    async def ImportCrl(  # noqa: N802
        self, request: node_pb2.ImportCrlRequest, context: Context
    ) -> node_pb2.ImportCrlResponse:
        """Take an authority's list: signature, time and rising number are checked."""
        crl, serials = await asyncio.to_thread(self.host.read_crl, request.city, request.crl)
        await asyncio.to_thread(self.store.read, partial(_require_newer, crl=crl))
        revoked = [Revocation(Grain.SERIAL, f"{crl.authority}:{serial:x}", "", BY_CRL, at) for serial, at in serials]
        if request.dry_run:
            return node_pb2.ImportCrlResponse(effect=await self._foreseen(revoked))
        details = {"number": str(crl.number), "serials": str(len(serials))}
        await self.host.record_act("crl.import", request.city, by=self.acting(), details=details)
        return node_pb2.ImportCrlResponse(effect=await self._effect(revoked, crl))

    async def _effect(self, revoked: Sequence[Revocation], crl: CrlState | None) -> node_pb2.RevocationEffect:
        new = await written(self.store.write(partial(_store, revoked=revoked, crl=crl)))
        cut = await self.host.trust_changed()
        self.host.wake_all()
        return self._effect_of(new, cut)

    async def _foreseen(self, revoked: Sequence[Revocation]) -> node_pb2.RevocationEffect:
        standing = await asyncio.to_thread(self.store.read, lambda tx: tx.revocations())
        new = {(one.grain, one.subject) for one in revoked} - {(one.grain, one.subject) for one in standing}
        return self._effect_of(len(new), await self.host.would_cut(revoked))

    def _effect_of(self, new: int, cut: Cut) -> node_pb2.RevocationEffect:
        times = cut.times_s
        return node_pb2.RevocationEffect(
            revoked=new,
            calls_cut=cut.calls,
            calls_kept=cut.others,
            median_ms=times[len(times) // 2] * 1e3 if times else 0.0,
            slowest_ms=cut.slowest_s * 1e3,
            counted_at=self.host.process,
        )

    def _require_sensible(self, tx: Transaction, revocation: Revocation) -> None:
        """Refuse what names nothing here, and what would lock out whoever asks."""
        grain, subject = revocation.grain, revocation.subject
        if grain is Grain.CITY and tx.partner(subject) is None:
            raise NotFound(f"no partner {subject} here: `yrdx partner ls`")
        if grain is Grain.AGREEMENT and subject not in {one.id for one in tx.agreements()}:
            raise NotFound(f"no agreement {subject} here: `yrdx agreement ls`")
        own = self.host.certificates_of(self.parts.city)
        if grain is Grain.AUTHORITY and subject in {one.fingerprint for one in own if one.usage == "authority"}:
            self._require_another_authority()
        authorities = [one.fingerprint for one in own if one.usage == "authority"]
        used = [one for one in own if one.usage in _OWN_USAGES]
        in_use = {f"{one.city}:{one.fingerprint}" for one in used}
        in_use |= {f"{authority}:{one.serial}" for authority in authorities for one in used}
        if grain in (Grain.LEAF, Grain.SERIAL) and subject in in_use:
            raise Conflict("this node uses that leaf now: `yrdx cert renew` first, then revoke the old one")

    def _require_another_authority(self) -> None:
        own = [one for one in self.host.certificates_of(self.parts.city) if one.usage == "authority"]
        if len(own) == 1:
            raise Conflict(
                "this is the city's only authority: with it every leaf of the city is gone, also yours. "
                "Prepare another one first: `yrdx ca prepare`"
            )


def _store(tx: Transaction, revoked: Sequence[Revocation], crl: CrlState | None) -> int:
    if crl is not None:
        _require_newer(tx, crl)
        tx.put_crl(crl)
    return tx.put_revocations(revoked)


def _liftable(tx: Transaction, city: str) -> str:
    """Return the digest of the bundle that a revoked city would be believed by."""
    partner = tx.partner(city)
    if partner is None or city not in {one.subject for one in tx.revocations() if one.grain is Grain.CITY}:
        raise NotFound(f"no city {city} is revoked here: `yrdx revoke ls`")
    return read_bundle(partner.bundle).digest


def _lift(tx: Transaction, city: str, digest: str, lift: Revocation) -> None:
    if _liftable(tx, city) != digest:
        raise Conflict(f"another bundle of {city} stands here than the operators approved: approve that one")
    tx.lift_city(city, lift)


def _require_newer(tx: Transaction, crl: CrlState) -> None:
    """A list that is older than the one that stands would take revocations back (RFC 5280 section 5.2.3)."""
    for present in tx.crls():
        if present.authority == crl.authority and crl.number <= present.number:
            raise Malformed(
                f"[CRL_REFUSED] the list has number {crl.number}, and number {present.number} stands here: "
                "ask for the city's newest list"
            )


def _to_pb(one: Revocation) -> node_pb2.ListRevocationsResponse.Revocation:
    return node_pb2.ListRevocationsResponse.Revocation(
        grain=one.grain.value,
        subject=one.subject,
        reason=one.reason,
        revoked_by=one.revoked_by,
        revoke_time=time_to_pb(one.revoked_at),
    )


def _crl_to_pb(crl: CrlState) -> node_pb2.ListRevocationsResponse.Crl:
    return node_pb2.ListRevocationsResponse.Crl(
        city=crl.city,
        authority=crl.authority,
        number=crl.number,
        this_update_time=time_to_pb(crl.this_update),
        next_update_time=time_to_pb(crl.next_update),
    )
