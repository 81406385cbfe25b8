"""Certificates that prove nothing get no answer; a right one is answered afterwards as before."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import grpc
from cryptography.hazmat.primitives.asymmetric import ec

from certs.authority import Authority, create_authority, serial_number
from certs.errors import KeystoreBroken, ProbeFailed, Reason
from certs.identity import Identity, Role
from certs.pem import certificates_to_pem, private_key_to_pem
from certs.probe import verify_tls13_only
from services.node.conformance.calls import Leaf
from services.node.conformance.partner import Partner
from services.node.conformance.promises import Broken, Promises, Skipped

PROMISES: Final = Promises("certificates", "“Connection”, “Services”")

_ENDED: Final = timedelta(days=95)
"""Ago: a leaf of 90 days that was issued then has ended, and its authority was there (`identity.AUTHORITY_AGE`)."""
_NO_HANDSHAKE: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAUTHENTICATED)
_ELSEWHERE: Final = "990000"
"""A code that no city has (GB/T 2260)."""


@PROMISES.promise(
    "tls13",
    "先后只提供 TLS 1.3 和 TLS 1.2 · TLS 1.3 is offered alone, then TLS 1.2",
    "只接受 1.3 · 1.3 alone is taken",
)
def _tls13(partner: Partner) -> str:
    try:
        verify_tls13_only(*partner.target.place)
    except ProbeFailed as error:
        raise Broken(str(error.reason)) from error
    return "TLS 1.3"


def _unanswered(make: Callable[[Partner], Leaf | None]) -> Callable[[Partner], str]:
    """Return a check that `Describe` is not answered with a certificate, and is with the right one."""

    def check(partner: Partner) -> str:
        answered = partner.describe(make(partner))
        if answered.code not in _NO_HANDSHAKE:
            raise Broken(f"答复 · answered: {answered.told}")
        if not partner.serves():
            raise Broken("此后正确的证书也得不到答复 · the right certificate is not answered any more")
        return answered.told

    return check


def _issued(authority: Authority, city: str, role: Role, *, age: timedelta = timedelta(0)) -> Leaf:
    """Issue a leaf for any city's name: an authority's key can sign whatever it likes."""
    return _signed(authority, ec.generate_private_key(ec.SECP256R1()), city, role, age)


def _self_signed(city: str) -> Leaf:
    """Make a leaf whose own key signed it."""
    signer = _strangers(city)
    return _signed(signer, signer.key, city, "gateway", timedelta(0))


def _signed(authority: Authority, key: ec.EllipticCurvePrivateKey, city: str, role: Role, age: timedelta) -> Leaf:
    issuer, identity = Authority(city, authority.certificate, authority.key), Identity(city, role, "main")
    moment = datetime.now(UTC) - age
    leaf = issuer.issue(identity, key.public_key(), now=moment, serial=serial_number(os.urandom))
    return certificates_to_pem(leaf), private_key_to_pem(key)


def _strangers(city: str) -> Authority:
    """Make an authority that nobody registered, under a city's name."""
    return create_authority(city, now=datetime.now(UTC), serial=serial_number(os.urandom), valid_for=timedelta(days=1))


def _own_authority(partner: Partner) -> Authority:
    try:
        return partner.identity.authority
    except KeystoreBroken as error:
        if error.reason is not Reason.OFFLINE_KEY_ABSENT:
            raise
        raise Skipped("身份目录缺少签发机构私钥 · the identity folder lacks its authority's key") from error


_REFUSED: Final = "不完成握手，或 UNAUTHENTICATED · no handshake, or UNAUTHENTICATED"
for _name, _done, _make in (
    ("none", "不出示证书 · no certificate is shown", lambda _: None),
    (
        "self_signed",
        "出示自签的证书 · one that its own key signed",
        lambda p: _self_signed(p.identity.city),
    ),
    (
        "stranger",
        "出示未登记机构以本市名义签发的证书 · one in our name, by an authority that nobody registered",
        lambda p: _issued(_strangers(p.identity.city), p.identity.city, "gateway"),
    ),
    (
        "other_city",
        "出示本市机构以另一城市名义签发的证书 · one in another city's name, by our authority",
        lambda p: _issued(_own_authority(p), _ELSEWHERE, "gateway"),
    ),
    (
        "their_operator",
        "出示本市机构以被测城市操作员名义签发的证书 · one in the name of the node's own operator, by our authority",
        lambda p: _issued(_own_authority(p), p.target.city, "operator"),
    ),
    (
        "expired",
        "出示已到期的证书 · one that has ended",
        lambda p: _issued(_own_authority(p), p.identity.city, "gateway", age=_ENDED),
    ),
):
    PROMISES.add(_name, _done, _REFUSED, _unanswered(_make))


@PROMISES.promise(
    "operator",
    "出示本市操作员的证书 · the certificate of our operator is shown",
    "PERMISSION_DENIED NOT_PERMITTED：只有伙伴网关可调用 · partners' gateways alone may call",
)
def _operator(partner: Partner) -> str:
    pair = partner.identity.generation.operator
    answered = partner.describe((pair.chain_pem, pair.key_pem))
    return partner.require_refused(answered, [grpc.StatusCode.PERMISSION_DENIED], ["NOT_PERMITTED"])
