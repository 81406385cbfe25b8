"""What a servicer sees of gRPC, without gRPC: contexts, certificates, time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Never

from cryptography.hazmat.primitives.asymmetric import ec
from grpc import StatusCode
from grpc.aio import AbortError

from certs.authority import Authority, create_authority, serial_number
from certs.identity import Identity, Role
from certs.pem import certificates_to_pem

Metadata = Iterable[tuple[str, bytes]]

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@dataclass
class StoppedClock:
    """A clock that a test moves."""

    at: datetime = NOW

    def now(self) -> datetime:
        """Return the instant that was set."""
        return self.at

    def monotonic_s(self) -> float:
        """Return seconds that follow the instant."""
        return self.at.timestamp()


@dataclass
class FakeContext:
    """One call: who is at its other end, and how it was ended."""

    peer: Mapping[str, Iterable[bytes]] = field(default_factory=dict)
    aborted: tuple[StatusCode, str, dict[str, bytes]] | None = None

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """Return what TLS says of the peer."""
        return self.peer

    def code(self) -> int:
        """Return the status as grpc.aio does: its number, whatever its types say."""
        code: int = (self.aborted[0] if self.aborted else StatusCode.OK).value[0]
        return code

    async def abort(self, code: StatusCode, details: str = "", trailing_metadata: Metadata = ()) -> Never:
        """End the call as grpc.aio does."""
        self.aborted = (code, details, dict(trailing_metadata))
        raise AbortError


@cache
def authority(city: str) -> Authority:
    """Return a city's authority, the same within a test run."""
    return create_authority(city, now=NOW, serial=serial_number(os.urandom), valid_for=timedelta(days=365))


@cache
def leaf_pem(city: str, role: Role, issuer: str | None = None) -> bytes:
    """Return a leaf; with an issuer, one that another city's authority minted."""
    signer = authority(issuer or city)
    forged = Authority(city, signer.certificate, signer.key)
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return certificates_to_pem(
        forged.issue(Identity(city, role, "one"), key, now=NOW, serial=serial_number(os.urandom))
    )


def peer(leaf: bytes, *, resumed: bytes = b"false") -> dict[str, list[bytes]]:
    """Return the auth context of a peer that showed a leaf."""
    return {"x509_pem_cert": [leaf], "ssl_session_reused": [resumed], "transport_security_type": [b"ssl"]}
