"""The two digests of the protocol."""

from __future__ import annotations

import pytest

from certs.digests import DIGESTS

# SHA-256: NIST, "SHA-256 example" (FIPS 180-4 test vectors). SM3: GB/T 32905-2016 annex A, examples 1 and 2.
PUBLISHED = [
    ("SHA256", b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ("SHA256", b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("SM3", b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
    ("SM3", b"abcd" * 16, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
]


@pytest.mark.parametrize(("name", "data", "expected"), PUBLISHED)
def test_digests_give_the_published_values(name: str, data: bytes, expected: str) -> None:
    """Each algorithm gives the values its standard prints."""
    assert DIGESTS[name](data).hex() == expected


def test_every_digest_has_32_bytes() -> None:
    """Leaves, roots and hashes have one size whatever the algorithm."""
    assert {name: len(digest(b"x")) for name, digest in DIGESTS.items()} == {"SHA256": 32, "SM3": 32}
