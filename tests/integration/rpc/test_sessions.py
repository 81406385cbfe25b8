"""TLS sessions: a resumed one skips the certificate, so nothing is taken from it.

gRPC's own clients never resume, so the client here speaks TLS and the few frames of HTTP/2 itself.
"""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from socket import create_connection

import grpc
import pytest

from tests.integration.rpc.cities import NANTONG, SHANGHAI, ToyServer

# RFC 9113: connection preface (3.4), frames (4.1), header block without compression (RFC 7541, 6.2.2).
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, HEADERS, DATA = 4, 1, 0
END_STREAM, END_HEADERS = 1, 4


class RawClient:
    """A client that offers its last TLS session again."""

    def __init__(self, address: str, folder: Path) -> None:
        """Prepare with Nantong's certificate."""
        host, _, port = address.rpartition(":")
        self._target = (host, int(port))
        chain_pem, key_pem = NANTONG.leaf("gateway")
        (folder / "leaf.pem").write_bytes(chain_pem + key_pem)
        self._context = ssl.create_default_context(cadata=SHANGHAI.roots_pem.decode())
        self._context.load_cert_chain(folder / "leaf.pem")
        self._context.set_alpn_protocols(["h2"])
        self._session: ssl.SSLSession | None = None

    def describe(self) -> tuple[bool, bytes]:
        """Call Describe.

        Returns:
            Whether TLS resumed, and all bytes of the answer up to the trailers.
        """
        with (
            create_connection(self._target, timeout=5) as plain,
            self._context.wrap_socket(
                plain, server_hostname=f"gateway.{SHANGHAI.code}.yrdx", session=self._session
            ) as connection,
        ):
            connection.sendall(PREFACE + frame(SETTINGS, 0, 0, b"") + request())
            answer = b""
            while b"grpc-status" not in answer:
                answer += connection.recv(65_536)
            self._session = connection.session
            return bool(connection.session_reused), answer


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Return one HTTP/2 frame."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def request() -> bytes:
    """Return the frames of an empty Describe request."""
    headers = {
        ":method": "POST",
        ":scheme": "https",
        ":path": "/yrdx.exchange.v1.ExchangeService/Describe",
        ":authority": "gateway.310000.yrdx",
        "te": "trailers",
        "content-type": "application/grpc",
    }
    block = b"".join(
        b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
        for name, value in headers.items()
    )
    return frame(HEADERS, END_HEADERS, 1, block) + frame(DATA, END_STREAM, 1, bytes(5))


async def test_a_resumed_session_is_refused(shanghai: ToyServer, tmp_path: Path) -> None:
    """TLS resumes it, the guard does not take it for a proof; with a full handshake the same client gets in again."""
    client = RawClient(shanghai.address, tmp_path)
    calls = [await asyncio.to_thread(client.describe) for _ in range(2)]
    calls.append(await asyncio.to_thread(RawClient(shanghai.address, tmp_path).describe))

    assert [resumed for resumed, _ in calls] == [False, True, False]
    refused = grpc.StatusCode.UNAUTHENTICATED.value[0]
    assert [status_of(answer) for _, answer in calls] == [0, refused, 0]
    assert shanghai.exchange.callers == ["spiffe://320600.yrdx/gateway/one"] * 2


async def test_a_session_of_former_trust_is_not_even_resumed(shanghai: ToyServer, tmp_path: Path) -> None:
    """After the server's keys or roots changed, nobody can go on with what was negotiated before."""
    client = RawClient(shanghai.address, tmp_path)
    await asyncio.to_thread(client.describe)
    chain_pem, key_pem = SHANGHAI.leaf("gateway")
    shanghai.trust.replace(chain_pem=chain_pem, key_pem=key_pem, roots_pem=SHANGHAI.roots_pem + NANTONG.roots_pem)

    resumed, answer = await asyncio.to_thread(client.describe)

    assert (resumed, status_of(answer)) == (False, 0)


def status_of(answer: bytes) -> int:
    """Read the status from trailers; gRPC writes it as a plain literal."""
    _, found, rest = answer.partition(b"grpc-status")
    if not found:
        pytest.fail("the answer has no status")
    return int(rest[1 : 1 + rest[0]])
