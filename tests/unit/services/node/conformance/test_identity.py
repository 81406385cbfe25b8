from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from certs.bundle import parse_bundle
from certs.errors import KeystoreBroken
from certs.identity import Identity as Name
from certs.verification import CallerVerifier
from services.node.cli.agreement_file import parse_agreement
from services.node.conformance.identity import agreement_text, create_identity, open_identity
from tests.unit.services.node.conformance.cities import NOW


def test_it_is_made_once_and_opened_again(tmp_path: Path) -> None:
    """The same keys and the same bundle; keys are never overwritten."""
    made = create_identity(tmp_path / "invented", "330199", now=NOW, random=os.urandom)
    opened = open_identity(tmp_path / "invented", now=NOW, random=os.urandom)

    assert (opened.city, opened.bundle.fingerprint) == ("330199", made.bundle.fingerprint)
    assert parse_bundle(opened.bundle_file.read_bytes(), now=NOW).bundle.city == "330199"
    with pytest.raises(KeystoreBroken):
        create_identity(tmp_path / "invented", "330199", now=NOW, random=os.urandom)


def test_its_leaves_stand_now_and_its_authority_stood_before(tmp_path: Path) -> None:
    """So it can issue one that has ended, which no new authority could."""
    identity = create_identity(tmp_path / "invented", "330199", now=NOW, random=os.urandom)
    verifier = CallerVerifier({"330199": identity.bundle.bundle.roots})

    assert verifier.verify(identity.leaf[0], now=NOW) == Name("330199", "gateway", "main")
    assert identity.authority.certificate.not_valid_before_utc < NOW - timedelta(days=95)


def test_leaves_that_have_ended_are_issued_anew(tmp_path: Path) -> None:
    """A folder of last year asks again, under the same authority and bundle; without the authority's key it says so."""
    made = create_identity(tmp_path / "invented", "330199", now=NOW, random=os.urandom)
    later = NOW + timedelta(days=400)

    opened = open_identity(tmp_path / "invented", now=later, random=os.urandom)

    assert CallerVerifier({"330199": made.bundle.bundle.roots}).verify(opened.leaf[0], now=later).role == "gateway"
    assert opened.bundle.fingerprint == made.bundle.fingerprint
    (tmp_path / "invented" / "certs" / "offline" / "ca.key").unlink()
    with pytest.raises(KeystoreBroken, match=r"ca\.key"):
        open_identity(tmp_path / "invented", now=later + timedelta(days=400), random=os.urandom)


def test_its_agreement_is_one_that_imports(tmp_path: Path) -> None:
    """From the invented city to the node's, in force today."""
    agreement = parse_agreement(
        agreement_text("330199", "310000", "social.contribution", today=NOW.date()).encode("utf-8")
    )

    assert str(agreement.stream) == "330199/310000/social.contribution/0"
    assert agreement.in_force(NOW)
    assert agreement.records_per_minute is None
