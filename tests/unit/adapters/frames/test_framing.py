"""Marks, escapes and checksums of both protocols."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.frames.errors import FrameRefused
from adapters.frames.framing import JTT808, JTT809, Framing, bcd_bytes, bcd_digits, crc16

both = pytest.mark.parametrize("framing", [JTT808, JTT809], ids=["808", "809"])
SPECIAL = st.lists(st.sampled_from(b"\x7e\x7d\x5a\x5b\x5d\x5e\x01\x02\x00\x41"), max_size=40).map(bytes)


@both
@given(content=st.binary(max_size=200) | SPECIAL)
def test_what_is_wrapped_is_unwrapped(framing: Framing, content: bytes) -> None:
    """And no mark stands inside."""
    frame = framing.wrap(content)
    assert not {framing.first[0], framing.last[0]} & set(frame[1:-1])
    assert framing.unwrap(frame) == content


@both
@given(inside=st.binary(max_size=200) | SPECIAL)
def test_any_bytes_are_read_in_one_way_or_refused(framing: Framing, inside: bytes) -> None:
    """What is read is written as it was."""
    frame = framing.first + inside + framing.last
    try:
        content = framing.unwrap(frame)
    except FrameRefused:
        return
    assert framing.wrap(content) == frame


@pytest.mark.parametrize(
    ("framing", "written"),
    [(JTT808, "7d02 7d01 5b 5a"), (JTT809, "7e 7d 5a01 5a02")],
    ids=["808", "809"],
)
def test_the_published_escapes(framing: Framing, written: str) -> None:
    """7E and 7D there; 5B, 5A, 5D and 5E here."""
    assert framing.wrap(bytes.fromhex("7e7d5b5a"))[1:-1] == bytes.fromhex(written.replace(" ", ""))
    assert JTT809.wrap(bytes.fromhex("5d5e"))[1:-1] == bytes.fromhex("5e015e02")


@both
def test_marks_and_lengths(framing: Framing) -> None:
    """Nothing, one mark alone, another mark, more than a frame may have."""
    for frame in (b"", framing.first, b"\x00" + framing.last, framing.first + b"\x00"):
        with pytest.raises(FrameRefused, match=r"frame\.marks"):
            framing.unwrap(frame)
    with pytest.raises(FrameRefused, match=r"frame\.too_long"):
        framing.unwrap(framing.first + bytes(framing.frame_bytes_max) + framing.last)


def test_the_checksum_of_jtt_809() -> None:
    """CRC-16/CCITT-FALSE of "123456789" is 0x29B1, its published check value."""
    assert crc16(b"123456789") == 0x29B1


def test_bcd() -> None:
    """Two digits in a byte; a half byte above 9 is none."""
    assert bcd_digits(bcd_bytes("013912344329", 6)) == "013912344329"
    for wrong in ("01391234432", "01391234432X", "０13912344329"):
        with pytest.raises(FrameRefused, match=r"frame\.bcd"):
            bcd_bytes(wrong, 6)
    with pytest.raises(FrameRefused, match=r"frame\.bcd"):
        bcd_digits(b"\x1a")
