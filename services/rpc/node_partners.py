"""NodeService: partners, and whether one answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from certs.bundle import SignedBundle, parse_bundle, read_bundle, verify_fingerprint
from certs.errors import BundleRefused
from services.domain.errors import Conflict, Malformed, NotFound
from services.domain.partner import Partner, PartnerState
from services.exchange.agreements import agreements_with
from services.exchange.deliver import written
from services.exchange.standards import Incompatibility, incompatibilities
from services.ports.store import Transaction
from services.rpc.approvals import Granting
from services.rpc.node_desk import Context
from services.rpc.partner_bundles import put_partner
from services.wire.batches import description_to_pb
from yrdx.node.v1 import node_pb2


class Partners(Granting):
    """Whom this node knows."""

    async def AddPartner(  # noqa: N802 - gRPC's name
        self, request: node_pb2.AddPartnerRequest, context: Context
    ) -> node_pb2.AddPartnerResponse:
        """Store a partner from its bundle; confirmed when its fingerprint was given, or in a demo home."""
        signed = self._read(request)
        confirmed = bool(request.fingerprint) or self.host.confirms_by_itself
        partner = Partner(
            city=signed.bundle.city,
            bundle=request.bundle,
            fingerprint=signed.fingerprint,
            endpoint=request.endpoint,
            state=PartnerState.LIVE if confirmed else PartnerState.UNCONFIRMED,
        )
        if confirmed:
            await self._grant("partner", partner.city, signed.digest, request.approvals)
        stored = await written(self.store.write(partial(put_partner, partner=partner, host=self.host)))
        await self._trust_changed()
        return node_pb2.AddPartnerResponse(partner=_partner_to_pb(stored))

    async def ListPartners(  # noqa: N802
        self, request: node_pb2.ListPartnersRequest, context: Context
    ) -> node_pb2.ListPartnersResponse:
        """Return all partners."""
        partners = await asyncio.to_thread(self.store.read, lambda tx: tx.partners())
        found = [_partner_to_pb(partner) for partner in partners]
        for pb, partner in zip(found, partners, strict=True):
            pb.bundle = partner.bundle if request.with_bundles else b""
        return node_pb2.ListPartnersResponse(partners=found)

    async def ConfirmPartner(  # noqa: N802
        self, request: node_pb2.ConfirmPartnerRequest, context: Context
    ) -> node_pb2.ConfirmPartnerResponse:
        """Make a partner live after its fingerprint was compared."""
        present = await asyncio.to_thread(self.store.read, lambda tx: tx.partner(request.city))
        if present is not None and present.state is PartnerState.UNCONFIRMED:
            _require_fingerprint(read_bundle(present.bundle), request.fingerprint)
            await self._grant("partner", request.city, read_bundle(present.bundle).digest, request.approvals)

        def confirm(partner: Partner) -> Partner:
            _require_fingerprint(read_bundle(partner.bundle), request.fingerprint)
            if partner.state is not PartnerState.UNCONFIRMED:
                return partner
            return replace(partner, state=PartnerState.LIVE, state_reason="")

        return node_pb2.ConfirmPartnerResponse(partner=await self._change(request.city, confirm))

    async def PausePartner(  # noqa: N802
        self, request: node_pb2.PausePartnerRequest, context: Context
    ) -> node_pb2.PausePartnerResponse:
        """Stop records from and to a partner."""

        def pause(partner: Partner) -> Partner:
            if partner.state is PartnerState.UNCONFIRMED:
                raise Conflict(f"partner {partner.city} is not confirmed yet; nothing flows")
            return replace(partner, state=PartnerState.PAUSED, state_reason=request.reason)

        return node_pb2.PausePartnerResponse(partner=await self._change(request.city, pause))

    async def ResumePartner(  # noqa: N802
        self, request: node_pb2.ResumePartnerRequest, context: Context
    ) -> node_pb2.ResumePartnerResponse:
        """Let records flow again."""

        def resume(partner: Partner) -> Partner:
            if partner.state is PartnerState.UNCONFIRMED:
                raise Conflict(f"partner {partner.city} is not confirmed: `yrdx partner confirm {partner.city}`")
            return replace(partner, state=PartnerState.LIVE, state_reason="")

        return node_pb2.ResumePartnerResponse(partner=await self._change(request.city, resume))

    async def PingPartner(  # noqa: N802
        self, request: node_pb2.PingPartnerRequest, context: Context
    ) -> node_pb2.PingPartnerResponse:
        """Call the partner's Describe; a success also wakes the couriers."""
        channel = await self.host.channel(request.city)
        clock = self.parts.clock
        begun, sent = clock.now(), clock.monotonic_s()
        description = await channel.describe()
        round_trip_s = clock.monotonic_s() - sent
        skew_s = (description.node_time - begun).total_seconds() - round_trip_s / 2
        self.host.wake_all()
        agreed = await asyncio.to_thread(self.store.read, partial(agreements_with, city=request.city, at=begun))
        apart = incompatibilities(agreed, self.parts.gate.datasets, description)
        return node_pb2.PingPartnerResponse(
            description=description_to_pb(description),
            round_trip_ms=round_trip_s * 1e3,
            clock_skew_ms=skew_s * 1e3,
            incompatibilities=[_incompatibility_to_pb(one) for one in apart],
        )

    def _read(self, request: node_pb2.AddPartnerRequest) -> SignedBundle:
        try:
            signed = parse_bundle(request.bundle, now=self.parts.clock.now())
        except BundleRefused as error:
            raise Malformed(str(error)) from error
        if signed.bundle.city == self.parts.city:
            raise Malformed("this is the node's own bundle: give it to the partner, and add the partner's here")
        if request.fingerprint:
            _require_fingerprint(signed, request.fingerprint)
        return signed

    async def _change(self, city: str, change: Callable[[Partner], Partner]) -> node_pb2.Partner:
        def work(tx: Transaction) -> Partner:
            partner = tx.partner(city)
            if partner is None:
                raise NotFound(f"no partner {city} here: `yrdx partner ls`")
            changed = change(partner)
            tx.put_partner(changed)
            return changed

        changed = await written(self.store.write(work))
        await self._trust_changed()
        return _partner_to_pb(changed)

    async def _trust_changed(self) -> None:
        await self.host.trust_changed()
        self.host.wake_all()


def _partner_to_pb(partner: Partner) -> node_pb2.Partner:
    """Return a partner as an operator sees it."""
    return node_pb2.Partner(
        city=partner.city,
        endpoint=partner.endpoint,
        fingerprint=partner.fingerprint,
        state=partner.state.value,
        state_reason=partner.state_reason,
        bundle_version=read_bundle(partner.bundle).bundle.version,
    )


def _incompatibility_to_pb(found: Incompatibility) -> node_pb2.PingPartnerResponse.Incompatibility:
    agreement = found.agreement
    return node_pb2.PingPartnerResponse.Incompatibility(
        agreement_id=agreement.id,
        agreement_version=agreement.version,
        stream=str(agreement.stream),
        standard=agreement.standard,
        own_standards=found.ours,
        partner_standards=found.theirs,
        problem=str(found),
    )


def _require_fingerprint(signed: SignedBundle, fingerprint: str) -> None:
    try:
        verify_fingerprint(signed, fingerprint)
    except BundleRefused as error:
        raise Malformed(str(error)) from error
