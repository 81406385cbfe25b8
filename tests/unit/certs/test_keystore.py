from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from certs.authority import Authority
from certs.bundle import bundle_to_bytes, parse_bundle
from certs.errors import KeystoreBroken, Reason
from certs.generation import FILES, Generation, issue_generation, manifest_of, verify_generation
from certs.identity import Identity, Role
from certs.keystore import create_keystore, install_generation, load_generation
from certs.offline import load_authority, load_bundle_key
from certs.signing import SigningKey
from tests.unit.certs.forgery import (
    BOTH,
    DAY,
    NANTONG,
    NOW,
    SHANGHAI,
    authority_of,
    forged_leaf,
    pem,
    uri,
)

OURS = authority_of(NANTONG)
SIGNING_KEY = SigningKey.generate()
GOOD = issue_generation(OURS, SIGNING_KEY, now=NOW, random=os.urandom)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A node home with a key store of its own."""
    create_keystore(tmp_path, NANTONG, now=NOW, random=os.urandom)
    return tmp_path


@pytest.fixture
def open_umask() -> Iterator[None]:
    """A machine whose umask takes nothing away."""
    before = os.umask(0)
    yield
    os.umask(before)


def current(home: Path) -> Path:
    """The folder of the current generation."""
    return home / "certs" / "current"


def refusal(home: Path) -> KeystoreBroken:
    """Why the key store cannot be used."""
    with pytest.raises(KeystoreBroken) as refused:
        load_generation(home, now=NOW)
    return refused.value


def plant(home: Path, name: str, content: bytes) -> None:
    """Put other content into a file, and make the manifest fit, as a careful mistake would."""
    folder = current(home)
    (folder / name).write_bytes(content)
    files = {one: (folder / one).read_bytes() for one in FILES}
    (folder / "manifest").write_bytes(manifest_of(files))


@pytest.mark.usefixtures("open_umask")
def test_only_the_owner_reads_keys(tmp_path: Path) -> None:
    """Every file is 0600 and every folder 0700, whatever the umask."""
    create_keystore(tmp_path, NANTONG, now=NOW, random=os.urandom)
    paths = [tmp_path / "certs", *(tmp_path / "certs").rglob("*")]
    for path in paths:
        if not path.is_symlink():
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert {path.name for path in paths} >= {*FILES, "manifest", "ca.key", "bundle.key", "README.txt"}


def test_created_keystore_loads(home: Path) -> None:
    """What init made is what serve loads, for its city and its three parties."""
    generation = load_generation(home, now=NOW)
    assert (generation.number, generation.city) == (1, NANTONG)
    pairs = (generation.gateway, generation.system, generation.operator)
    assert [pair.identity.uri for pair in pairs] == [
        "spiffe://320600.yrdx/gateway/main",
        "spiffe://320600.yrdx/system/local",
        "spiffe://320600.yrdx/operator/local",
    ]
    assert generation.not_after == (NOW + 90 * DAY).replace(microsecond=0)
    assert generation.own_roots_pem == (home / "certs/offline/ca.pem").read_bytes()
    assert generation.gateway_chain_pem == (current(home) / "gateway.pem").read_bytes()
    assert generation.gateway_key_pem == (current(home) / "gateway.key").read_bytes()


def test_manifest_is_what_sha256sum_reads(home: Path) -> None:
    """An operator checks a generation with the machine's own tool."""
    folder = current(home)
    for line in (folder / "manifest").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_keys_do_not_print(home: Path) -> None:
    """A generation in a log or a traceback shows no key."""
    assert "PRIVATE" not in repr(load_generation(home, now=NOW))


def test_keys_are_never_overwritten(home: Path) -> None:
    """A second init refuses, and the keys stay."""
    before = load_generation(home, now=NOW)
    with pytest.raises(KeystoreBroken) as refused:
        create_keystore(home, NANTONG, now=NOW, random=os.urandom)
    assert refused.value.reason is Reason.KEYSTORE_EXISTS
    assert load_generation(home, now=NOW).fingerprint == before.fingerprint


def test_wrong_city_leaves_nothing(tmp_path: Path) -> None:
    """A city code of another shape makes no folder."""
    with pytest.raises(ValueError, match="six digits"):
        create_keystore(tmp_path, "../etc", now=NOW, random=os.urandom)
    assert not list(tmp_path.iterdir())


def test_interrupted_init_is_done_again(tmp_path: Path) -> None:
    """What an interrupted init left is no key store, and the next one succeeds."""
    (tmp_path / "certs.new" / "gen" / "1").mkdir(parents=True)
    assert refusal(tmp_path).reason is Reason.KEYSTORE_MISSING
    create_keystore(tmp_path, NANTONG, now=NOW, random=os.urandom)
    assert load_generation(tmp_path, now=NOW).number == 1
    assert not (tmp_path / "certs.new").exists()


@pytest.mark.parametrize("target", ["/etc", "gen/0", "gen/01", "gen/1/..", "../certs/gen/1", "gen/1\n"])
def test_current_must_name_a_generation(home: Path, target: str) -> None:
    """A symlink that leads anywhere else is not followed."""
    current(home).unlink()
    current(home).symlink_to(target)
    assert refusal(home).reason is Reason.KEYSTORE_MISSING


def test_generation_that_is_gone_is_named(home: Path) -> None:
    """A symlink to a generation that is not there is told with its path."""
    current(home).unlink()
    current(home).symlink_to("gen/7")
    broken = refusal(home)
    assert broken.reason is Reason.KEYSTORE_UNREADABLE
    assert "gen/7" in str(broken)


@pytest.mark.parametrize("name", FILES)
def test_changed_file_is_named(home: Path, name: str) -> None:
    """Every file cut short, emptied or with one byte changed is found by its digest and named."""
    path = current(home) / name
    good = path.read_bytes()
    for content in (good[:-1], b"", good[:40] + bytes([good[40] ^ 1]) + good[41:], good * 2):
        path.write_bytes(content)
        broken = refusal(home)
        assert broken.reason is Reason.MANIFEST_MISMATCH
        assert str(broken).startswith(f"{name}: ")


@pytest.mark.parametrize("name", [*FILES, "manifest"])
def test_missing_file_is_named(home: Path, name: str) -> None:
    """A file that is gone is told with its path."""
    (current(home) / name).unlink()
    broken = refusal(home)
    assert broken.reason is Reason.KEYSTORE_UNREADABLE
    assert name in str(broken)


def test_torn_manifest_is_refused(home: Path) -> None:
    """A manifest cut short or with more in it is refused."""
    path = current(home) / "manifest"
    good = path.read_bytes()
    more = good + b"0" * 64 + b"  more\n"
    for content in (b"", b"\xff\0\n", good[:-1], good[:100], more, good * 2):
        path.write_bytes(content)
        assert refusal(home).reason is Reason.MANIFEST_MISMATCH


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".key")])
def test_exposed_key_is_refused(home: Path, name: str) -> None:
    """A key that others may read is refused, with the command that mends it."""
    path = (current(home) / name).resolve()
    path.chmod(0o640)
    broken = refusal(home)
    assert broken.reason is Reason.KEY_EXPOSED
    assert f"chmod 600 {path}" in str(broken)


OTHER = issue_generation(OURS, SigningKey.generate(), now=NOW, random=os.urandom)
GATEWAY = Identity(NANTONG, "gateway", "main")
HOST = x509.DNSName("gateway.320600.yrdx")


@pytest.mark.parametrize(
    ("changes", "reason", "file"),
    [
        ({"gateway.key": OTHER["gateway.key"]}, Reason.KEY_MISMATCH, "gateway.key"),
        ({"gateway.pem": OTHER["gateway.pem"]}, Reason.KEY_MISMATCH, "gateway.key"),
        ({"system.key": GOOD["operator.key"]}, Reason.KEY_MISMATCH, "system.key"),
        ({"operator.key": GOOD["signing.key"]}, Reason.KEY_MISMATCH, "operator.key"),
        (
            {"system.pem": GOOD["operator.pem"], "system.key": GOOD["operator.key"]},
            Reason.ROLE_MISMATCH,
            "system.pem",
        ),
        (
            {"gateway.pem": GOOD["system.pem"], "gateway.key": GOOD["system.key"]},
            Reason.ROLE_MISMATCH,
            "gateway.pem",
        ),
        ({"gateway.key": b"garbage"}, Reason.KEY_MALFORMED, "gateway.key"),
        ({"gateway.key": GOOD["gateway.key"][:-30]}, Reason.KEY_MALFORMED, "gateway.key"),
        ({"gateway.key": GOOD["gateway.key"] * 2}, Reason.KEY_MALFORMED, "gateway.key"),
        ({"signing.key": GOOD["gateway.key"]}, Reason.KEY_MALFORMED, "signing.key"),
        ({"signing.key": b""}, Reason.KEY_MALFORMED, "signing.key"),
        ({"gateway.pem": b""}, Reason.CERTIFICATE_MALFORMED, "gateway.pem"),
        ({"gateway.pem": GOOD["gateway.pem"] + GOOD["ca.pem"]}, Reason.CERTIFICATE_MALFORMED, "gateway.pem"),
        (
            {"operator.pem": GOOD["operator.pem"] + GOOD["ca.pem"][:300]},
            Reason.CERTIFICATE_MALFORMED,
            "operator.pem",
        ),
        ({"ca.pem": b""}, Reason.CERTIFICATE_MALFORMED, "ca.pem"),
        ({"ca.pem": GOOD["ca.pem"] + GOOD["ca.pem"][:300]}, Reason.CERTIFICATE_MALFORMED, "ca.pem"),
        ({"ca.pem": GOOD["system.pem"]}, Reason.AUTHORITY_MALFORMED, "ca.pem"),
        ({"ca.pem": authority_of(SHANGHAI).certificate_pem()}, Reason.CITY_MISMATCH, "ca.pem"),
        ({"ca.pem": authority_of(NANTONG).certificate_pem()}, Reason.CHAIN_BROKEN, "gateway.pem"),
        (
            {"system.pem": pem(forged_leaf([uri("spiffe://310000.yrdx/system/local")], OURS))},
            Reason.CITY_UNKNOWN,
            "system.pem",
        ),
        (
            {"gateway.pem": pem(forged_leaf([uri(GATEWAY.uri)], OURS, usages=BOTH))},
            Reason.NAME_FOREIGN,
            "gateway.pem",
        ),
        (
            {"gateway.pem": pem(forged_leaf([uri(GATEWAY.uri), HOST], OURS, usages=BOTH, days=(-2, -1)))},
            Reason.CERTIFICATE_EXPIRED,
            "gateway.pem",
        ),
    ],
)
def test_generation_that_would_fail_is_refused(
    home: Path, changes: dict[str, bytes], reason: Reason, file: str
) -> None:
    """Files that fit their manifest but not each other are refused, with the file that is wrong."""
    for name, content in {**GOOD, **changes}.items():
        plant(home, name, content)
    broken = refusal(home)
    assert broken.reason is reason
    assert str(broken).startswith(f"{file}: ")
    assert "PRIVATE KEY" not in str(broken)


@pytest.mark.parametrize(
    ("shift", "reason"),
    [
        (timedelta(hours=-1), Reason.CERTIFICATE_NOT_YET_VALID),
        (90 * DAY + timedelta(hours=1), Reason.CERTIFICATE_EXPIRED),
    ],
)
def test_clock_an_hour_off_is_told(home: Path, shift: timedelta, reason: Reason) -> None:
    """Before its begin and after its end a generation is refused, and the clock is named."""
    with pytest.raises(KeystoreBroken, match="clock") as refused:
        load_generation(home, now=NOW + shift)
    assert refused.value.reason is reason


def test_generation_loads_on_a_clock_a_little_behind(home: Path) -> None:
    """A machine whose clock is four minutes behind still starts."""
    assert load_generation(home, now=NOW - timedelta(minutes=4)).number == 1


def test_new_generation_becomes_current(home: Path) -> None:
    """Install swaps all at once, keeps the old folder, and numbers on."""
    old = load_generation(home, now=NOW)
    files = issue_generation(load_authority(home), old.signing_key, now=NOW + DAY, random=os.urandom)
    installed = install_generation(home, files, now=NOW + DAY)
    loaded = load_generation(home, now=NOW + DAY)
    assert (installed.number, loaded.number) == (2, 2)
    assert loaded.fingerprint == installed.fingerprint != old.fingerprint
    assert loaded.signing_key.key_id == old.signing_key.key_id
    assert (home / "certs" / "gen" / "1" / "gateway.key").exists()


def test_refused_generation_leaves_the_old_one(home: Path) -> None:
    """What would fail is not written, and the old generation stays current."""
    before = load_generation(home, now=NOW)
    with pytest.raises(KeystoreBroken):
        install_generation(home, GOOD | {"gateway.key": OTHER["gateway.key"]}, now=NOW)
    assert load_generation(home, now=NOW).fingerprint == before.fingerprint
    assert [path.name for path in (home / "certs" / "gen").iterdir()] == ["1"]


def test_half_written_generation_is_stepped_over(home: Path) -> None:
    """A folder and a link that a crash left do not disturb the next install."""
    (home / "certs" / "gen" / "2").mkdir()
    (home / "certs" / "current.new").symlink_to("gen/2")
    assert load_generation(home, now=NOW).number == 1
    files = issue_generation(load_authority(home), SIGNING_KEY, now=NOW, random=os.urandom)
    assert install_generation(home, files, now=NOW).number == 3
    assert load_generation(home, now=NOW).number == 3


def test_node_runs_without_its_offline_keys(home: Path) -> None:
    """With the offline folder moved away the node loads; what needs it says what to bring back."""
    (home / "certs" / "offline").rename(home / "medium")
    assert load_generation(home, now=NOW).number == 1
    for load in (load_authority, load_bundle_key):
        with pytest.raises(KeystoreBroken) as refused:
            load(home)
        assert refused.value.reason is Reason.OFFLINE_KEY_ABSENT


def test_damaged_offline_authority_is_refused(home: Path) -> None:
    """An authority's certificate that is torn is told with its path."""
    path = home / "certs" / "offline" / "ca.pem"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(KeystoreBroken, match=r"ca\.pem"):
        load_authority(home)


def test_bundle_of_a_generation_is_taken(home: Path) -> None:
    """A fresh city exports a bundle that a partner takes, under the offline key's fingerprint."""
    generation = load_generation(home, now=NOW)
    bundle = generation.bundle(version=1, previous=None, endpoint="127.0.0.1:7320", created_at=NOW)
    bundle_key = load_bundle_key(home)
    signed = parse_bundle(bundle_to_bytes(bundle, bundle_key), now=NOW)
    assert signed.fingerprint == bundle_key.public.fingerprint
    assert signed.bundle.roots == generation.own_roots
    assert signed.bundle.signing_key(generation.signing_key.key_id) == generation.signing_key.public


@pytest.mark.parametrize("role", ["gateway", "system", "operator"])
def test_generation_of_several_authorities(role: Role) -> None:
    """During a rollover the roots hold two authorities, and leaves of either are good."""
    old: Authority = authority_of(NANTONG)
    files = dict(GOOD)
    files["ca.pem"] += old.certificate_pem()
    others = issue_generation(old, SIGNING_KEY, now=NOW, random=os.urandom)
    files |= {f"{role}.{kind}": others[f"{role}.{kind}"] for kind in ("pem", "key")}
    generation: Generation = verify_generation(files, number=1, now=NOW)
    assert generation.own_roots == (OURS.certificate, old.certificate)
