"""Shanghai's server with one of its two walls taken down, and the certificates that somebody tries it with."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from grpc.aio import AioRpcError, ServicerContext

from certs.authority import Authority, serial_number
from certs.constraint import constrained_pem
from certs.identity import Identity
from certs.pem import certificate_from_pem, certificates_to_pem, private_key_to_pem
from certs.revocation import VerifiedLeaf
from certs.verification import CallerVerifier
from services.rpc.callers import PARTNER, Caller, CallerEntry, CallerGuard, let_in
from tests.integration.rpc.cities import (
    CALLERS,
    NANTONG,
    SHANGHAI,
    SUZHOU,
    City,
    SystemClock,
    ToyExchange,
    ToyServer,
    make_server,
    serving,
)
from tests.unit.certs.forgery import BOTH, uri, with_bytes
from tests.unit.services.rpc.calls import FakeContext, peer
from yrdx.exchange.v1 import exchange_pb2, exchange_pb2_grpc
from yrdx.node.v1 import node_pb2, node_pb2_grpc

Pair = tuple[bytes, bytes]
"""Certificate chain and key, PEM."""

HANDSHAKE, GUARD = "the handshake", "the guard"
GATEWAY = Identity("320600", "gateway", "one")
HOST = x509.DNSName("gateway.320600.yrdx")
HOUR = timedelta(hours=1)


class OpenGuard(CallerGuard):
    """Admits everybody: what it lets through, the handshake alone had to refuse."""

    def admit(self, method: str, context: ServicerContext[Any, Any]) -> Caller:
        """Admit."""
        far = datetime(2100, 1, 1, tzinfo=UTC)
        leaf = VerifiedLeaf(GATEWAY, "", 0, "", far, far)
        return let_in(Caller(leaf, False, b"", self.trust, CallerEntry(PARTNER, "gateway")))

    def recheck(self, caller: Caller) -> Caller:
        """Admit again."""
        return caller


@asynccontextmanager
async def shanghai_with(wall: str, *, nantong_pem: bytes | None = None) -> AsyncIterator[ToyServer]:
    """Serve with one wall alone, Nantong and Suzhou being partners.

    Args:
        wall: HANDSHAKE: the guard admits everybody. GUARD: the handshake takes any authority of any partner, as it
            would without name constraints.
        nantong_pem: What the handshake gets of Nantong's authority; None: our own re-issue, as ever.
    """
    if wall == GUARD:
        server = make_server([NANTONG, SUZHOU])
    else:
        server = make_server([NANTONG, SUZHOU], guard=OpenGuard)
        chain_pem, key_pem = SHANGHAI.leaf("gateway")
        roots = [constrained_pem(city.code, [city.authority.certificate]) for city in (SHANGHAI, SUZHOU)]
        roots.append(nantong_pem or constrained_pem(NANTONG.code, [NANTONG.authority.certificate]))
        server.trust.replace(chain_pem=chain_pem, key_pem=key_pem, roots_pem=b"".join(roots))
    async with serving(server):
        yield server


def judge(leaf_pem: bytes) -> Caller:
    """Ask Shanghai's guard about a leaf, without any TLS."""
    cities = (SHANGHAI, NANTONG, SUZHOU)
    trust = CallerVerifier({city.code: [city.authority.certificate] for city in cities})
    guard = CallerGuard(CALLERS, own_city=SHANGHAI.code, trust=lambda: trust, clock=SystemClock())
    context: Any = FakeContext(peer(leaf_pem))
    return guard.admit("/yrdx.exchange.v1.ExchangeService/Describe", context)


async def answer_to(server: ToyServer, pair: Pair | None, *, node: bool = False) -> str:
    """Call Describe, or the node's own status, and return "" when it was answered, else the status with its details."""
    channel = server.plain(pair)
    try:
        if node:
            await node_pb2_grpc.NodeServiceStub(channel).GetStatus(node_pb2.GetStatusRequest(), timeout=5)
        else:
            await exchange_pb2_grpc.ExchangeServiceStub(channel).Describe(exchange_pb2.DescribeRequest(), timeout=5)
    except AioRpcError as error:
        return f"{error.code().name} {error.details()}"
    finally:
        await channel.close()
    return ""


@dataclass(frozen=True)
class Forged:
    """How a certificate differs from Nantong's honest gateway leaf."""

    signer: Authority | None = None
    names: list[x509.GeneralName] | None = None
    usages: tuple[x509.ObjectIdentifier, ...] | None = BOTH
    is_authority: bool = False
    common_name: str = "gateway one"
    begins: timedelta = -HOUR
    ends: timedelta = HOUR

    def pair(self, *after: x509.Certificate) -> Pair:
        """Make it.

        Args:
            after: Certificates sent behind it.
        """
        key, leaf = self.certificate()
        return certificates_to_pem(leaf, *after), private_key_to_pem(key)

    def certificate(self) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        """Make it, with its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        signer = self.signer or NANTONG.authority
        names = [uri(GATEWAY.uri), HOST] if self.names is None else self.names
        now = datetime.now(UTC)
        signer_id = signer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        builder = (
            x509.CertificateBuilder(issuer_name=signer.certificate.subject, public_key=key.public_key())
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, self.common_name)]))
            .serial_number(serial_number(os.urandom))
            .not_valid_before(now + self.begins)
            .not_valid_after(now + self.ends)
            .add_extension(x509.BasicConstraints(ca=self.is_authority, path_length=None), critical=True)
            .add_extension(_usage(may_sign=self.is_authority), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier(signer_id.digest, None, None), critical=False)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        if self.usages is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage(self.usages), critical=False)
        return key, builder.sign(signer.key, hashes.SHA256())


def altered(forged: Forged, old: bytes, new: bytes) -> Pair:
    """A certificate with bytes in it that no builder writes, signed by Nantong's authority."""
    key, leaf = forged.certificate()
    return certificates_to_pem(with_bytes(leaf, old, new, forged.signer or NANTONG.authority)), private_key_to_pem(key)


def reissued_with(pem: bytes, more: x509.ExtensionType) -> bytes:
    """A re-issue with one extension more, or another one in the place of its own of that kind."""
    known = certificate_from_pem(pem)
    signer = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder(known.issuer, known.subject, known.public_key(), known.serial_number)
        .not_valid_before(known.not_valid_before_utc)
        .not_valid_after(known.not_valid_after_utc)
        .add_extension(more, critical=True)
    )
    for one in known.extensions:
        if one.oid != more.oid:
            builder = builder.add_extension(one.value, one.critical)
    return certificates_to_pem(builder.sign(signer, hashes.SHA256()))


def minted_by(city: City) -> Authority:
    """Another city's authority, which says it is Nantong's."""
    return Authority("320600", city.authority.certificate, city.authority.key)


async def serves(pair: Pair, roots_pem: bytes) -> bool:
    """Whether a channel to Shanghai that believes some roots gets through to a server with a certificate."""
    chain_pem, key_pem = pair
    server = grpc.aio.server()
    exchange_pb2_grpc.add_ExchangeServiceServicer_to_server(ToyExchange(), server)
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key_pem, chain_pem)]))
    await server.start()
    channel = grpc.aio.secure_channel(
        f"127.0.0.1:{port}",
        grpc.ssl_channel_credentials(roots_pem),
        options=[("grpc.ssl_target_name_override", "gateway.310000.yrdx")],
    )
    try:
        await exchange_pb2_grpc.ExchangeServiceStub(channel).ListReceipts(exchange_pb2.ListReceiptsRequest(), timeout=1)
    except AioRpcError as error:
        return error.code() is not grpc.StatusCode.UNAVAILABLE
    finally:
        await channel.close()
        await server.stop(0)
    return True


Make = Callable[[], Pair]


def _usage(*, may_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(True, False, False, False, False, may_sign, may_sign, False, False)
