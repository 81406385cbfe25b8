"""NodeService: the node's own keys and the certificates it knows."""

from __future__ import annotations

import asyncio

from services.ports.keys import CertificateStatus, KeysStatus
from services.rpc.node_desk import Context, NodeDesk
from services.wire.times import time_to_pb
from yrdx.node.v1 import node_pb2


class Keystore(NodeDesk):
    """The key store."""

    async def GetKeystore(  # noqa: N802 - gRPC's name
        self, request: node_pb2.GetKeystoreRequest, context: Context
    ) -> node_pb2.GetKeystoreResponse:
        """Say how the key store stands."""
        return status_to_pb(await asyncio.to_thread(self.host.keys.status))

    async def ReloadKeystore(  # noqa: N802
        self, request: node_pb2.ReloadKeystoreRequest, context: Context
    ) -> node_pb2.ReloadKeystoreResponse:
        """Use what is on disk now."""
        await self.host.keys.reload()
        status = await asyncio.to_thread(self.host.keys.status)
        return node_pb2.ReloadKeystoreResponse(keystore=status_to_pb(status))


class OwnBundle(NodeDesk):
    """This city's bundle, and what partners say to it."""

    async def DistributeBundle(  # noqa: N802 - gRPC's name
        self, request: node_pb2.DistributeBundleRequest, context: Context
    ) -> node_pb2.DistributeBundleResponse:
        """Offer the bundle and say who holds which version."""
        errors = {} if request.dry_run else await self.host.bundles.distribute()
        version, digest = await asyncio.to_thread(self.host.bundles.version_and_digest)
        partners, acks = await asyncio.to_thread(self.store.read, lambda tx: (tx.partners(), tx.bundle_acks()))
        held = {ack.city: ack for ack in acks}
        answer = node_pb2.DistributeBundleResponse(version=version, digest=digest)
        for partner in partners:
            ack = held.get(partner.city)
            answer.acknowledgements.add(
                city=partner.city,
                present=ack is not None and ack.digest == digest,
                version=ack.version if ack else 0,
                digest=ack.digest if ack else "",
                acknowledged_time=time_to_pb(ack.acknowledged_at) if ack else None,
                error=errors.get(partner.city, ""),
                state=partner.state.value,
            )
        return answer

    async def TryGeneration(  # noqa: N802
        self, request: node_pb2.TryGenerationRequest, context: Context
    ) -> node_pb2.TryGenerationResponse:
        """Call every live partner with another generation's leaf."""
        said = await self.host.try_generation(request.generation)
        canaries = [node_pb2.TryGenerationResponse.Canary(city=city, error=why) for city, why in sorted(said.items())]
        return node_pb2.TryGenerationResponse(canaries=canaries)


def status_to_pb(status: KeysStatus) -> node_pb2.GetKeystoreResponse:
    """Return how a key store stands, for an operator."""
    return node_pb2.GetKeystoreResponse(
        generation=status.generation,
        fingerprint=status.fingerprint,
        load_time=time_to_pb(status.loaded),
        renew_time=time_to_pb(status.renews),
        generations=status.generations,
        refuse_time=time_to_pb(status.refused) if status.refused else None,
        refuse_reason=status.refused_reason,
        refuse_message=status.refused_message,
        draining=status.draining,
        uses=[
            node_pb2.GetKeystoreResponse.AuthorityUse(authority=authority, use_time=time_to_pb(at), name=name)
            for authority, (at, name) in sorted(status.uses.items())
        ],
        certificates=[_certificate_to_pb(one) for one in status.certificates],
    )


def _certificate_to_pb(one: CertificateStatus) -> node_pb2.Certificate:
    return node_pb2.Certificate(
        city=one.city,
        usage=one.usage,
        name=one.name,
        serial=one.serial,
        fingerprint=one.fingerprint,
        not_before_time=time_to_pb(one.not_before),
        not_after_time=time_to_pb(one.not_after),
        state=one.state,
        alert=one.alert,
    )
