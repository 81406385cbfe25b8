"""NodeService: partners, agreements and the operator's acts on streams."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from functools import partial
from typing import TypeVar

from certs.bundle import SignedBundle, parse_bundle, read_bundle, verify_fingerprint
from certs.errors import BundleRefused
from services.domain.agreement import Agreement
from services.domain.errors import Conflict, Malformed, NotFound
from services.domain.opening import OpeningAnswer
from services.domain.partner import Partner, PartnerState
from services.domain.stream import Direction, Stream, StreamName, StreamState
from services.exchange.agreements import agreements_with
from services.exchange.deliver import written
from services.exchange.dial import make_opening, read_answer
from services.exchange.recover import (
    allow_replay,
    finish_recovery,
    next_epoch_known,
    open_epoch,
    stream_of,
    take_back,
)
from services.exchange.standards import Incompatibility, incompatibilities, spoken_standard
from services.ports.channel import PartnerChannel
from services.ports.store import Transaction
from services.rpc.approvals import agreement_digest
from services.rpc.exchange_service import stream_name
from services.rpc.node_desk import Context, NodeDesk
from services.rpc.node_listings import Listings
from services.rpc.partner_bundles import put_partner
from services.wire.batches import description_to_pb
from yrdx.node.v1 import node_pb2

T = TypeVar("T")


class Granting(NodeDesk):
    """Acts that grant trust: approved first, and in the log before they take effect."""

    async def _grant(self, act: str, subject: str, digest: str, approvals: Sequence[bytes]) -> None:
        approved = await self.host.require_approved(act, digest, approvals)
        details = {"digest": digest}
        await self.host.record_act(f"grant.{act}", subject, by=self.acting(), details=details, approvals=approved)


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
        return node_pb2.AddPartnerResponse(partner=partner_to_pb(stored))

    async def ListPartners(  # noqa: N802
        self, request: node_pb2.ListPartnersRequest, context: Context
    ) -> node_pb2.ListPartnersResponse:
        """Return all partners."""
        partners = await asyncio.to_thread(self.store.read, lambda tx: tx.partners())
        found = [partner_to_pb(partner) for partner in partners]
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
        return partner_to_pb(changed)

    async def _trust_changed(self) -> None:
        await self.host.trust_changed()
        self.host.wake_all()


class Agreements(Granting):
    """What was agreed."""

    async def ImportAgreement(  # noqa: N802
        self, request: node_pb2.ImportAgreementRequest, context: Context
    ) -> node_pb2.ImportAgreementResponse:
        """Store one version of an agreement."""
        agreement = agreement_from_pb(request.agreement)
        self._require_possible(agreement)
        if agreement not in await asyncio.to_thread(self.store.read, lambda tx: tx.agreements()):
            await self._grant("agreement", agreement.id, agreement_digest(agreement), request.approvals)
        created = await written(self.store.write(partial(_put_agreement, agreement=agreement)))
        self.host.wake_all()
        stream = "" if agreement.mode == "lookup" else str(agreement.stream)
        return node_pb2.ImportAgreementResponse(stream=stream, created=created)

    async def ListAgreements(  # noqa: N802
        self, request: node_pb2.ListAgreementsRequest, context: Context
    ) -> node_pb2.ListAgreementsResponse:
        """Return every version of every agreement."""
        agreements = await asyncio.to_thread(self.store.read, lambda tx: tx.agreements())
        return node_pb2.ListAgreementsResponse(agreements=[agreement_to_pb(a) for a in agreements])

    def _require_possible(self, agreement: Agreement) -> None:
        if self.parts.city not in (agreement.provider, agreement.consumer):
            raise Malformed(f"the agreement is between {agreement.provider} and {agreement.consumer}, not this city")
        if agreement.provider == agreement.consumer:
            raise Malformed("provider and consumer are the same city")
        if agreement.mode == "pull":
            raise Malformed('mode "pull" is not served by this version: agree on "push"')
        indispensable = self.parts.gate.indispensable(agreement.dataset, spoken_standard(self.parts.gate, agreement))
        if agreement.mode != "lookup" and not agreement.allows(indispensable):
            missing = indispensable - set(agreement.fields)
            raise Malformed(f"fields lacks {', '.join(sorted(missing))}: without these every record would be refused")


class Streams(Listings):
    """The operator's acts after a restored backup."""

    async def RecoverStream(  # noqa: N802
        self, request: node_pb2.RecoverStreamRequest, context: Context
    ) -> node_pb2.RecoverStreamResponse:
        """Allow a replay (inbound) or take back what was sent (outbound)."""
        name = _partners_stream(request.stream)
        if name.to_city == self.parts.city:
            await written(self.store.write(partial(allow_replay, name=name)))
            records = 0
        else:
            records = await self._take_back_all(name)
        self.host.wake_all()
        return node_pb2.RecoverStreamResponse(status=await self._status(name), records=records)

    async def OpenEpoch(  # noqa: N802
        self, request: node_pb2.OpenEpochRequest, context: Context
    ) -> node_pb2.OpenEpochResponse:
        """End a diverged epoch and begin the next one after the partner's position."""
        name = _partners_stream(request.stream)
        channel = await self.host.channel(name.to_city)
        answer = await self._ask_position(name, channel)
        with suppress(Conflict, Malformed):  # as far as the histories agree, nothing may be sent a second time
            await self._take_back_epoch(name, channel)
        void, reason = request.void_unacknowledged, request.reason
        work = partial(open_epoch, parts=self.parts, name=name, answer=answer, void=void, reason=reason)
        records = await written(self.store.write(work))
        self.host.wake_all()
        return node_pb2.OpenEpochResponse(status=await self._status(name), records=records)

    async def _take_back_all(self, name: StreamName) -> int:
        stream = await self._outbound(name)
        if stream.state is not StreamState.DIVERGED:
            raise Conflict(f"{name} is {stream.state}: only a DIVERGED stream is recovered")
        channel = await self.host.channel(name.to_city)
        answer = await self._ask_position(name, channel)
        recovered = 0
        while True:
            recovered += await self._take_back_epoch(name, channel)
            if (await self._outbound(name)).position.epoch >= answer.position.epoch:
                break
            epoch = (await self._outbound(name)).position.epoch + 1
            await written(self.store.write(partial(next_epoch_known, name=name, epoch=epoch)))
        await written(self.store.write(partial(finish_recovery, name=name, answer=answer)))
        return recovered

    async def _take_back_epoch(self, name: StreamName, channel: PartnerChannel) -> int:
        recovered = 0
        while True:
            at = (await self._outbound(name)).position
            batches, more = await channel.list_receipts(str(name), at.epoch, after_sequence=at.watermark, full=True)
            work = partial(take_back, parts=self.parts, name=name, batches=batches)
            recovered += await written(self.store.write(work))
            if not more:
                return recovered

    async def _ask_position(self, name: StreamName, channel: PartnerChannel) -> OpeningAnswer:
        """Open the stream once, only to learn the receiver's signed position."""
        opening = await written(self.store.write(partial(make_opening, parts=self.parts, name=name)))
        async with channel.deliver() as session:
            return read_answer(self.parts, name, opening, await session.open(opening))

    async def _outbound(self, name: StreamName) -> Stream:
        return await written(self.store.write(partial(stream_of, name=name, direction=Direction.OUTBOUND)))

    async def _status(self, name: StreamName) -> node_pb2.StreamStatus:
        direction = Direction.INBOUND if name.to_city == self.parts.city else Direction.OUTBOUND

        def read(tx: Transaction) -> node_pb2.StreamStatus:
            stream = tx.stream(name, direction)
            return self.stream_status(tx, stream, set(), {}) if stream else node_pb2.StreamStatus()

        return await asyncio.to_thread(self.store.read, read)


def partner_to_pb(partner: Partner) -> node_pb2.Partner:
    """Return a partner as an operator sees it."""
    return node_pb2.Partner(
        city=partner.city,
        endpoint=partner.endpoint,
        fingerprint=partner.fingerprint,
        state=partner.state.value,
        state_reason=partner.state_reason,
        bundle_version=read_bundle(partner.bundle).bundle.version,
    )


def agreement_from_pb(pb: node_pb2.Agreement) -> Agreement:
    """Return an agreement from a request that passed its rules.

    Raises:
        Malformed: A date does not exist, or the dates are the wrong way round.
    """
    try:
        valid_from, valid_until = date.fromisoformat(pb.valid_from), date.fromisoformat(pb.valid_until)
    except ValueError as error:
        raise Malformed("valid_from and valid_until are dates that exist, 2026-01-01") from error
    if valid_until < valid_from:
        raise Malformed("valid_until is before valid_from")
    return Agreement(
        id=pb.id,
        version=pb.version,
        provider=pb.provider,
        consumer=pb.consumer,
        dataset=pb.dataset,
        standard=pb.standard,
        mode=pb.mode,
        fields=tuple(pb.fields),
        purposes=tuple(pb.purposes),
        legal_basis=pb.legal_basis,
        valid_from=valid_from,
        valid_until=valid_until,
        retention_days=pb.retention_days,
        records_per_minute=pb.records_per_minute or None,
    )


def agreement_to_pb(agreement: Agreement) -> node_pb2.Agreement:
    """Return an agreement as an operator sees it."""
    return node_pb2.Agreement(
        id=agreement.id,
        version=agreement.version,
        provider=agreement.provider,
        consumer=agreement.consumer,
        dataset=agreement.dataset,
        standard=agreement.standard,
        mode=agreement.mode,
        fields=agreement.fields,
        purposes=agreement.purposes,
        legal_basis=agreement.legal_basis,
        valid_from=agreement.valid_from.isoformat(),
        valid_until=agreement.valid_until.isoformat(),
        retention_days=agreement.retention_days,
        records_per_minute=agreement.records_per_minute or 0,
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


def _put_agreement(tx: Transaction, agreement: Agreement) -> bool:
    for present in tx.agreements():
        if (present.id, present.version) == (agreement.id, agreement.version):
            if present != agreement:
                raise Conflict(
                    f"{present.id} version {present.version} stands here with another content: raise its version"
                )
            return False
    tx.put_agreement(agreement)
    return True


def _require_fingerprint(signed: SignedBundle, fingerprint: str) -> None:
    try:
        verify_fingerprint(signed, fingerprint)
    except BundleRefused as error:
        raise Malformed(str(error)) from error


def _partners_stream(text: str) -> StreamName:
    name = stream_name(text)
    if name.is_register:
        raise Conflict(f"{name} is this city's own register, which nobody else holds: run its syncs again")
    return name
