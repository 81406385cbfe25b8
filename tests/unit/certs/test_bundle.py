from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.bundle import (
    BUNDLE_BYTES_MAX,
    AuthorityState,
    BundleAuthority,
    CityBundle,
    SignedBundle,
    bundle_to_bytes,
    parse_bundle,
    read_bundle,
    verify_fingerprint,
)
from certs.errors import BundleRefused, Reason
from certs.identity import Identity
from certs.signing import PublicSigningKey, SigningKey
from certs.verification import CallerVerifier
from tests.unit.certs.forgery import (
    BOTH,
    DAY,
    NANTONG,
    NOW,
    SHANGHAI,
    SUZHOU,
    authority_of,
    forged_authority,
    forged_leaf,
    leaf_of,
    pem,
    uri,
)

TAG = b"yrdx-bundle-v1"
GATEWAY = Identity(NANTONG, "gateway", "main")
OLD, OURS, THEIRS = authority_of(NANTONG), authority_of(NANTONG), authority_of(SUZHOU)
ENDED = authority_of(NANTONG, now=NOW - 2000 * DAY)
BUNDLE_KEY, SIGNING_KEY = SigningKey.generate(), SigningKey.generate()
KEY_OF_ORDER_ONE = b"\x01" + bytes(31)

BUNDLE = CityBundle(
    city=NANTONG,
    version=1,
    previous=None,
    authorities=(BundleAuthority(OURS.certificate_pem(), AuthorityState.ACTIVE),),
    signing_keys=(SIGNING_KEY.public,),
    gateway_leaves=(pem(leaf_of(OURS, GATEWAY)),),
    dns_names=("gateway.320600.yrdx",),
    endpoint="127.0.0.1:7320",
    created_at=NOW,
)
DATA = bundle_to_bytes(BUNDLE, BUNDLE_KEY)

times = st.datetimes(timezones=st.just(UTC))
signing_keys = st.builds(
    lambda retired_at, compromised_at: PublicSigningKey(
        SigningKey.generate().public.public_key, retired_at, compromised_at
    ),
    st.none() | times,
    st.none() | times,
)
bundles = st.builds(
    lambda version, states, keys, leaves, endpoint, created_at: CityBundle(
        city=NANTONG,
        version=version,
        previous=None if version == 1 else hashlib.sha256(bytes([version % 256])).hexdigest(),
        authorities=(
            BundleAuthority(OURS.certificate_pem(), AuthorityState.ACTIVE),
            *(
                BundleAuthority(authority.certificate_pem(), state)
                for authority, state in zip((OLD, ENDED), states, strict=False)
            ),
        ),
        signing_keys=tuple(keys),
        gateway_leaves=leaves,
        dns_names=("gateway.320600.yrdx",),
        endpoint=endpoint,
        created_at=created_at,
    ),
    st.integers(1, 2**31 - 1),
    st.lists(st.sampled_from(AuthorityState), max_size=2),
    st.lists(signing_keys, min_size=1, max_size=3),
    st.sampled_from([(), BUNDLE.gateway_leaves]),
    st.sampled_from([None, "127.0.0.1:7320", "[::1]:1", "gateway.nantong.example:65535"]),
    times,
)


def signed(payload: bytes, key: SigningKey = BUNDLE_KEY) -> bytes:
    """A bundle file over any payload, signed as a hostile city would."""
    signature = key.sign(TAG + payload).hex()
    return f"yrdx-bundle-v1\nkey Ed25519 {key.public.public_key.hex()}\nsignature {signature}\n\n".encode() + payload


def refusal(data: bytes, *, now: datetime = NOW) -> Reason:
    """Why a file is refused."""
    with pytest.raises(BundleRefused) as refused:
        parse_bundle(data, now=now)
    return refused.value.reason


@given(bundles)
def test_bundle_reads_back(bundle: CityBundle) -> None:
    """What a city signed is what its partner reads, byte for byte verified."""
    data = bundle_to_bytes(bundle, BUNDLE_KEY)
    read = read_bundle(data)
    assert read.bundle == bundle
    assert read.data == data
    assert read.bundle_key == BUNDLE_KEY.public
    assert parse_bundle(data, now=NOW) == read


def test_bundle_is_small_and_readable() -> None:
    """A first bundle is a few KiB of ASCII in which a person finds the city and the endpoint."""
    assert len(DATA) < 4096
    text = DATA.decode("ascii")
    assert text.startswith("yrdx-bundle-v1\nkey Ed25519 ")
    assert '"city": "320600"' in text
    assert '"endpoint": "127.0.0.1:7320"' in text
    assert "PRIVATE" not in text


def test_time_of_another_zone_is_written_in_utc() -> None:
    """A time in Chinese time is the same moment for the reader."""
    beijing = timezone(timedelta(hours=8))
    data = bundle_to_bytes(replace(BUNDLE, created_at=NOW.astimezone(beijing)), BUNDLE_KEY)
    assert read_bundle(data) == read_bundle(DATA)


def test_digest_covers_tag_and_statement() -> None:
    """The next version names the statement, not the signature over it."""
    payload = DATA.split(b"\n\n", 1)[1]
    assert read_bundle(DATA).digest == hashlib.sha256(TAG + payload).hexdigest()
    assert read_bundle(bundle_to_bytes(BUNDLE, SigningKey.generate())).digest == read_bundle(DATA).digest


@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_any_changed_byte_is_refused(place: int, flip: int) -> None:
    """Head, key, signature or statement: one byte changed refuses the file."""
    changed = bytearray(DATA)
    changed[place] ^= flip
    assert refusal(bytes(changed)) in (Reason.BUNDLE_MALFORMED, Reason.BUNDLE_ALTERED)


def test_any_truncation_is_refused() -> None:
    """A file cut short anywhere, or with anything behind it, is refused."""
    for size in range(len(DATA)):
        assert refusal(DATA[:size]) in (Reason.BUNDLE_MALFORMED, Reason.BUNDLE_ALTERED)
    assert refusal(DATA + b"\n") is Reason.BUNDLE_ALTERED
    assert refusal(DATA + DATA) is Reason.BUNDLE_ALTERED


@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"{}", b"yrdx-bundle-v2" + DATA[14:], b"\xef\xbb\xbf" + DATA])
def test_garbage_is_refused(data: bytes) -> None:
    """Other files are refused as such."""
    assert refusal(data) is Reason.BUNDLE_MALFORMED


def test_rewritten_line_ends_are_named() -> None:
    """The usual accident of mail programs and editors gets its own words."""
    with pytest.raises(BundleRefused, match="line ends"):
        parse_bundle(DATA.replace(b"\n", b"\r\n"), now=NOW)


def test_upper_case_hex_is_refused() -> None:
    """The same signature in another spelling is another file."""
    head, payload = DATA.split(b"\n\n", 1)
    key, signature = head.rsplit(b" ", 1)
    assert refusal(key + b" " + signature.upper() + b"\n\n" + payload) is Reason.BUNDLE_MALFORMED


def test_oversize_is_refused() -> None:
    """Neither read nor written: more than 256 KiB is no bundle."""
    assert refusal(signed(b" " * BUNDLE_BYTES_MAX)) is Reason.BUNDLE_TOO_LARGE
    leaf = BUNDLE.gateway_leaves[0]
    with pytest.raises(BundleRefused) as refused:
        bundle_to_bytes(replace(BUNDLE, gateway_leaves=(leaf,) * 400), BUNDLE_KEY)
    assert refused.value.reason is Reason.BUNDLE_TOO_LARGE


def test_signature_of_another_key_is_refused() -> None:
    """A head with the real city's key does not lend its name to another's signature."""
    payload = DATA.split(b"\n\n", 1)[1]
    forged = signed(payload, SigningKey.generate())
    real_key = BUNDLE_KEY.public.public_key.hex().encode()
    forged_key = forged.split(b"\n")[1].rsplit(b" ", 1)[1]
    assert refusal(forged.replace(forged_key, real_key)) is Reason.BUNDLE_ALTERED


def test_bundle_key_that_fits_many_messages_is_refused() -> None:
    """A key of low order, under which one signature fits every bundle, is refused."""
    payload = DATA.split(b"\n\n", 1)[1]
    head = TAG + b"\nkey Ed25519 " + KEY_OF_ORDER_ONE.hex().encode() + b"\nsignature "
    assert refusal(head + KEY_OF_ORDER_ONE.hex().encode() + b"0" * 64 + b"\n\n" + payload) is (Reason.BUNDLE_ALTERED)


def with_change(change: Callable[[dict[str, Any]], object]) -> bytes:
    """The bundle with one thing changed, and signed again by its own key."""
    fields = json.loads(DATA.split(b"\n\n", 1)[1])
    change(fields)
    return signed(json.dumps(fields).encode())


@pytest.mark.parametrize(
    "change",
    [
        lambda fields: fields.pop("endpoint"),
        lambda fields: fields.update(extra=1),
        lambda fields: fields.update(city="32060"),
        lambda fields: fields.update(city=320600),
        lambda fields: fields.update(version=0),
        lambda fields: fields.update(version=True),
        lambda fields: fields.update(version="1"),
        lambda fields: fields.update(version=1.0),
        lambda fields: fields.update(version=2),
        lambda fields: fields.update(version=2**31, previous="0" * 64),
        lambda fields: fields.update(previous="0" * 64),
        lambda fields: fields.update(version=2, previous="0" * 63),
        lambda fields: fields.update(created_at="yesterday"),
        lambda fields: fields.update(created_at="2026-11-22T08:00:00+08:00"),
        lambda fields: fields.update(created_at=0),
        lambda fields: fields.update(endpoint="host"),
        lambda fields: fields.update(endpoint="\x1b[2Jhost:1"),
        lambda fields: fields.update(authorities={}),
        lambda fields: fields.update(authorities=[1]),
        lambda fields: fields["authorities"][0].update(state="TRUSTED"),
        lambda fields: fields["authorities"][0].update(state="active"),
        lambda fields: fields["authorities"][0].pop("state"),
        lambda fields: fields.update(signing_keys=[]),
        lambda fields: fields.update(signing_keys=fields["signing_keys"] * 2),
        lambda fields: fields["signing_keys"][0].update(public_key="zz"),
        lambda fields: fields["signing_keys"][0].update(public_key="00"),
        lambda fields: fields["signing_keys"][0].update(algorithm="SM2"),
        lambda fields: fields["signing_keys"][0].update(key_id="0" * 32),
        lambda fields: fields["signing_keys"][0].update(retired_at="never"),
        lambda fields: fields.update(dns_names="gateway.320600.yrdx"),
        lambda fields: fields.update(gateway_leaves=[7]),
    ],
)
def test_malformed_statement_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    """A missing, unknown, mistyped or contradictory field refuses a well-signed bundle."""
    assert refusal(with_change(change)) is Reason.BUNDLE_MALFORMED


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"nothing",
        b"NaN",
        b"[" * 100_000,
        b"1" * 5_000,
        '{"city": "南通"}'.encode(),
        b"\xff\xfe",
        DATA.split(b"\n\n", 1)[1].replace(b'"version": 1', b'"version": 1, "version": 1'),
    ],
)
def test_hostile_json_is_refused(payload: bytes) -> None:
    """Depth, size, doubled names and other encodings refuse the bundle and break nothing."""
    assert refusal(signed(payload)) is Reason.BUNDLE_MALFORMED


def test_weak_signing_key_is_refused() -> None:
    """A city cannot publish a key that lets it deny what it signed."""
    key_id = hashlib.sha256(KEY_OF_ORDER_ONE).hexdigest()[:32]
    weak = {"public_key": KEY_OF_ORDER_ONE.hex(), "key_id": key_id}
    assert refusal(with_change(lambda fields: fields["signing_keys"][0].update(weak))) is Reason.KEY_WEAK


def authorities(*pems: bytes, state: AuthorityState = AuthorityState.ACTIVE) -> CityBundle:
    """The bundle with other authorities and no gateway."""
    return replace(BUNDLE, authorities=tuple(BundleAuthority(one, state) for one in pems), gateway_leaves=())


@pytest.mark.parametrize(
    ("bundle", "reason"),
    [
        (authorities(), Reason.AUTHORITY_MISSING),
        (authorities(OURS.certificate_pem(), state=AuthorityState.RETIRED), Reason.AUTHORITY_MISSING),
        (authorities(OURS.certificate_pem(), state=AuthorityState.REVOKED), Reason.AUTHORITY_MISSING),
        (authorities(THEIRS.certificate_pem()), Reason.CITY_MISMATCH),
        (authorities(pem(leaf_of(OURS, GATEWAY))), Reason.AUTHORITY_MALFORMED),
        (
            authorities(pem(forged_authority(OURS.certificate.subject, signer_key=OURS.key))),
            Reason.AUTHORITY_MALFORMED,
        ),
        (authorities(OURS.certificate_pem() * 2), Reason.CERTIFICATE_MALFORMED),
        (authorities(OURS.certificate_pem()[:-1]), Reason.CERTIFICATE_MALFORMED),
        (authorities(OURS.certificate_pem(), OURS.certificate_pem()), Reason.AUTHORITY_SHARED),
        (
            authorities(OURS.certificate_pem(), pem(forged_authority(OURS.certificate.subject, key=OURS.key))),
            Reason.AUTHORITY_SHARED,
        ),
        (replace(BUNDLE, dns_names=()), Reason.NAME_FOREIGN),
        (replace(BUNDLE, dns_names=("*.320600.yrdx",)), Reason.NAME_FOREIGN),
        (replace(BUNDLE, dns_names=("gateway.310000.yrdx",)), Reason.NAME_FOREIGN),
        (
            replace(BUNDLE, gateway_leaves=(pem(leaf_of(OURS, Identity(NANTONG, "system", "a"))),)),
            Reason.ROLE_MISMATCH,
        ),
        (replace(BUNDLE, gateway_leaves=(pem(leaf_of(OLD, GATEWAY)),)), Reason.CHAIN_BROKEN),
        (
            replace(BUNDLE, gateway_leaves=(pem(forged_leaf([uri(GATEWAY.uri)], OURS, usages=BOTH)),)),
            Reason.NAME_FOREIGN,
        ),
        (replace(BUNDLE, created_at=NOW.replace(tzinfo=None)), Reason.BUNDLE_MALFORMED),
    ],
)
def test_wrong_statement_is_not_even_signed(bundle: CityBundle, reason: Reason) -> None:
    """A city cannot export what its partners would refuse."""
    with pytest.raises(BundleRefused) as refused:
        bundle_to_bytes(bundle, BUNDLE_KEY)
    assert refused.value.reason is reason


def test_wrong_authority_in_a_signed_bundle_is_refused() -> None:
    """The reader checks for itself: a well-signed bundle with Suzhou's authority is not Nantong's."""
    theirs = THEIRS.certificate_pem().decode()
    data = with_change(lambda fields: fields["authorities"][0].update(certificate=theirs))
    assert refusal(data) is Reason.CITY_MISMATCH


def test_bundle_of_ended_authorities_is_refused_now_and_readable_for_ever() -> None:
    """Nobody is enrolled with authorities that have ended, while old evidence still finds its keys."""
    data = bundle_to_bytes(authorities(ENDED.certificate_pem()), BUNDLE_KEY)
    assert refusal(data) is Reason.AUTHORITY_NOT_VALID
    assert refusal(DATA, now=NOW - DAY) is Reason.AUTHORITY_NOT_VALID
    assert read_bundle(data).bundle.signing_key(SIGNING_KEY.key_id) == SIGNING_KEY.public
    assert read_bundle(data).bundle.signing_key("0" * 32) is None


def test_only_trusted_authorities_are_roots() -> None:
    """Leaves of a retired or revoked authority are not believed; those before and during a rollover are."""
    states = {state: authority_of(NANTONG) for state in AuthorityState}
    entries = [BundleAuthority(one.certificate_pem(), state) for state, one in states.items()]
    bundle = replace(BUNDLE, authorities=tuple(entries), gateway_leaves=())
    trusted = [one for state, one in states.items() if state not in ("RETIRED", "REVOKED")]
    assert list(bundle.roots) == [one.certificate for one in trusted]
    assert bundle.roots_pem == b"".join(one.certificate_pem() for one in trusted)
    callers = CallerVerifier({NANTONG: bundle.roots})
    assert callers.verify(pem(leaf_of(trusted[0], GATEWAY)), now=NOW) == GATEWAY


@pytest.mark.parametrize(
    "typed",
    [
        lambda shown: shown,
        lambda shown: shown.upper(),
        lambda shown: shown.removeprefix("SHA256:").replace("-", " "),
        lambda shown: f"  {shown}\n",
    ],
)
def test_fingerprint_is_compared_as_people_type(typed: Callable[[str], str]) -> None:
    """Letter case, spaces, dashes and the prefix do not matter."""
    bundle = parse_bundle(DATA, now=NOW)
    assert bundle.fingerprint == BUNDLE_KEY.public.fingerprint
    assert verify_fingerprint(bundle, typed(bundle.fingerprint)) is bundle


@pytest.mark.parametrize("cut", [0, 8, 20, 39])
def test_part_of_a_fingerprint_is_not_enough(cut: int) -> None:
    """A prefix, or another key's fingerprint, is refused, and the right one is not given away."""
    bundle: SignedBundle = parse_bundle(DATA, now=NOW)
    for typed in (bundle.fingerprint[:cut], SIGNING_KEY.public.fingerprint):
        with pytest.raises(BundleRefused) as refused:
            verify_fingerprint(bundle, typed)
        assert refused.value.reason is Reason.FINGERPRINT_MISMATCH
        assert bundle.fingerprint not in str(refused.value)


def test_hostile_bundle_cannot_take_another_citys_place() -> None:
    """A stranger may sign a bundle that says Nantong; its fingerprint gives it away."""
    stranger = parse_bundle(signed(DATA.split(b"\n\n", 1)[1], SigningKey.generate()), now=NOW)
    with pytest.raises(BundleRefused):
        verify_fingerprint(stranger, BUNDLE_KEY.public.fingerprint)
    assert stranger.bundle.city != SHANGHAI
