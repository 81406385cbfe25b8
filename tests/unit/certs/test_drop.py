from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography import x509

from certs.drop import KeystoreWatch, drop_files, has_drop, take_drop, verify_drop
from certs.errors import KeystoreBroken, Reason
from certs.generation import FILES, issue_leaves
from certs.keystore import (
    KEPT_GENERATIONS,
    create_keystore,
    current_number,
    find_rollback,
    generation_numbers,
    install_generation,
    load_generation,
    renewed_files,
    rollback_generation,
)
from certs.offline import load_authority
from certs.signing import SigningKey
from tests.unit.certs.forgery import BOTH, CLIENT, DAY, NANTONG, NOW, authority_of, forged_leaf, pem, uri

HOST = x509.DNSName("gateway.320600.yrdx")
GATEWAY = "spiffe://320600.yrdx/gateway/main"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A node home with a key store of its own."""
    create_keystore(tmp_path, NANTONG, now=NOW, random=os.urandom)
    return tmp_path


def new_leaves(home: Path) -> dict[str, bytes]:
    """Files as a good tool would drop them."""
    return issue_leaves(load_authority(home), now=NOW, random=os.urandom)


def test_a_good_drop_becomes_the_current_generation(home: Path) -> None:
    """Some files are enough; the rest goes on, and the drop is emptied."""
    before = load_generation(home, now=NOW)
    leaves = new_leaves(home)
    drop_files(home, {name: leaves[name] for name in ("gateway.pem", "gateway.key")})

    taken = take_drop(home, now=NOW)

    now = load_generation(home, now=NOW)
    assert taken is not None
    assert (now.number, now.fingerprint) == (2, taken.fingerprint)
    assert now.gateway.leaf != before.gateway.leaf
    assert now.operator.leaf == before.operator.leaf
    assert not has_drop(home)


def test_the_same_files_again_change_nothing(home: Path) -> None:
    """A tool that writes every night makes no generation every night."""
    files = {"gateway.pem": load_generation(home, now=NOW).gateway_chain_pem}
    drop_files(home, files)
    assert verify_drop(home, files, now=NOW) is None
    assert take_drop(home, now=NOW) is None
    assert generation_numbers(home) == [1]
    assert not has_drop(home)


def bad_drops(home: Path) -> dict[str, tuple[dict[str, bytes], Reason]]:
    """What arrives at night, and why it is refused."""
    authority, leaves, other = load_authority(home), new_leaves(home), new_leaves(home)
    pair = {name: leaves[name] for name in ("gateway.pem", "gateway.key")}
    expired = forged_leaf([uri(GATEWAY), HOST], authority, usages=BOTH, days=(-2, -1))
    wildcard = forged_leaf([uri(GATEWAY), x509.DNSName("*.320600.yrdx")], authority, usages=BOTH)
    roots = authority.certificate_pem()
    return {
        "torn": (pair | {"gateway.pem": leaves["gateway.pem"][:-40]}, Reason.CERTIFICATE_MALFORMED),
        "torn key": (pair | {"gateway.key": leaves["gateway.key"][:-40]}, Reason.KEY_MALFORMED),
        "garbage": ({"gateway.pem": os.urandom(900)}, Reason.CERTIFICATE_MALFORMED),
        "mismatched": (pair | {"gateway.key": other["gateway.key"]}, Reason.KEY_MISMATCH),
        "second PEM": ({"ca.pem": roots + authority_of(NANTONG).certificate_pem()[:300]}, Reason.CERTIFICATE_MALFORMED),
        "empty bundle": ({"ca.pem": b""}, Reason.CERTIFICATE_MALFORMED),
        "expired": ({"gateway.pem": pem(expired)}, Reason.CERTIFICATE_EXPIRED),
        "wildcard": ({"gateway.pem": pem(wildcard)}, Reason.NAME_WILDCARD),
        "strange file": ({"tls.crt": leaves["gateway.pem"]}, Reason.DROP_UNKNOWN),
        "no EKU": (
            {"gateway.pem": pem(forged_leaf([uri(GATEWAY), HOST], authority, usages=CLIENT))},
            Reason.USAGE_WRONG,
        ),
    }


@pytest.mark.parametrize("kind", [
    "torn", "torn key", "garbage", "mismatched", "second PEM", "empty bundle", "expired", "wildcard", "strange file",
    "no EKU",
])  # fmt: skip
def test_a_bad_drop_leaves_the_last_good_generation(home: Path, kind: str) -> None:
    """Nothing changes, and the reason lies beside the files."""
    before = load_generation(home, now=NOW)
    files, reason = bad_drops(home)[kind]
    drop_files(home, files)

    with pytest.raises(KeystoreBroken) as refused:
        take_drop(home, now=NOW)

    assert refused.value.reason is reason
    assert load_generation(home, now=NOW).fingerprint == before.fingerprint
    told = (home / "certs" / "drop" / "REFUSED.txt").read_text()
    assert f"[{reason}]" in told
    assert "PRIVATE" not in told
    assert has_drop(home)


def test_a_mended_drop_is_taken(home: Path) -> None:
    """What was refused half written is taken once it is whole, and the refusal goes."""
    leaves = new_leaves(home)
    drop_files(home, {"gateway.pem": leaves["gateway.pem"], "gateway.key": leaves["gateway.key"][:-9]})
    with pytest.raises(KeystoreBroken):
        take_drop(home, now=NOW)
    drop_files(home, {"gateway.key": leaves["gateway.key"]})
    taken = take_drop(home, now=NOW)
    assert taken is not None
    assert not (home / "certs" / "drop" / "REFUSED.txt").exists()


def test_a_key_that_others_read_is_refused(home: Path) -> None:
    """A tool with a careless umask is told so."""
    drop_files(home, {"gateway.key": new_leaves(home)["gateway.key"]})
    (home / "certs" / "drop" / "gateway.key").chmod(0o644)
    with pytest.raises(KeystoreBroken) as refused:
        take_drop(home, now=NOW)
    assert refused.value.reason is Reason.KEY_EXPOSED


def test_the_watch_waits_until_files_settle(home: Path) -> None:
    """Looked at twice without a change they are settled; each content is tried once."""
    watch, leaves = KeystoreWatch(home), new_leaves(home)
    assert not watch.dropped()
    drop_files(home, {"gateway.pem": leaves["gateway.pem"]})
    assert not watch.dropped()
    drop_files(home, {"gateway.key": leaves["gateway.key"]})
    assert not watch.dropped()
    assert watch.dropped()
    assert not watch.dropped()


def test_the_watch_sees_another_generation_and_one_changed_in_place(home: Path) -> None:
    """A moved symlink, and a careless hand in the current folder."""
    watch = KeystoreWatch(home)
    assert not watch.moved()
    install_generation(home, renewed_files(home, load_authority(home), now=NOW, random=os.urandom), now=NOW)
    assert watch.moved()
    assert not watch.moved()
    with (home / "certs" / "current" / "gateway.pem").open("ab") as file:
        file.write(b"\n")
    assert watch.moved()


def test_rollback_finds_the_newest_that_works(home: Path) -> None:
    """A damaged generation and an ended one are stepped over; the reasons are told when none is left."""
    authority = load_authority(home)
    for _ in range(3):
        install_generation(home, renewed_files(home, authority, now=NOW, random=os.urandom), now=NOW)
    (home / "certs" / "gen" / "3" / "gateway.pem").write_bytes(b"garbage")

    assert rollback_generation(home, now=NOW).number == current_number(home) == 2
    assert rollback_generation(home, now=NOW, number=1).number == 1
    with pytest.raises(KeystoreBroken, match="cert renew") as refused:
        find_rollback(home, now=NOW)
    assert refused.value.reason is Reason.GENERATION_UNKNOWN
    with pytest.raises(KeystoreBroken, match="there are 1, 2, 3, 4"):
        find_rollback(home, now=NOW, number=9)
    with pytest.raises(KeystoreBroken) as broken:
        rollback_generation(home, now=NOW, number=3)
    assert broken.value.reason is Reason.MANIFEST_MISMATCH
    assert current_number(home) == 1


def test_old_keys_do_not_pile_up(home: Path) -> None:
    """A few generations stay to roll back to; keys that nobody needs are gone."""
    authority = load_authority(home)
    for _ in range(KEPT_GENERATIONS + 2):
        install_generation(home, renewed_files(home, authority, now=NOW, random=os.urandom), now=NOW)
    assert generation_numbers(home) == list(range(4, 4 + KEPT_GENERATIONS))


def test_renewal_works_after_the_leaves_have_ended(home: Path) -> None:
    """At three in the morning on the ninety-first day."""
    late = NOW + 100 * DAY
    with pytest.raises(KeystoreBroken):
        load_generation(home, now=late)
    files = renewed_files(home, load_authority(home), now=late, random=os.urandom)
    assert install_generation(home, files, now=late).number == 2
    assert load_generation(home, now=late).number == 2


def test_encrypted_keys_on_disk(tmp_path: Path) -> None:
    """With a passphrase no key lies there in the open, offline ones too; generations go on under it."""
    create_keystore(tmp_path, NANTONG, now=NOW, random=os.urandom, passphrase=b"pass")
    authority = load_authority(tmp_path, b"pass")
    files = renewed_files(tmp_path, authority, now=NOW, random=os.urandom, passphrase=b"pass")
    install_generation(tmp_path, files, now=NOW, passphrase=b"pass")
    keys = [path for path in (tmp_path / "certs").rglob("*.key") if path.is_file()]
    assert len(keys) >= 2 * sum(name.endswith(".key") for name in FILES)
    assert all(path.read_bytes().startswith(b"-----BEGIN ENCRYPTED") for path in keys)
    assert load_generation(tmp_path, now=NOW, passphrase=b"pass").number == 2
    for passphrase, reason in ((None, Reason.KEY_SEALED), (b"other", Reason.KEY_UNOPENED)):
        with pytest.raises(KeystoreBroken) as refused:
            load_generation(tmp_path, now=NOW, passphrase=passphrase)
        assert refused.value.reason is reason


def test_another_signing_key_is_refused(tmp_path: Path) -> None:
    """Partners must know it first; the same key once more is no change."""
    present = create_keystore(tmp_path, NANTONG, now=NOW, random=os.urandom)
    drop_files(tmp_path, {"signing.key": SigningKey.generate().to_pem()})
    with pytest.raises(KeystoreBroken) as refused:
        take_drop(tmp_path, now=NOW)
    assert refused.value.reason is Reason.SIGNING_KEY_UNSTATED
    drop_files(tmp_path, {"signing.key": present.signing_key.to_pem()})
    assert take_drop(tmp_path, now=NOW) is None
