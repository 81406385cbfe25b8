"""What a column remembers is what reading would say again, note for note; and there is an end to it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mapping import NotExpressible, load_mapping, memory
from adapters.mapping.errors import CellRefused
from adapters.mapping.memory import Memory
from tests.unit.adapters.mapping.rows import reader


def read(cell: str, notes: list[str]) -> int:
    """A number: zeros in front and blanks around are noted, anything else is refused."""
    bare = cell.strip()
    if bare != cell:
        notes.append("trim")
    if not bare.isdigit():
        raise CellRefused("count.format")
    if bare != str(int(bare)):
        notes.append("padding")
    return int(bare)


def outcome(cell: str, memory_: Memory | None) -> tuple[object, list[str]]:
    """What a cell becomes, with its notes; or its refusal."""
    notes = ["earlier"]
    try:
        if memory_ is None:
            return read(cell, notes), notes
        kept = memory_.known[cell] if cell in memory_.known else memory_.learn(cell, notes)
    except CellRefused as refused:
        return refused.rule_id, []
    return kept, notes


@given(st.lists(st.text("01 x", min_size=1, max_size=3), max_size=40))
def test_remembered_is_what_reading_says(cells: list[str]) -> None:
    """In any order and however often: the same values, the same notes, the same refusals."""
    memory_ = Memory(read, lambda value: value)
    for cell in cells:
        assert outcome(cell, memory_) == outcome(cell, None)


def test_known_without_a_note_only() -> None:
    """Whoever asks the known cells takes no notes; blanks around cells are without end, so those are not kept."""
    asked: list[str] = []

    def asking(cell: str, notes: list[str]) -> int:
        asked.append(cell)
        return read(cell, notes)

    memory_ = Memory(asking, lambda value: value)
    for cell in ("1", "01", " 1", "1", "01", " 1"):
        outcome(cell, memory_)
    assert list(memory_.known) == ["1"]
    assert asked == ["1", "01", " 1", " 1"]


def test_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells that never come again do not fill the memory, noted or not."""
    monkeypatch.setattr(memory, "REMEMBERED_MAX", 10)
    memory_ = Memory(read, lambda value: value)
    for number in range(100):
        for cell in (str(number), f"0{number}"):
            assert outcome(cell, memory_) == outcome(cell, None)
            assert len(memory_.known) + len(memory_._noted) <= 10


def test_refused_again_in_the_same_words() -> None:
    """A value that cannot be written is no more written after others were: refusals are not remembered as texts."""
    there = load_mapping("shanghai", "social.transfer")
    message = reader("shanghai", "social.transfer")().message
    rows = there.from_standard_rows(message)
    message.paid_months = 1_200
    refusals = []
    for _ in range(2):
        with pytest.raises(NotExpressible) as raised:
            there.from_standard_rows(message)
        refusals.append(str(raised.value))
    assert refusals[0] == refusals[1]
    assert "paid_months" in refusals[0]
    message.paid_months = reader("shanghai", "social.transfer")().message.paid_months
    assert there.from_standard_rows(message) == rows
