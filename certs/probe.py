"""Dial a server and see which TLS it really speaks.

gRPC cannot be told from Python to serve TLS 1.3 alone; an environment variable leaves it no TLS 1.2
suite, and does nothing, silently, when it is set too late. So the node asks itself at start.

Only the first record of the answer is looked at. A completed handshake would tell less: a TLS 1.2
server that asks for a certificate refuses us, who show none, with the very alert that it sends when
it has no TLS 1.2 at all. A ServerHello comes before that.

Source:
    RFC 8446 section 5.1 (record layer) and 6 (alerts); RFC 5246 section 7.4.1.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import closing, suppress
from enum import Enum
from ssl import TLSVersion
from typing import Final, Protocol

from cryptography import x509

from certs.errors import ProbeFailed, Reason
from certs.identity import gateway_host

_RECORD_ALERT: Final = 21
_RECORD_HANDSHAKE: Final = 22


class Connection(Protocol):
    """What the probe needs of a socket."""

    def sendall(self, data: bytes, /) -> None:
        """Send all of it."""

    def recv(self, size: int, /) -> bytes:
        """Return what comes first, empty at the end."""

    def close(self) -> None:
        """Hang up."""


Dial = Callable[[tuple[str, int], float], Connection]


class Answer(Enum):
    """How a server takes an offer."""

    ACCEPTED = "accepted"  # a ServerHello: it goes on with the offered version
    REFUSED = "refused"  # an alert, or it hangs up at once, as gRPC does


def offer_tls(
    host: str,
    port: int,
    version: TLSVersion,
    *,
    timeout_s: float = 5.0,
    dial: Dial = socket.create_connection,
) -> Answer:
    """Offer one TLS version and look at the first record of the answer. Blocks for the network.

    Args:
        host: Name or address.
        port: TCP port.
        version: The only version offered; TLS 1.2 stands for everything below 1.3.
        timeout_s: For the connection and for the answer, each.
        dial: Opens the connection.

    Raises:
        ProbeFailed: SERVER_UNREACHABLE: no connection, no answer in time, or one that is not TLS.
    """
    try:
        with closing(dial((host, port), timeout_s)) as connection:
            connection.sendall(_client_hello(version))
            first = _first_byte(connection)
    except OSError as error:
        raise _unreachable(host, port, "no connection, or no answer in time") from error
    if first == bytes([_RECORD_HANDSHAKE]):
        return Answer.ACCEPTED
    if first in (b"", bytes([_RECORD_ALERT])):
        return Answer.REFUSED
    raise _unreachable(host, port, "it answers, but not with TLS")


def refuses_tls12(host: str, port: int, *, timeout_s: float = 5.0, dial: Dial = socket.create_connection) -> bool:
    """Whether a server refuses every TLS version below 1.3.

    A server that hangs up on whatever it is told refuses too: `verify_tls13_only` asks for both.

    Raises:
        ProbeFailed: SERVER_UNREACHABLE: then nothing is known.
    """
    return offer_tls(host, port, TLSVersion.TLSv1_2, timeout_s=timeout_s, dial=dial) is Answer.REFUSED


def verify_tls13_only(host: str, port: int, *, timeout_s: float = 5.0, dial: Dial = socket.create_connection) -> None:
    """Make sure that a server speaks TLS 1.3 and nothing older. Blocks: call it from a thread.

    Raises:
        ProbeFailed: TLS12_ACCEPTED, TLS13_REFUSED or SERVER_UNREACHABLE.
    """
    if offer_tls(host, port, TLSVersion.TLSv1_3, timeout_s=timeout_s, dial=dial) is Answer.REFUSED:
        raise ProbeFailed(
            Reason.TLS13_REFUSED,
            f"{host}:{port} refuses TLS 1.3: it has no usable certificate, or is another program",
        )
    if not refuses_tls12(host, port, timeout_s=timeout_s, dial=dial):
        raise ProbeFailed(
            Reason.TLS12_ACCEPTED,
            f"{host}:{port} accepts TLS 1.2: GRPC_SSL_CIPHER_SUITES must be set before grpc is imported, "
            "so start the node by its own command",
        )


def served_leaf(host: str, port: int, city: str, *, timeout_s: float = 5.0) -> x509.Certificate:
    """Return the certificate that a gateway shows; nothing about it is verified. Blocks for the network.

    We show none: with TLS 1.3 the server's comes first, and that it hangs up then says nothing.

    Args:
        host: Name or address.
        port: TCP port.
        city: Whose gateway is asked for by name.
        timeout_s: For the connection and for the handshake, each.

    Raises:
        ProbeFailed: SERVER_UNREACHABLE: no connection, or no handshake of TLS 1.3.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # whoever asks compares it with what the city's bundle names
    context.minimum_version = TLSVersion.TLSv1_3
    context.set_alpn_protocols(["h2"])
    try:
        with (
            closing(socket.create_connection((host, port), timeout_s)) as raw,
            context.wrap_socket(raw, server_hostname=gateway_host(city)) as tls,
        ):
            return x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"")
    except (OSError, ValueError) as error:
        raise _unreachable(host, port, "no handshake of TLS 1.3, or no certificate") from error


def _client_hello(version: TLSVersion) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is sent over this connection, nor believed
    context.maximum_version = version
    context.minimum_version = version if version is TLSVersion.TLSv1_3 else TLSVersion.MINIMUM_SUPPORTED
    # Whatever this machine's own policy forbids, the server might accept.
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.set_alpn_protocols(["h2"])
    outgoing = ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):  # the hello is written, and the answer has not come
        context.wrap_bio(ssl.MemoryBIO(), outgoing).do_handshake()
    return outgoing.read()


def _first_byte(connection: Connection) -> bytes:
    """A reset is a refusal: the server dropped our hello unread, or its alert was overtaken."""
    try:
        return connection.recv(1)
    except ConnectionResetError:
        return b""


def _unreachable(host: str, port: int, what: str) -> ProbeFailed:
    return ProbeFailed(Reason.SERVER_UNREACHABLE, f"{host}:{port}: {what}; nothing is known about its TLS")
