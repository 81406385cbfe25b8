"""A certificate held against the whole profile: everything that is wrong with it at once, each with its clause.

What the guard, enrolment and the key store refuse is asked of them, rule by rule; here stand only those rules that no
handshake needs and that other makers' software stumbles over.

Not checked here: chain, validity and revocation (`certs.verification`); `yrdx cert check` tells what ends soon.

Source:
    RFC 5280 sections 4.1 and 4.2; SPIFFE X.509-SVID; RFC 6125 section 6.4.4 (common names).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from certs.anchor import authority_city, verify_authority_certificate
from certs.constraint import name_constraints
from certs.errors import CertificateRefused, Reason
from certs.identity import (
    alternative_names_in,
    extensions_of,
    identity_of_names,
    verify_no_authority,
    verify_usages,
)
from certs.leaf import verify_identifiers, verify_key, verify_life
from certs.pem import certificates_from_pem

Kind = Literal["leaf", "authority", "re-issue", "unreadable"]
Rules = Iterator[tuple[str, Callable[[], object]]]

_SERIAL_BITS_MAX: Final = 159
"""20 octets, of which the first bit is the sign."""
_HASHES: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


@dataclass(frozen=True, slots=True)
class LintFinding:
    """One thing that is wrong with a certificate.

    Attributes:
        name: Which certificate.
        reason: Stable word for programs.
        clause: The clause that says so.
        message: For people.
    """

    name: str
    reason: Reason
    clause: str
    message: str


def lint_files(files: Mapping[str, bytes]) -> list[LintFinding]:
    """Return everything that is wrong with the form of certificates that lie side by side.

    Args:
        files: Name → PEM blocks: leaves, authorities, our re-issues of those. A leaf whose city's authorities are among
            them must name one of their keys.
    """
    found, read = list[LintFinding](), dict[str, x509.Certificate]()
    for name, pem in files.items():
        try:
            read |= _named(name, certificates_from_pem(pem))
        except CertificateRefused as error:
            found.append(LintFinding(name, error.reason, "RFC 7468 §3", str(error)))
    roots = [one for one in read.values() if kind_of(one) == "authority"]
    return [*found, *(finding for name, one in read.items() for finding in lint(name, one, roots))]


def lint(name: str, certificate: x509.Certificate, authorities: Iterable[x509.Certificate] = ()) -> list[LintFinding]:
    """Return everything that is wrong with a certificate's form.

    Args:
        name: What findings call it.
        certificate: A leaf, an authority, or our re-issue of one.
        authorities: Authorities of any cities, as far as they are known.
    """
    match kind_of(certificate):
        case "leaf":
            rules = _leaf(certificate, authorities)
        case "authority":
            rules = _authority(certificate)
        case "re-issue":
            rules = _reissue(certificate)
        case "unreadable":
            rules = iter([("RFC 5280 §4.2", lambda: extensions_of(certificate))])
    refusals = ((clause, _refusal(check)) for clause, check in (*_every(certificate), *rules))
    return [LintFinding(name, error.reason, clause, str(error)) for clause, error in refusals if error is not None]


def kind_of(certificate: x509.Certificate) -> Kind:
    """Tell what a certificate is meant to be: whatever has an alternative name is held to be a leaf."""
    if _refusal(lambda: extensions_of(certificate)) is not None:
        return "unreadable"
    extensions = certificate.extensions
    found = {type(one.value) for one in extensions}
    if x509.SubjectAlternativeName in found:
        return "leaf"
    if x509.NameConstraints in found:
        return "re-issue"
    signs = any(isinstance(one.value, x509.BasicConstraints) and one.value.ca for one in extensions)
    return "authority" if signs else "leaf"


def _every(certificate: x509.Certificate) -> Rules:
    yield "RFC 5280 §4.1.2.2", lambda: _check_serial(certificate)
    yield "RFC 5280 §4.1.1.2", lambda: _check_signature(certificate)


def _leaf(leaf: x509.Certificate, authorities: Iterable[x509.Certificate]) -> Rules:
    extensions = leaf.extensions
    names = alternative_names_in(extensions)
    identity = None if _refusal(lambda: identity_of_names(names)) else identity_of_names(names)
    roots = [one for one in authorities if identity and _names_city(one, identity.city)]
    yield "RFC 5280 §4.2.1.6, X.509-SVID §2", lambda: identity_of_names(names)
    yield "RFC 5280 §4.1.2.6, RFC 6125 §6.4.4", lambda: _check_common_name(leaf)
    yield "RFC 5280 §4.2.1.9, X.509-SVID §4.1", lambda: verify_no_authority(extensions)
    yield "RFC 5280 §4.2.1.3", lambda: _check_key_usage(extensions)
    if identity is not None:  # without a role nobody knows the right usages
        yield "RFC 5280 §4.2.1.12", lambda: verify_usages(extensions, identity.role)
    yield "RFC 5280 §4.2.1.1, §4.2.1.2", lambda: verify_identifiers(leaf, roots or None)
    yield "RFC 5280 §4.1.2.5", lambda: verify_life(leaf)
    yield "RFC 5280 §4.1.2.7", lambda: verify_key(leaf)


def _authority(certificate: x509.Certificate) -> Rules:
    yield (
        "RFC 5280 §4.2.1.2, §4.2.1.3, §4.2.1.9",
        lambda: verify_authority_certificate(certificate, authority_city(certificate)),
    )
    yield "RFC 5280 §4.2.1.9", lambda: _check_critical(certificate.extensions, x509.BasicConstraints)


def _reissue(certificate: x509.Certificate) -> Rules:
    yield "RFC 5280 §4.2.1.10", lambda: _check_constraints(certificate)
    yield "RFC 5280 §4.2.1.10", lambda: _check_critical(certificate.extensions, x509.NameConstraints)
    yield "RFC 5280 §4.2.1.9", lambda: _check_critical(certificate.extensions, x509.BasicConstraints)
    yield "RFC 5280 §4.2.1.1, §4.2.1.2", lambda: verify_identifiers(certificate, None)


def _refusal(check: Callable[[], object]) -> CertificateRefused | None:
    try:
        check()
    except CertificateRefused as error:
        return error
    return None


def _named(name: str, certificates: Sequence[x509.Certificate]) -> dict[str, x509.Certificate]:
    if len(certificates) == 1:
        return {name: certificates[0]}
    return {f"{name}#{number}": one for number, one in enumerate(certificates, 1)}


def _names_city(authority: x509.Certificate, city: str) -> bool:
    """Whether an authority may stand for a city; one that is broken itself is told by its own findings."""
    return _refusal(lambda: verify_authority_certificate(authority, city)) is None


def _check_serial(certificate: x509.Certificate) -> None:
    if not 0 < certificate.serial_number < 1 << _SERIAL_BITS_MAX:
        raise CertificateRefused(
            Reason.SERIAL_WRONG, "a serial is positive and has at most 20 octets: issue the certificate again"
        )


def _check_signature(certificate: x509.Certificate) -> None:
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        algorithm = None
    if not isinstance(algorithm, _HASHES):
        raise CertificateRefused(
            Reason.SIGNATURE_WEAK, "a certificate is signed by ECDSA or RSA with SHA-256, SHA-384 or SHA-512"
        )


def _check_common_name(leaf: x509.Certificate) -> None:
    """Clients that fall back to the common name take one with a dot for a host."""
    if any("." in str(one.value) for one in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)):
        raise CertificateRefused(
            Reason.NAME_FOREIGN, "the common name looks like a host, and some clients believe it: leave the dots out"
        )


def _check_key_usage(extensions: x509.Extensions) -> None:
    usages = [one for one in extensions if isinstance(one.value, x509.KeyUsage)]
    if not any(one.critical and one.value.digital_signature for one in usages):
        raise CertificateRefused(
            Reason.USAGE_WRONG, "a leaf has a critical key usage with digitalSignature: TLS 1.3 signs with its key"
        )


def _check_constraints(certificate: x509.Certificate) -> None:
    wanted = name_constraints(authority_city(certificate))
    if all(one.value != wanted for one in certificate.extensions):
        raise CertificateRefused(
            Reason.CONSTRAINTS_WRONG, "the name constraints are not those of the city in the subject, and of it alone"
        )


def _check_critical(extensions: x509.Extensions, kind: type[x509.ExtensionType]) -> None:
    """Whoever does not know an extension that is not critical passes over it."""
    if not any(isinstance(one.value, kind) and one.critical for one in extensions):
        raise CertificateRefused(Reason.CONSTRAINTS_WRONG, "basic constraints and name constraints must be critical")
