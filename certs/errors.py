"""What can be wrong with trust, split by who must act."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Stable words for what was refused; they travel in ``google.rpc.ErrorInfo.reason`` and in logs."""

    # A certificate.
    CERTIFICATE_MALFORMED = "CERTIFICATE_MALFORMED"
    CERTIFICATE_EXPIRED = "CERTIFICATE_EXPIRED"
    CERTIFICATE_NOT_YET_VALID = "CERTIFICATE_NOT_YET_VALID"
    IDENTITY_MISSING = "IDENTITY_MISSING"
    IDENTITY_AMBIGUOUS = "IDENTITY_AMBIGUOUS"
    IDENTITY_MALFORMED = "IDENTITY_MALFORMED"
    NAME_FOREIGN = "NAME_FOREIGN"
    NAME_WILDCARD = "NAME_WILDCARD"
    USAGE_WRONG = "USAGE_WRONG"
    LEAF_IS_AUTHORITY = "LEAF_IS_AUTHORITY"
    CITY_UNKNOWN = "CITY_UNKNOWN"
    CITY_MISMATCH = "CITY_MISMATCH"
    ROLE_MISMATCH = "ROLE_MISMATCH"
    CHAIN_BROKEN = "CHAIN_BROKEN"
    CERTIFICATE_REVOKED = "CERTIFICATE_REVOKED"
    AUTHORITY_REVOKED = "AUTHORITY_REVOKED"
    CITY_REVOKED = "CITY_REVOKED"
    CRL_STALE = "CRL_STALE"
    CRL_REFUSED = "CRL_REFUSED"
    LEAF_KEY_UNUSABLE = "LEAF_KEY_UNUSABLE"
    LIFE_TOO_LONG = "LIFE_TOO_LONG"
    KEY_IDENTIFIER_MISSING = "KEY_IDENTIFIER_MISSING"
    SERIAL_WRONG = "SERIAL_WRONG"
    SIGNATURE_WEAK = "SIGNATURE_WEAK"
    CONSTRAINTS_WRONG = "CONSTRAINTS_WRONG"
    REQUEST_MALFORMED = "REQUEST_MALFORMED"

    # An authority.
    AUTHORITY_NOT_VALID = "AUTHORITY_NOT_VALID"
    AUTHORITY_MALFORMED = "AUTHORITY_MALFORMED"
    AUTHORITY_KEY_WEAK = "AUTHORITY_KEY_WEAK"
    AUTHORITY_SHARED = "AUTHORITY_SHARED"

    # An approval.
    APPROVAL_REFUSED = "APPROVAL_REFUSED"

    # A bundle.
    BUNDLE_TOO_LARGE = "BUNDLE_TOO_LARGE"
    BUNDLE_MALFORMED = "BUNDLE_MALFORMED"
    BUNDLE_ALTERED = "BUNDLE_ALTERED"
    AUTHORITY_MISSING = "AUTHORITY_MISSING"
    FINGERPRINT_MISMATCH = "FINGERPRINT_MISMATCH"

    # A signature.
    KEY_WEAK = "KEY_WEAK"
    SIGNATURE_WRONG = "SIGNATURE_WRONG"

    # The key store of this node.
    KEYSTORE_EXISTS = "KEYSTORE_EXISTS"
    KEYSTORE_MISSING = "KEYSTORE_MISSING"
    KEYSTORE_UNREADABLE = "KEYSTORE_UNREADABLE"
    MANIFEST_MISMATCH = "MANIFEST_MISMATCH"
    KEY_MALFORMED = "KEY_MALFORMED"
    KEY_MISMATCH = "KEY_MISMATCH"
    KEY_EXPOSED = "KEY_EXPOSED"
    KEY_SEALED = "KEY_SEALED"
    KEY_UNOPENED = "KEY_UNOPENED"
    GENERATION_UNKNOWN = "GENERATION_UNKNOWN"
    ROLLOVER_STATE = "ROLLOVER_STATE"
    ACT_LOG_ALTERED = "ACT_LOG_ALTERED"
    DROP_UNKNOWN = "DROP_UNKNOWN"
    SIGNING_KEY_UNSTATED = "SIGNING_KEY_UNSTATED"
    REQUEST_UNKNOWN = "REQUEST_UNKNOWN"
    OFFLINE_KEY_ABSENT = "OFFLINE_KEY_ABSENT"

    # The TLS a server speaks.
    SERVER_UNREACHABLE = "SERVER_UNREACHABLE"
    TLS12_ACCEPTED = "TLS12_ACCEPTED"
    TLS13_REFUSED = "TLS13_REFUSED"


class TrustError(Exception):
    """Trust was refused; the root of every error of this package.

    The message says which check failed and what to do. It holds neither key material nor text
    that an unverified certificate brought along.

    Attributes:
        reason: Stable word for programs.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason

    def __str__(self) -> str:
        """The message for people, without the reason."""
        return str(self.args[1])


class CertificateRefused(TrustError):
    """A certificate does not prove what it claims: its holder, or the city that issued it, must act."""


class BundleRefused(TrustError):
    """A city bundle is not taken: the operator asks that city for a good one over another channel."""


class SignatureRefused(TrustError):
    """A signature does not stand: the signer must act, and nothing it covers is believed."""


class KeystoreBroken(TrustError):
    """This node's own keys cannot be used: the operator of this machine must act."""


class ProbeFailed(TrustError):
    """A server speaks another TLS than it must, or does not answer: its operator must act."""
