from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.errors import KeystoreBroken, Reason
from certs.sealing import is_sealed, open_key, seal_key, sealed
from certs.signing import SigningKey
from tests.unit.certs.forgery import NANTONG, authority_of

KEY = SigningKey.generate().to_pem()


@settings(max_examples=10, deadline=None)
@given(st.binary(min_size=1, max_size=100))
def test_a_sealed_key_opens_with_its_passphrase_alone(passphrase: bytes) -> None:
    """Any passphrase, also one that is no text."""
    sealed_pem = seal_key(KEY, passphrase, random=os.urandom)
    assert is_sealed(sealed_pem)
    assert open_key(sealed_pem, passphrase) == KEY
    with pytest.raises(KeystoreBroken) as refused:
        open_key(sealed_pem, passphrase + b"x")
    assert refused.value.reason is Reason.KEY_UNOPENED


def test_every_kind_of_key_is_sealed() -> None:
    """Elliptic curves too, and the same key never looks the same twice."""
    key = authority_of(NANTONG).key_pem()
    first, second = (seal_key(key, b"pass", random=os.urandom) for _ in range(2))
    assert first != second
    assert open_key(first, b"pass") == open_key(second, b"pass") == key


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on this machine")
def test_openssl_reads_what_we_seal() -> None:
    """The envelope is the standard's, not ours: another program opens it with scrypt's parameters."""
    done = subprocess.run(
        ["openssl", "asn1parse", "-in", "/dev/stdin"],
        input=seal_key(KEY, b"pass", random=os.urandom),
        capture_output=True,
        check=False,
    )
    assert b"scrypt" in done.stdout
    opened = subprocess.run(
        ["openssl", "pkey", "-in", "/dev/stdin", "-passin", "pass:pass"],
        input=seal_key(KEY, b"pass", random=os.urandom),
        capture_output=True,
        check=False,
    )
    assert opened.stdout == KEY


def test_without_a_passphrase_keys_stay_as_they_are() -> None:
    """A key on disk without a passphrase is plain; a sealed one without it is told as such."""
    assert sealed(KEY, None) == KEY == open_key(KEY, None) == open_key(KEY, b"pass")
    with pytest.raises(KeystoreBroken, match="passphrase_file") as refused:
        open_key(seal_key(KEY, b"pass", random=os.urandom), None)
    assert refused.value.reason is Reason.KEY_SEALED


def test_a_torn_sealed_key_is_no_sealed_key() -> None:
    """Cut short it is neither opened nor taken for a plain one later."""
    torn = seal_key(KEY, b"pass", random=os.urandom)[:-20]
    assert not is_sealed(torn)
    with pytest.raises(KeystoreBroken):
        SigningKey.from_pem(open_key(torn, b"pass"))


def test_nobody_seals_with_nothing() -> None:
    """An empty passphrase would only look like protection."""
    with pytest.raises(ValueError, match="passphrase"):
        seal_key(KEY, b"", random=os.urandom)
