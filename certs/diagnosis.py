"""Why a handshake with a partner fails: TLS opened by hand, step by step, each step with who must act.

gRPC says "Socket closed" for nearly everything. Here every check that either side makes is made by itself, on what the
partner's server really shows; the first that fails is the answer, those after it are told as far as they can be known.

Source:
    RFC 8446 section 4.4.2.4 and 6.2: with TLS 1.3 a server refuses a client's certificate after the client believes
    that the handshake is done, so only the first read tells.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from cryptography import x509

from certs.errors import CertificateRefused, Reason
from certs.inventory import fingerprint_of
from certs.leaf import verify_leaf_form
from certs.pem import certificates_to_pem
from certs.revocation import Revocations
from certs.verification import CallerVerifier, verify_gateway_leaf

Side = Literal["ours", "theirs", "network"]

TIMEOUT_S: Final = 5.0
_ALERTS: Final = {
    "UNKNOWN_CA": "it does not know our authority: it needs our newest bundle (`yrdx ca distribute`)",
    "CERTIFICATE_EXPIRED": "it says that our certificate has ended: `yrdx cert renew`, or its clock is wrong",
    "CERTIFICATE_UNKNOWN": "it does not take our certificate: compare bundles, `yrdx ca ack`",
    "BAD_CERTIFICATE": "it does not take our certificate: compare bundles, `yrdx ca ack`",
    "UNSUPPORTED_CERTIFICATE": "our certificate lacks a usage: `yrdx cert renew`",
    "CERTIFICATE_REQUIRED": "it got no certificate from us",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One check.

    Attributes:
        check: Stable name, "theirs.chain".
        ok: Whether it passed.
        side: Who must act when it did not.
        found: What was found.
        mend: What to do; empty when there is nothing.
    """

    check: str
    ok: bool
    side: Side
    found: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to probe, and what we believe of them.

    Attributes:
        city: Partner.
        host: Name or address.
        port: TCP port.
        roots: Its authorities, as its bundle states them.
        revocations: What we revoked.
    """

    city: str
    host: str
    port: int
    roots: Sequence[x509.Certificate]
    revocations: Revocations


def diagnose(target: Target, *, own_leaf: x509.Certificate, own_pair: Path, now: datetime) -> Iterator[Finding]:
    """Open TLS as the gateway does and tell each check. Blocks for the network.

    Args:
        target: The partner.
        own_leaf: Our gateway's leaf.
        own_pair: File with our leaf and its key, not encrypted, for the time of the probe.
        now: Present instant.
    """
    yield _own_validity(own_leaf, now)
    try:
        raw = socket.create_connection((target.host, target.port), TIMEOUT_S)
    except OSError as error:
        yield Finding(
            "network.connect", False, "network", f"{target.host}:{target.port}: {error.strerror or error}",
            "is the partner's node running? check the address, routes and firewalls of both sides",
        )  # fmt: skip
        return
    yield Finding("network.connect", True, "network", f"{target.host}:{target.port} answers")
    with raw:
        yield from _over_tls(target, raw, own_pair, now)


def _over_tls(target: Target, raw: socket.socket, own_pair: Path, now: datetime) -> Iterator[Finding]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # every check is made below, one by one; nothing secret is sent
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["h2"])
    context.load_cert_chain(own_pair)
    try:
        tls = context.wrap_socket(raw, server_hostname=f"gateway.{target.city}.yrdx")
    except OSError as error:
        yield Finding(
            "theirs.tls13", False, "theirs", f"no TLS 1.3 handshake: {_words(error)}",
            "another program listens there, or its node has no usable certificate: its operators run `yrdx doctor`",
        )  # fmt: skip
        return
    with tls:
        yield Finding("theirs.tls13", True, "theirs", str(tls.version()))
        yield from _their_leaf(target, x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b""), now)
        yield _our_certificate(tls)


def _their_leaf(target: Target, leaf: x509.Certificate, now: datetime) -> Iterator[Finding]:
    name = f"{fingerprint_of(leaf)[:16]}, {leaf.not_valid_before_utc:%Y-%m-%d} – {leaf.not_valid_after_utc:%Y-%m-%d}"
    try:
        verify_gateway_leaf(leaf, city=target.city, roots=target.roots, now=now)
        verify_leaf_form(leaf, target.roots)
    except CertificateRefused as error:
        yield Finding("theirs.certificate", False, _who(error), f"[{error.reason}] {error} ({name})", _mend(error))
        return
    yield Finding("theirs.certificate", True, "theirs", f"stands under {target.city}'s bundle: {name}")
    verifier = CallerVerifier({target.city: target.roots}, target.revocations)
    try:
        verifier.verify_leaf(certificates_to_pem(leaf), now=now)
    except CertificateRefused as error:
        yield Finding("theirs.revoked", False, "theirs", f"[{error.reason}] {error}", "ask for the city's next bundle")
        return
    yield Finding("theirs.revoked", True, "theirs", "not revoked here")


def _our_certificate(tls: ssl.SSLSocket) -> Finding:
    """HTTP/2 begins with the server's settings: whoever sends them has taken our certificate."""
    tls.settimeout(TIMEOUT_S)
    try:
        first = tls.recv(1)
    except TimeoutError:
        return Finding("ours.certificate", True, "ours", "not refused; the partner says nothing yet")
    except OSError as error:
        words = _words(error)
        mend = next((mend for alert, mend in _ALERTS.items() if alert in words.upper().replace(" ", "_")), "")
        return Finding(
            "ours.certificate", False, "ours", f"the partner refuses our certificate: {words}",
            mend or "compare bundles: `yrdx ca ack` here, `yrdx partner show` there; compare clocks",
        )  # fmt: skip
    if not first:
        return Finding(
            "ours.certificate", False, "ours", "the partner hung up after our certificate",
            "compare bundles: `yrdx ca ack` here, `yrdx partner show` there; compare clocks",
        )  # fmt: skip
    with suppress(OSError):
        tls.unwrap()
    return Finding("ours.certificate", True, "ours", "taken by the partner's handshake")


def _own_validity(leaf: x509.Certificate, now: datetime) -> Finding:
    until = f"{leaf.not_valid_after_utc:%Y-%m-%d %H:%M}Z"
    if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
        return Finding(
            "ours.validity", False, "ours", f"our certificate is not valid now, until {until}", "yrdx cert renew"
        )
    return Finding("ours.validity", True, "ours", f"until {until}")


def _who(error: CertificateRefused) -> Side:
    """An authority that we do not know may be news that has not come: ours to ask for; all else is theirs."""
    return "ours" if error.reason in (Reason.CHAIN_BROKEN, Reason.CERTIFICATE_NOT_YET_VALID) else "theirs"


def _mend(error: CertificateRefused) -> str:
    return {
        Reason.CHAIN_BROKEN: "ask for the city's newest bundle and compare fingerprints by telephone; if they differ, "
        "somebody else answers there",
        Reason.CERTIFICATE_EXPIRED: "its operators run `yrdx cert renew`; compare the clocks of both sides",
        Reason.CERTIFICATE_NOT_YET_VALID: "compare this machine's clock: `timedatectl`",
        Reason.CITY_MISMATCH: "another city answers at that address: check the endpoint with `yrdx partner show`",
        Reason.AUTHORITY_NOT_VALID: "the city must roll over to a new authority and hand over its bundle",
    }.get(error.reason, "its operators issue the certificate anew: `yrdx cert renew`, `yrdx cert check`")


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return str(error.reason or error)
    return str(error.strerror or error)
