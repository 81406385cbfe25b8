"""Streams of bytes become frames wherever they are cut, and what is broken never costs the frame behind it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.frames import FrameRefused, jtt808, jtt809
from adapters.frames.framing import JTT808, JTT809, Framing
from adapters.frames.stream import RawFrame, frames_in, records_in

FRAMES = {
    "JT/T 808": (JTT808, [jtt808.Frame(2, "013900000001", turn, b"\x7e\x7d" * turn).encode() for turn in range(3)]),
    "JT/T 809": (JTT809, [jtt809.Frame(0x1005, turn, 1, (1, 0, 0), b"[]Z^" * turn).encode() for turn in range(3)]),
}
every_protocol = pytest.mark.parametrize(("framing", "frames"), FRAMES.values(), ids=FRAMES)


def pieces(content: bytes, size: int) -> Iterator[bytes]:
    """A stream that comes in pieces."""
    return (content[at : at + size] for at in range(0, len(content), size))


@every_protocol
@given(data=st.data())
def test_cut_anywhere(framing: Framing, frames: list[bytes], data: st.DataObject) -> None:
    """However a stream comes in, its frames are those that were sent, each at its offset."""
    sent = data.draw(st.lists(st.sampled_from(frames), max_size=6))
    found = list(frames_in(pieces(b"".join(sent), data.draw(st.integers(1, 40))), framing))
    assert [one.content for one in found] == sent
    assert [one.offset for one in found] == [sum(map(len, sent[:turn])) for turn in range(len(sent))]


@every_protocol
@given(content=st.binary(max_size=200), size=st.integers(1, 50))
def test_any_bytes(framing: Framing, frames: list[bytes], content: bytes, size: int) -> None:
    """No bytes crash it, every one but marks stands in what is handed over, and a frame behind them is found."""
    found = [one.content for one in frames_in(pieces(content + framing.last + frames[2], size), framing)]
    assert found[-1] == frames[2]
    marks = framing.first + framing.last
    assert b"".join(found[:-1]).translate(None, marks) == content.translate(None, marks)


@every_protocol
def test_a_lost_mark(framing: Framing, frames: list[bytes]) -> None:
    """A frame without its last mark is one bad frame at most: the next one is whole."""
    first, second, third = frames
    found = [one.content for one in frames_in([first[:-1] + second + third], framing)]
    assert len(found) == 3
    assert found[1:] == [second, third]


@every_protocol
def test_memory_is_bounded(framing: Framing, frames: list[bytes]) -> None:
    """A mark that never ends keeps no more than the longest frame, and is refused for its length."""
    endless = (b"\x00" * 10_000 for _ in range(100))
    opened, last = frames_in([framing.first, *endless, framing.last, frames[0]], framing)
    assert len(opened.content) <= framing.frame_bytes_max + 3
    assert last.content == frames[0]
    with pytest.raises(FrameRefused) as refused:
        framing.unwrap(opened.content)
    assert refused.value.rule_id == "frame.too_long"


@given(content=st.binary(max_size=40), size=st.integers(1, 9), record_bytes=st.integers(1, 12))
def test_records_of_one_length_lie_where_they_lie(content: bytes, size: int, record_bytes: int) -> None:
    """However the stream is cut; the last one may be short."""
    cut = [content[start : start + size] for start in range(0, len(content), size)]
    expected = [
        RawFrame(start, content[start : start + record_bytes]) for start in range(0, len(content), record_bytes)
    ]
    assert list(records_in(cut, record_bytes)) == expected
