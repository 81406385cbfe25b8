"""JT/T 978: what a transit card keeps of its last transactions, fixed records without marks or checksum.

Source: lengths and fields as public decoders read them. Unconfirmed: that bytes 2 to 4 of a transaction limit the
overdraft, and that the six bytes of a trip that nobody named are its last; they are kept as they are. Unconfirmed too:
that a compound transaction is an entry or an exit to its trip.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final

from adapters.frames.errors import FrameRefused
from adapters.frames.framing import bcd_bytes, bcd_digits

_LOCAL_TIME: Final = timezone(timedelta(hours=8))
_TRANSACTION: Final = struct.Struct(">H3sIB6s7s")
_TRIP: Final = struct.Struct(">B8sB7sII7s2s8s6s")
RIDE_BYTES: Final = _TRANSACTION.size + _TRIP.size
"""Length of a transaction with its trip."""
TOP_UP, ENTRY, EXIT, SINGLE, COMPOUND = 2, 3, 4, 6, 9
"""Kinds of a record; a transaction is no entry and no exit."""


@dataclass(frozen=True, slots=True)
class CardTransaction:
    """One transaction of the purse, 23 bytes.

    Attributes:
        sequence: The card's count of transactions, u16.
        overdraft_fen: Limit of overdraft, u24, fen.
        amount_fen: Amount, u32, fen.
        kind: 2 充值, 6 单次, 9 复合; by its number.
        terminal: Number of the terminal, 12 digits.
        time: When, with its zone; whole seconds. On the card it is local time, UTC+8, in BCD.
    """

    sequence: int
    overdraft_fen: int
    amount_fen: int
    kind: int
    terminal: str
    time: datetime

    def encode(self) -> bytes:
        """Write the record.

        Raises:
            FrameRefused: Something does not fit its field.
        """
        try:
            overdraft = self.overdraft_fen.to_bytes(3, "big")
            terminal, time = bcd_bytes(self.terminal, 6), _time_bytes(self.time)
            return _TRANSACTION.pack(self.sequence, overdraft, self.amount_fen, self.kind, terminal, time)
        except (struct.error, OverflowError):
            raise FrameRefused("frame.range") from None


def decode_transaction(record: bytes) -> CardTransaction:
    """Read one transaction.

    Raises:
        FrameRefused: It has not 23 bytes, holds what is no digit, or a time that does not exist.
    """
    if len(record) != _TRANSACTION.size:
        raise FrameRefused("frame.length")
    sequence, overdraft, amount, kind, terminal, time = _TRANSACTION.unpack(record)
    return CardTransaction(
        sequence, int.from_bytes(overdraft, "big"), amount, kind, bcd_digits(terminal), _time(time)
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trip:
    """One trip, 48 bytes.

    Attributes:
        kind: 2 充值, 3 进站, 4 出站, 6 单次, 9 复合; by its number.
        terminal: Number of the terminal, 16 digits.
        mode: 1 地铁, 2 公交; by its number.
        place: Line and station together, 14 digits; how they are divided is the operator's own.
        amount_fen: Amount, u32, fen.
        balance_fen: The card's balance afterwards, u32, fen.
        time: When, with its zone; whole seconds. On the card it is local time, UTC+8, in BCD.
        city: GB/T 13497, four digits, "2900".
        acquirer: Who cleared it, 16 digits.
        reserved: Six bytes that nobody named.
    """

    kind: int
    terminal: str
    mode: int
    place: str
    amount_fen: int
    balance_fen: int
    time: datetime
    city: str
    acquirer: str
    reserved: bytes = bytes(6)

    def encode(self) -> bytes:
        """Write the record.

        Raises:
            FrameRefused: Something does not fit its field.
        """
        if len(self.reserved) != 6:
            raise FrameRefused("frame.length")
        terminal, place, city = bcd_bytes(self.terminal, 8), bcd_bytes(self.place, 7), bcd_bytes(self.city, 2)
        sums, time, acquirer = (self.amount_fen, self.balance_fen), _time_bytes(self.time), bcd_bytes(self.acquirer, 8)
        try:
            return _TRIP.pack(self.kind, terminal, self.mode, place, *sums, time, city, acquirer, self.reserved)
        except struct.error:
            raise FrameRefused("frame.range") from None


def decode_trip(record: bytes) -> Trip:
    """Read one trip.

    Raises:
        FrameRefused: It has not 48 bytes, holds what is no digit, or a time that does not exist.
    """
    if len(record) != _TRIP.size:
        raise FrameRefused("frame.length")
    kind, terminal, mode, place, amount, balance, time, city, acquirer, reserved = _TRIP.unpack(record)
    return Trip(
        kind, bcd_digits(terminal), mode, bcd_digits(place), amount, balance, _time(time), bcd_digits(city),
        bcd_digits(acquirer), reserved,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ride:
    """A transaction and the trip behind it, 71 bytes: the one has the card's count, the other place, mode and balance.

    Attributes:
        transaction: What the purse says.
        trip: What it was for.
    """

    transaction: CardTransaction
    trip: Trip

    def encode(self) -> bytes:
        """Write both records, one after the other.

        Raises:
            FrameRefused: They are not of the same ride, or something does not fit its field.
        """
        _verify_pair(self)
        return self.transaction.encode() + self.trip.encode()


def decode_ride(record: bytes) -> Ride:
    """Read a transaction and the trip behind it.

    Raises:
        FrameRefused: As ``decode_transaction`` and ``decode_trip``; it has not 71 bytes; or its records differ in kind,
            time or amount.
    """
    if len(record) != RIDE_BYTES:
        raise FrameRefused("frame.length")
    ride = Ride(decode_transaction(record[: _TRANSACTION.size]), decode_trip(record[_TRANSACTION.size :]))
    _verify_pair(ride)
    return ride


def _verify_pair(ride: Ride) -> None:
    paid, trip = ride.transaction, ride.trip
    kinds = (ENTRY, EXIT, COMPOUND) if paid.kind == COMPOUND else (paid.kind,)
    if trip.kind not in kinds or (paid.time, paid.amount_fen) != (trip.time, trip.amount_fen):
        raise FrameRefused("frame.pair")


def _time(content: bytes) -> datetime:
    digits = bcd_digits(content)
    try:
        year, *rest = int(digits[:4]), *(int(digits[at : at + 2]) for at in range(4, 14, 2))
        month, day, hour, minute, second = rest
        return _of_this_century(datetime(year, month, day, hour, minute, second, tzinfo=_LOCAL_TIME))
    except ValueError:
        raise FrameRefused("frame.date") from None


def _time_bytes(time: datetime) -> bytes:
    return bytes.fromhex(f"{_of_this_century(time.astimezone(_LOCAL_TIME)):%Y%m%d%H%M%S}")


def _of_this_century(local: datetime) -> datetime:
    if not 2000 <= local.year <= 2099 or local.microsecond:
        raise FrameRefused("frame.date")
    return local
