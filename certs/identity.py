"""Who a certificate speaks for: exactly one URI name ``spiffe://<city>.yrdx/<role>/<name>``.

Names are read from the parsed DER only. gRPC's peer strings and the subject are never asked: a NUL
truncates the former, and anyone may write anything into the latter.

Not checked here: who signed the certificate and when it is valid (`certs.verification`).

Source:
    SPIFFE X.509-SVID sections 2 and 4 (one URI SAN, a leaf is no CA); RFC 5280 section 4.2.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeVar, cast

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from certs.errors import CertificateRefused, Reason

Role = Literal["gateway", "system", "operator"]

# A gateway both serves and calls; nobody else may serve.
ROLE_USAGES: Final[Mapping[Role, frozenset[x509.ObjectIdentifier]]] = {
    "gateway": frozenset({ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}),
    "system": frozenset({ExtendedKeyUsageOID.CLIENT_AUTH}),
    "operator": frozenset({ExtendedKeyUsageOID.CLIENT_AUTH}),
}

# [0-9] and not \d, which takes digits of every script; fullmatch and not $, which takes a line end.
_CITY: Final = re.compile(r"[0-9]{6}")
_NAME: Final = re.compile(r"[a-z0-9-]{1,63}")
_URI: Final = re.compile(r"spiffe://([0-9]{6})\.yrdx/(gateway|system|operator)/([a-z0-9-]{1,63})")

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


@dataclass(frozen=True, slots=True)
class Identity:
    """One party of one city.

    Attributes:
        city: Six-digit division code of the city (GB/T 2260), for example ``320600``.
        role: What the party is to its node: ``gateway``, ``system`` or ``operator``.
        name: Which one, 1 to 63 of ``a-z``, ``0-9`` and ``-``.

    Raises:
        ValueError: A part has another shape.
    """

    city: str
    role: Role
    name: str

    def __post_init__(self) -> None:
        """Hold the shape, so that `uri` is always one that `parse_identity` reads back."""
        verify_city(self.city)
        if self.role not in ROLE_USAGES:
            raise ValueError("role must be gateway, system or operator")
        if not _NAME.fullmatch(self.name):
            raise ValueError("name must be 1 to 63 of a-z, 0-9 and '-'")

    @property
    def uri(self) -> str:
        """The name as it stands in the certificate."""
        return f"spiffe://{self.city}.yrdx/{self.role}/{self.name}"


def verify_city(city: str) -> str:
    """Return a city code of the right shape; whether such a city exists is not known here.

    Raises:
        ValueError: It is not six ASCII digits.
    """
    if not _CITY.fullmatch(city):
        raise ValueError("city code must be six digits, for example 320600")
    return city


def gateway_host(city: str) -> str:
    """The only DNS name a city's gateway answers to, whatever its address is."""
    return f"gateway.{verify_city(city)}.yrdx"


def parse_identity(uri: str) -> Identity:
    """Read an identity from its URI, strictly: no upper case, port, query, or further path.

    Raises:
        CertificateRefused: IDENTITY_MALFORMED. The URI is not repeated: it comes from outside.
    """
    match = _URI.fullmatch(uri)
    if match is None:
        raise CertificateRefused(
            Reason.IDENTITY_MALFORMED,
            "the URI name is not spiffe://<city>.yrdx/<gateway|system|operator>/<name> in lower case; "
            "its city must issue the certificate again",
        )
    city, role, name = match.groups()
    return Identity(city, cast("Role", role), name)


def identity_of(certificate: x509.Certificate) -> Identity:
    """Read the identity that a leaf claims, and refuse a leaf that could claim a second one.

    Args:
        certificate: Leaf as parsed from DER or PEM; not verified yet.

    Returns:
        The claim. It is proven only once the chain stands (`certs.verification`).

    Raises:
        CertificateRefused: The names, the key usages, or the encoding are wrong.
    """
    extensions = extensions_of(certificate)
    identity = identity_of_names(alternative_names_in(extensions))
    verify_no_authority(extensions)
    verify_usages(extensions, identity.role)
    return identity


def extensions_of(certificate: x509.Certificate) -> x509.Extensions:
    """Read a certificate's extensions, each of which stands there once and in its proper encoding.

    Raises:
        CertificateRefused: CERTIFICATE_MALFORMED.
    """
    try:
        return certificate.extensions
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise CertificateRefused(
            Reason.CERTIFICATE_MALFORMED,
            "an extension of the certificate cannot be read; its city must issue it again",
        ) from error


def alternative_names_in(extensions: x509.Extensions) -> list[x509.GeneralName]:
    """All alternative names; none when there is no such extension."""
    return list(_find(extensions, x509.SubjectAlternativeName) or ())


def identity_of_names(names: list[x509.GeneralName]) -> Identity:
    """Read the identity that alternative names claim, and refuse names that could claim a second one.

    Args:
        names: All alternative names, of a certificate or of a request for one.

    Raises:
        CertificateRefused: IDENTITY_MISSING, IDENTITY_AMBIGUOUS, IDENTITY_MALFORMED, NAME_FOREIGN or NAME_WILDCARD.
    """
    uris = [name.value for name in names if isinstance(name, x509.UniformResourceIdentifier)]
    if not uris:
        raise CertificateRefused(
            Reason.IDENTITY_MISSING, "there is no URI name; a common name alone names nobody, the subject is not asked"
        )
    if len(uris) > 1:
        raise CertificateRefused(Reason.IDENTITY_AMBIGUOUS, "there are several URI names; there must be one")
    identity = parse_identity(uris[0])
    _check_other_names(names, identity)
    return identity


def _check_other_names(names: list[x509.GeneralName], identity: Identity) -> None:
    """A name beside the identity is one that some other checker might believe instead."""
    others = [name for name in names if not isinstance(name, x509.UniformResourceIdentifier)]
    wanted = [x509.DNSName(gateway_host(identity.city))] if identity.role == "gateway" else []
    if any(isinstance(name, x509.DNSName) and "*" in name.value for name in others):
        raise CertificateRefused(
            Reason.NAME_WILDCARD,
            "a wildcard stands for hosts that nobody named: a gateway's certificate has exactly the DNS name "
            "gateway.<city>.yrdx",
        )
    if others != wanted:
        raise CertificateRefused(
            Reason.NAME_FOREIGN,
            "beside its URI name a gateway's certificate has exactly the DNS name "
            "gateway.<city>.yrdx, and any other certificate has no name at all",
        )


def verify_no_authority(extensions: x509.Extensions) -> None:
    """Make sure that a leaf signs no other certificate.

    Raises:
        CertificateRefused: LEAF_IS_AUTHORITY.
    """
    constraints = _find(extensions, x509.BasicConstraints)
    usage = _find(extensions, x509.KeyUsage)
    if (constraints and constraints.ca) or (usage and usage.key_cert_sign):
        raise CertificateRefused(
            Reason.LEAF_IS_AUTHORITY, "a certificate that may sign others cannot speak for a party"
        )


def verify_usages(extensions: x509.Extensions, role: Role) -> None:
    """Make sure that a leaf is for what its role does; none at all means "any" (RFC 5280 section 4.2.1.12).

    Raises:
        CertificateRefused: USAGE_WRONG.
    """
    usage = _find(extensions, x509.ExtendedKeyUsage)
    if usage is None or frozenset(usage) != ROLE_USAGES[role]:
        wanted = "serverAuth and clientAuth" if role == "gateway" else "clientAuth"
        raise CertificateRefused(Reason.USAGE_WRONG, f"the extended key usage of a {role} must be exactly {wanted}")


def _find(extensions: x509.Extensions, kind: type[_Extension]) -> _Extension | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
