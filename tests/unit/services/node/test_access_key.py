from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest

from services.node.access_key import AccessKeyBroken, access_key


def test_the_secret_is_made_once_and_stays(tmp_path: Path) -> None:
    """32 random bytes, their owner's alone; the same subject keeps its pseudonym."""
    path = tmp_path / "access.key"
    first = access_key(path).pseudonym(["3206"])
    assert (len(path.read_bytes()), path.stat().st_mode & 0o777) == (32, 0o600)
    assert access_key(path).pseudonym(["3206"]) == first
    assert access_key(tmp_path / "other.key").pseudonym(["3206"]) != first
    assert [one.name for one in tmp_path.glob("*.part")] == []


def test_the_pseudonym_is_the_documented_hash(tmp_path: Path) -> None:
    """HMAC-SHA-256 over the tag and the texts, each after its length, so that no two subjects share one."""
    key = access_key(tmp_path / "access.key")
    preimage = b"yrdx-access-v1\x00\x00\x00\x01a\x00\x00\x00\x02bc"
    secret = (tmp_path / "access.key").read_bytes()
    assert key.pseudonym(["a", "bc"]) == hmac.new(secret, preimage, hashlib.sha256).digest()
    assert key.pseudonym(["ab", "c"]) != key.pseudonym(["a", "bc"])


def test_a_secret_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    """It is never made anew over what is left of it: nobody would be found in the log any more."""
    path = tmp_path / "access.key"
    path.write_bytes(b"half")
    with pytest.raises(AccessKeyBroken, match=r"access\.key"):
        access_key(path)
    assert path.read_bytes() == b"half"
