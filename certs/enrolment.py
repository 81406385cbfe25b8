"""A leaf from an authority that lives elsewhere: a request goes out, a certificate comes back, the key never moves.

    certs/requests/<role>.key    the key of a request that was not answered yet

Source:
    RFC 2986 (PKCS#10). What the request says of names is only compared: the authority issues what the identity wants.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from certs.authority import Authority, alternative_names
from certs.errors import CertificateRefused, KeystoreBroken, Reason
from certs.identity import Identity, identity_of_names
from certs.keystore_files import make_folder, read_file, replace_file
from certs.leaf import LEAF_VALID_FOR
from certs.offline import keystore_folder
from certs.pem import certificate_from_pem, private_key_from_pem, private_key_to_pem
from certs.sealing import open_key, sealed

REQUEST_BYTES_MAX: Final = 16 * 1024


def new_request(home: Path, identity: Identity, *, passphrase: bytes | None = None) -> bytes:
    """Make a key, keep it, and write a request for its certificate.

    Args:
        home: The node's home.
        identity: Who the leaf shall speak for.
        passphrase: Encrypts the key on disk.

    Returns:
        PKCS#10 as one PEM block; no secret.
    """
    key_pem, request = personal_request(identity)
    folder = keystore_folder(home) / "requests"
    if not folder.exists():
        make_folder(folder)
    replace_file(folder / f"{identity.role}.key", sealed(key_pem, passphrase))
    return request


def personal_request(identity: Identity) -> tuple[bytes, bytes]:
    """Make a key and a request for its certificate; the caller keeps the key.

    Returns:
        Key (PKCS#8, not encrypted) and request (PKCS#10), one PEM block each.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder(subject_name=x509.Name([]))
    names = x509.SubjectAlternativeName(alternative_names(identity))
    request = builder.add_extension(names, critical=True).sign(key, hashes.SHA256())
    return private_key_to_pem(key), request.public_bytes(serialization.Encoding.PEM)


def issue_from_request(
    authority: Authority, request_pem: bytes, *, now: datetime, serial: int, valid_for: timedelta = LEAF_VALID_FOR
) -> x509.Certificate:
    """Issue the leaf that a request asks for, once its names are those of a party of the authority's city.

    Args:
        authority: Issues.
        request_pem: PKCS#10, one PEM block.
        now: Time of issue, with its zone.
        serial: See `certs.authority.serial_number`.
        valid_for: Life of the leaf.

    Raises:
        CertificateRefused: REQUEST_MALFORMED, NAME_WILDCARD, IDENTITY_MISSING (a CN alone too), NAME_FOREIGN,
            CITY_MISMATCH, or LEAF_KEY_UNUSABLE.
    """
    request = _request(request_pem)
    identity = requested_identity(request, authority.city)
    key = request.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CertificateRefused(Reason.LEAF_KEY_UNUSABLE, "this authority issues for P-256 keys alone")
    return authority.issue(identity, key, now=now, serial=serial, valid_for=valid_for)


def requested_identity(request: x509.CertificateSigningRequest, city: str) -> Identity:
    """Read who a request speaks for.

    Args:
        request: Its signature proves that the asking side holds the key.
        city: The only city that may be asked for.

    Raises:
        CertificateRefused: With the reason.
    """
    if not request.is_signature_valid:
        raise CertificateRefused(Reason.REQUEST_MALFORMED, "the request is not signed by its own key")
    try:
        names = list(request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        names = []
    except ValueError as error:
        raise CertificateRefused(Reason.REQUEST_MALFORMED, "an extension of the request cannot be read") from error
    identity = identity_of_names(names)
    if identity.city != city:
        raise CertificateRefused(
            Reason.CITY_MISMATCH, f"the request names another city than {city}: ask that city's authority"
        )
    return identity


def installable(home: Path, leaf_pem: bytes, *, passphrase: bytes | None = None) -> dict[str, bytes]:
    """Pair a leaf that came back with the key of its request.

    Args:
        home: The node's home.
        leaf_pem: One PEM block.
        passphrase: Opens the key.

    Returns:
        File name → content, as `certs.drop` takes them; whether the leaf is good is checked there.

    Raises:
        CertificateRefused: The leaf's names are wrong.
        KeystoreBroken: REQUEST_UNKNOWN or KEY_MISMATCH.
    """
    leaf = certificate_from_pem(leaf_pem)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value if _has_names(leaf) else ()
    role = identity_of_names(list(names)).role
    path = keystore_folder(home) / "requests" / f"{role}.key"
    if not path.exists():
        raise KeystoreBroken(
            Reason.REQUEST_UNKNOWN, f"no request for a {role}'s leaf was made here: `yrdx cert csr --role {role}` first"
        )
    key_pem = open_key(read_file(path), passphrase)
    if private_key_from_pem(key_pem).public_key() != leaf.public_key():
        raise KeystoreBroken(Reason.KEY_MISMATCH, f"the certificate answers another request than the last of {role}")
    return {f"{role}.pem": leaf_pem, f"{role}.key": key_pem}


def forget_request(home: Path, files: dict[str, bytes]) -> None:
    """Remove the keys of requests that were answered: they stand in a generation now."""
    for name in files:
        (keystore_folder(home) / "requests" / name).unlink(missing_ok=True)


def _has_names(leaf: x509.Certificate) -> bool:
    return any(isinstance(one.value, x509.SubjectAlternativeName) for one in leaf.extensions)


def _request(pem: bytes) -> x509.CertificateSigningRequest:
    try:
        if len(pem) > REQUEST_BYTES_MAX:
            raise ValueError("too large")
        return x509.load_pem_x509_csr(pem)
    except ValueError as error:
        raise CertificateRefused(Reason.REQUEST_MALFORMED, "not a certificate request (PKCS#10, PEM)") from error
