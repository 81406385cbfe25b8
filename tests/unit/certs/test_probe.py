from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from ssl import TLSVersion

import pytest

from certs.errors import ProbeFailed, Reason
from certs.generation import issue_generation
from certs.probe import Connection, Dial, refuses_tls12, verify_tls13_only
from certs.signing import SigningKey
from tests.unit.certs.forgery import NANTONG, NOW, authority_of

FILES = issue_generation(authority_of(NANTONG), SigningKey.generate(), now=NOW, random=os.urandom)


class FakeConnection:
    """A connection whose other end is a function from the whole hello to the whole answer."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self._answer = answer
        self._received = b""
        self.is_closed = False

    def sendall(self, data: bytes, /) -> None:
        """Let the server answer at once."""
        self._received = self._answer(data)

    def recv(self, size: int, /) -> bytes:
        """Hand out the answer, then the end."""
        taken, self._received = self._received[:size], self._received[size:]
        return taken

    def close(self) -> None:
        """Remember that the probe hung up."""
        self.is_closed = True


def dialling(answer: Callable[[bytes], bytes]) -> Dial:
    """A dial to a fake server."""
    return lambda address, timeout_s: FakeConnection(answer)


def tls_server(
    folder: Path, *, minimum: TLSVersion, maximum: TLSVersion, hangs_up: bool = False
) -> Callable[[bytes], bytes]:
    """A real TLS server that asks for a client certificate, in memory.

    Args:
        folder: For the files that the ssl module insists on.
        minimum: Oldest version it speaks.
        maximum: Newest version it speaks.
        hangs_up: Sends no alert when it refuses, as gRPC does.
    """
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "gateway.pem", folder / "gateway.key")
    context.load_verify_locations(folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version, context.maximum_version = minimum, maximum

    def answer(hello: bytes) -> bytes:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        incoming.write(hello)
        try:
            with suppress(ssl.SSLWantReadError):
                context.wrap_bio(incoming, outgoing, server_side=True).do_handshake()
        except ssl.SSLError:
            return b"" if hangs_up else outgoing.read()
        return outgoing.read()

    return answer


@pytest.mark.parametrize("hangs_up", [False, True])
def test_strict_server_passes(tmp_path: Path, hangs_up: bool) -> None:
    """A server of TLS 1.3 alone passes, whether it refuses with an alert or hangs up like gRPC."""
    server = tls_server(tmp_path, minimum=TLSVersion.TLSv1_3, maximum=TLSVersion.TLSv1_3, hangs_up=hangs_up)
    assert refuses_tls12("localhost", 1, dial=dialling(server))
    verify_tls13_only("localhost", 1, dial=dialling(server))


def test_server_that_also_speaks_12_is_caught(tmp_path: Path) -> None:
    """Its refusal of a caller without certificate is not mistaken for a refusal of the version."""
    server = tls_server(tmp_path, minimum=TLSVersion.TLSv1_2, maximum=TLSVersion.TLSv1_3)
    assert not refuses_tls12("localhost", 1, dial=dialling(server))
    with pytest.raises(ProbeFailed, match="GRPC_SSL_CIPHER_SUITES") as refused:
        verify_tls13_only("localhost", 1, dial=dialling(server))
    assert refused.value.reason is Reason.TLS12_ACCEPTED


def test_server_without_13_is_caught(tmp_path: Path) -> None:
    """A server of TLS 1.2 alone fails, and so does one that hangs up on everything."""
    old = tls_server(tmp_path, minimum=TLSVersion.TLSv1_2, maximum=TLSVersion.TLSv1_2)
    for server in (old, lambda hello: b""):
        with pytest.raises(ProbeFailed) as refused:
            verify_tls13_only("localhost", 1, dial=dialling(server))
        assert refused.value.reason is Reason.TLS13_REFUSED


def test_reset_is_a_refusal() -> None:
    """A server that resets the connection on our hello has refused it."""

    class Reset(FakeConnection):
        def recv(self, size: int, /) -> bytes:
            raise ConnectionResetError

    assert refuses_tls12("localhost", 1, dial=lambda address, timeout_s: Reset(lambda hello: b""))


@pytest.mark.parametrize("error", [ConnectionRefusedError, TimeoutError, OSError])
def test_unreachable_is_not_a_refusal(error: type[OSError]) -> None:
    """Where nobody answers, nothing is known."""

    def dial(address: tuple[str, int], timeout_s: float) -> Connection:
        raise error

    with pytest.raises(ProbeFailed) as refused:
        refuses_tls12("localhost", 1, dial=dial)
    assert refused.value.reason is Reason.SERVER_UNREACHABLE


def test_silence_is_not_a_refusal() -> None:
    """A server that takes the hello and says nothing in time has not refused."""

    class Silent(FakeConnection):
        def recv(self, size: int, /) -> bytes:
            raise TimeoutError

    connection = Silent(lambda hello: b"")
    with pytest.raises(ProbeFailed) as refused:
        refuses_tls12("localhost", 1, dial=lambda address, timeout_s: connection)
    assert refused.value.reason is Reason.SERVER_UNREACHABLE
    assert connection.is_closed


def test_other_protocol_is_not_a_refusal() -> None:
    """A server that answers in clear text is no TLS server."""
    with pytest.raises(ProbeFailed) as refused:
        refuses_tls12("localhost", 1, dial=dialling(lambda hello: b"HTTP/1.1 400 Bad Request\r\n"))
    assert refused.value.reason is Reason.SERVER_UNREACHABLE
