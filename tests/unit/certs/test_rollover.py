from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography import x509

from certs.authority import Authority
from certs.bundle_model import AuthorityState
from certs.errors import KeystoreBroken, Reason
from certs.generation import issue_generation
from certs.keystore import create_keystore
from certs.pem import certificate_from_pem
from certs.rollover import Authorities, AuthorityRecord, breaking, load_authorities, prove_overlap, save_authorities
from certs.signing import SigningKey
from tests.unit.certs.forgery import DAY, NANTONG, NOW, SUZHOU, authority_of

OLD, NEW = authority_of(NANTONG), authority_of(NANTONG)
FIRST = Authorities((AuthorityRecord(OLD.certificate, AuthorityState.ACTIVE, NOW),))
BOTH_KNOWN = FIRST.added(NEW.certificate, now=NOW)
ORDER = [
    AuthorityState.DISTRIBUTED,
    AuthorityState.ACTIVE,
    AuthorityState.RETIRING,
    AuthorityState.RETIRED,
    AuthorityState.REVOKED,
]


def leaf(authority: Authority) -> x509.Certificate:
    """A gateway's leaf of an authority."""
    files = issue_generation(authority, SigningKey.generate(), now=NOW, random=os.urandom)
    return certificate_from_pem(files["gateway.pem"])


def test_one_walks_through_every_state_in_order() -> None:
    """And is found by state and by the beginning of its fingerprint."""
    authorities = BOTH_KNOWN
    for state in ORDER:
        record = authorities.find(BOTH_KNOWN.records[1].fingerprint[:12])
        authorities = authorities.moved(record, state, now=NOW + DAY)
        assert authorities.records[1].state is state
        assert authorities.records[1].since == NOW + DAY
    assert authorities.trusted == (OLD.certificate,)


@pytest.mark.parametrize(
    ("at", "to"),
    [
        (AuthorityState.PREPARED, AuthorityState.ACTIVE),
        (AuthorityState.PREPARED, AuthorityState.RETIRING),
        (AuthorityState.DISTRIBUTED, AuthorityState.RETIRING),
        (AuthorityState.ACTIVE, AuthorityState.RETIRED),
        (AuthorityState.ACTIVE, AuthorityState.REVOKED),
        (AuthorityState.RETIRED, AuthorityState.ACTIVE),
        (AuthorityState.REVOKED, AuthorityState.ACTIVE),
        (AuthorityState.REVOKED, AuthorityState.TAINTED),
    ],
)
def test_no_state_is_skipped_and_none_comes_back(at: AuthorityState, to: AuthorityState) -> None:
    """Each refusal says where it stands and from where it would be allowed."""
    record = AuthorityRecord(OLD.certificate, at, NOW)
    with pytest.raises(KeystoreBroken, match=f"is {at}; only from") as refused:
        Authorities((record,)).moved(record, to, now=NOW)
    assert refused.value.reason is Reason.ROLLOVER_STATE


def test_one_rollover_at_a_time_and_a_new_key() -> None:
    """A second one, and an authority that stands already, are refused."""
    with pytest.raises(KeystoreBroken, match="under way"):
        BOTH_KNOWN.added(authority_of(NANTONG).certificate, now=NOW)
    with pytest.raises(KeystoreBroken, match="new key"):
        FIRST.added(OLD.certificate, now=NOW)


def test_states_are_kept(tmp_path: Path) -> None:
    """Before the first rollover the generation's root is active; then what was written comes back, or is damaged."""
    generation = create_keystore(tmp_path, NANTONG, now=NOW, random=os.urandom)
    first = load_authorities(tmp_path, generation.own_roots, now=NOW)
    assert [one.state for one in first.records] == [AuthorityState.ACTIVE]
    more = first.added(NEW.certificate, now=NOW)
    save_authorities(tmp_path, more)
    assert load_authorities(tmp_path, generation.own_roots, now=NOW + DAY) == more
    path = tmp_path / "certs" / "authorities.json"
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(KeystoreBroken, match="damaged"):
        load_authorities(tmp_path, generation.own_roots, now=NOW)


def test_a_bundle_does_not_say_who_acknowledged_it() -> None:
    """DISTRIBUTED would be a new version, to be acknowledged again."""
    distributed = BOTH_KNOWN.moved(BOTH_KNOWN.records[1], AuthorityState.DISTRIBUTED, now=NOW)
    assert distributed.bundle_authorities() == BOTH_KNOWN.bundle_authorities()


@pytest.mark.parametrize(
    ("roots", "wanted"),
    [
        ([OLD, NEW], (True, True, True)),
        ([OLD], (True, False, False)),
        ([NEW], (False, True, True)),
        ([authority_of(SUZHOU)], (False, False, False)),
        ([], (False, False, False)),
    ],
)
def test_the_overlap_is_worked_out_without_a_network(roots: list[Authority], wanted: tuple[bool, bool, bool]) -> None:
    """Who holds both takes both leaves; who holds one alone would break, now or later."""
    overlap = prove_overlap(
        NANTONG,
        [one.certificate for one in roots],
        present=leaf(OLD),
        candidate=leaf(NEW),
        now=NOW,
    )
    assert (overlap.present, overlap.candidate, overlap.without_old) == wanted
    assert overlap.holds == all(wanted)


def test_who_would_break_is_named() -> None:
    """Whoever acknowledged nothing, or another bundle."""
    assert breaking(["310000", "320500", "330100"], {"310000": "a", "320500": "b"}, "a") == ["320500", "330100"]
