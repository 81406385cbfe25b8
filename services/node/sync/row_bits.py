"""A set of row numbers: one bit a row, so that a million of them take an eighth of a megabyte."""

from __future__ import annotations


class RowBits:
    """Numbers of rows, from 1."""

    def __init__(self) -> None:
        self._bits = bytearray()
        self.count = 0

    def add(self, row: int) -> None:
        """Add a row."""
        place, bit = row >> 3, 1 << (row & 7)
        if place >= len(self._bits):
            self._bits.extend(bytes(place + 1 - len(self._bits) + len(self._bits) // 2))
        if not self._bits[place] & bit:
            self._bits[place] |= bit
            self.count += 1

    def beside(self, other: RowBits) -> int:
        """Return how many of its rows another set does not have."""
        mine, its = (int.from_bytes(one._bits, "little") for one in (self, other))
        return (mine & ~its).bit_count()

    def __contains__(self, row: int) -> bool:
        """Say whether a row was added."""
        place = row >> 3
        return place < len(self._bits) and bool(self._bits[place] & (1 << (row & 7)))
