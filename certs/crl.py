"""Certificate revocation lists: read from a partner's authority, and written by our own.

Not checked here: that the number rises (the store knows the last one).

Source:
    RFC 5280 section 5; sections 5.2.3 (number) and 5.3.1 (reasons).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from certs.authority import Authority
from certs.errors import CertificateRefused, Reason
from certs.inventory import fingerprint_of
from certs.leaf import CLOCK_SKEW

CRL_BYTES_MAX: Final = 4 * 1024 * 1024
"""Room for about 100,000 serials."""
CRL_VALID_FOR: Final = timedelta(days=7)

_PEM: Final = re.compile(rb"-----BEGIN X509 CRL-----\n[A-Za-z0-9+/\n]+={0,2}\n-----END X509 CRL-----\n")


@dataclass(frozen=True, slots=True)
class Crl:
    """A list whose signature stands.

    Attributes:
        authority: SHA-256 of the authority's certificate, hex.
        number: CRL number.
        this_update: When it was made.
        next_update: Until when it counts as fresh.
        serials: Serial → when it was revoked.
    """

    authority: str
    number: int
    this_update: datetime
    next_update: datetime
    serials: dict[int, datetime]


def read_crl(data: bytes, roots: Sequence[x509.Certificate], *, now: datetime) -> Crl:
    """Return a list that one of a city's authorities signed.

    Args:
        data: One PEM block or DER.
        roots: That city's authorities.
        now: Time of import, with its zone.

    Raises:
        CertificateRefused: CRL_REFUSED, with what is wrong.
    """
    crl = _parsed(data)
    authority = next((root for root in roots if _is_signed_by(crl, root)), None)
    if authority is None:
        raise _refused("no authority of that city signed it: compare the city's bundle with the list")
    if crl.next_update_utc is None:
        raise _refused("it does not say until when it counts (RFC 5280 section 5.1.2.5)")
    if crl.last_update_utc > now + CLOCK_SKEW:
        raise _refused("it begins in the future: compare the clocks of both sides")
    try:
        number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound as error:
        raise _refused("it has no number (RFC 5280 section 5.2.3)") from error
    serials = {one.serial_number: one.revocation_date_utc for one in crl}
    return Crl(fingerprint_of(authority), number, crl.last_update_utc, crl.next_update_utc, serials)


def issue_crl(authority: Authority, serials: Iterable[tuple[int, datetime]], *, number: int, now: datetime) -> bytes:
    """Write a list of our own authority.

    Args:
        authority: Signs.
        serials: Serial and time of its revocation.
        number: Above the last list's.
        now: Time of issue, with its zone.

    Returns:
        One PEM block.
    """
    key_id = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(now)
        .next_update(now + CRL_VALID_FOR)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_id), critical=False)
        .add_extension(x509.CRLNumber(number), critical=False)
    )
    for serial, revoked_at in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(revoked_at)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(authority.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _parsed(data: bytes) -> x509.CertificateRevocationList:
    if len(data) > CRL_BYTES_MAX:
        raise _refused(f"it is over {CRL_BYTES_MAX // 1024 // 1024} MiB")
    try:
        if data.startswith(b"-----"):
            if not _PEM.fullmatch(data):
                raise _refused("not one whole PEM block: cut short, or another kind of file")
            return x509.load_pem_x509_crl(data)
        return x509.load_der_x509_crl(data)
    except ValueError as error:
        raise _refused("not a certificate revocation list") from error


def _is_signed_by(crl: x509.CertificateRevocationList, root: x509.Certificate) -> bool:
    key = root.public_key()
    if crl.issuer != root.subject or not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        return False
    return crl.is_signature_valid(key)


def _refused(what: str) -> CertificateRefused:
    return CertificateRefused(Reason.CRL_REFUSED, f"the revocation list is refused: {what}")
