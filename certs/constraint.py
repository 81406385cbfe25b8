"""A partner's authority as this node lets it into a handshake: re-issued by us, for the names of its own city alone.

With a union of partners' authorities as roots, Suzhou's could mint a certificate that says Shanghai, and TLS would
take it. So what gRPC is given is our own certificate of each authority's key: the same name and key identifier, and
name constraints of that city. BoringSSL refuses what lies outside of them, and under name constraints also a server
that has a common name alone. The key that signs a re-issue is thrown away at once; it is no root itself, gRPC takes
any certificate among the roots as an anchor (partial chains; measured on grpcio 1.85, held by tests/integration).

Not refused by this, but by `certs.identity` in the guard: two URI names of the right city, upper case, a NUL in the
path, a wrong role.

Source:
    RFC 5280 section 4.2.1.10 (name constraints; for URIs they name the host).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from certs.identity import gateway_host
from certs.pem import certificates_to_pem

_ISSUER: Final = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "yrdx name constraint")])
_REMEMBERED_MAX: Final = 512


def constrained_pem(city: str, roots: Sequence[x509.Certificate]) -> bytes:
    """Re-issue a city's authorities for the names of that city alone.

    Args:
        city: Six-digit city code.
        roots: Its authorities, as its bundle states them.

    Returns:
        PEM blocks for gRPC's roots; the same bytes for the same authority as long as this process lives.
    """
    return b"".join(_constrained(city, root) for root in roots)


def name_constraints(city: str) -> x509.NameConstraints:
    """The names that an authority of a city may sign in a handshake here: its hosts in URIs, and its gateway's."""
    names = [x509.UniformResourceIdentifier(f"{city}.yrdx"), x509.DNSName(gateway_host(city))]
    return x509.NameConstraints(permitted_subtrees=names, excluded_subtrees=None)


@lru_cache(maxsize=_REMEMBERED_MAX)
def _constrained(city: str, root: x509.Certificate) -> bytes:
    signer = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder(issuer_name=_ISSUER, subject_name=root.subject, public_key=root.public_key())
        .serial_number(int.from_bytes(b"\x01" + os.urandom(16), "big"))
        .not_valid_before(root.not_valid_before_utc)
        .not_valid_after(root.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(root.extensions.get_extension_for_class(x509.KeyUsage).value, critical=True)
        .add_extension(root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(name_constraints(city), critical=True)
    )
    return certificates_to_pem(builder.sign(signer, hashes.SHA256()))
