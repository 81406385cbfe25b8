from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from certs.bundle import parse_bundle, read_bundle
from certs.errors import KeystoreBroken
from certs.generation import issue_generation
from certs.keystore import create_keystore, install_generation
from certs.offline import load_authority
from certs.signing import SigningKey
from services.node.cli.bundle import current_bundle
from services.node.home import Home, new_home
from services.node.main import run

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with keys."""
    with new_home(tmp_path / "A") as home:
        create_keystore(home.path, "320600", now=NOW, random=os.urandom)
        home.settings.write_text('city = "320600"\n')
    return home


def test_the_bundle_says_what_a_partner_needs(home: Home) -> None:
    """City, version 1, the endpoint and a signature that stands."""
    signed = current_bundle(home, "127.0.0.1:7320", now=NOW)

    assert parse_bundle(signed.data, now=NOW).bundle == signed.bundle
    assert (signed.bundle.city, signed.bundle.version, signed.bundle.endpoint) == ("320600", 1, "127.0.0.1:7320")


def test_exporting_again_gives_the_same_bytes(home: Home) -> None:
    """Two different files that both call themselves version 1 would look like a forgery."""
    first = current_bundle(home, "127.0.0.1:7320", now=NOW)

    assert current_bundle(home, "127.0.0.1:7320", now=NOW + timedelta(days=1)).data == first.data


def test_another_statement_is_the_next_version_and_names_the_last(home: Home) -> None:
    """A new endpoint makes version 2, chained to version 1, under the same key."""
    first = current_bundle(home, "127.0.0.1:7320", now=NOW)
    second = current_bundle(home, "127.0.0.1:9000", now=NOW + timedelta(days=1))

    assert (second.bundle.version, second.bundle.previous) == (2, first.digest)
    assert second.fingerprint == first.fingerprint
    assert read_bundle(home.bundle.read_bytes()) == second


def test_with_the_key_offline_only_the_last_bundle_can_be_exported(home: Home) -> None:
    """A new version needs the bundle key; the present one does not."""
    first = current_bundle(home, "127.0.0.1:7320", now=NOW)
    (home.offline / "bundle.key").unlink()

    assert current_bundle(home, "127.0.0.1:7320", now=NOW).data == first.data
    with pytest.raises(KeystoreBroken, match="not on this machine"):
        current_bundle(home, "127.0.0.1:9000", now=NOW)


def test_two_bundles_are_compared(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What changed is listed, and whether the second continues the first: another city's does not."""
    first = current_bundle(home, "127.0.0.1:7320", now=NOW)
    second = current_bundle(home, "127.0.0.1:9000", now=NOW)
    old, new = tmp_path / "old.bundle", tmp_path / "new.bundle"
    old.write_bytes(first.data)
    new.write_bytes(second.data)

    assert run(["bundle", "diff", str(old), str(new), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["continues"]
    assert told["changes"]["endpoint"] == ["127.0.0.1:7320", "127.0.0.1:9000"]
    assert set(told["changes"]) == {"version", "digest", "previous", "endpoint"}
    assert run(["bundle", "diff", str(new), str(old), "--json"]) == 0
    assert not json.loads(capsys.readouterr().out)["continues"]
    assert run(["bundle", "show", str(new), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == 2


def test_a_bundle_is_the_same_as_itself(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing changed is an answer, and it is said."""
    file = tmp_path / "one.bundle"
    file.write_bytes(current_bundle(home, "127.0.0.1:7320", now=NOW).data)

    assert run(["bundle", "diff", str(file), str(file)]) == 0
    assert capsys.readouterr() == ("", "两者相同 · both are the same bundle\n")


def test_no_signing_key_leaves_the_bundle(home: Home) -> None:
    """After a change of the signing key the former one stands there, retired, and stays so."""
    first = current_bundle(home, "127.0.0.1:7320", now=NOW)
    authority, later = load_authority(home.path), NOW + timedelta(days=1)
    files = issue_generation(authority, SigningKey.generate(), now=NOW, random=os.urandom)
    install_generation(home.path, files, now=NOW)

    second = current_bundle(home, "127.0.0.1:7320", now=later)
    third = current_bundle(home, "127.0.0.1:9000", now=later + timedelta(days=1))

    (former,) = first.bundle.signing_keys
    for bundle in (second.bundle, third.bundle):
        assert [key.retired_at for key in bundle.signing_keys] == [None, later]
        assert bundle.signing_keys[1].key_id == former.key_id
