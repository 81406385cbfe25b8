"""JT/T 978: transactions and trips of a card, and any bytes at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.frames import FrameRefused
from adapters.frames.jtt978 import RIDE_BYTES, CardTransaction, Ride, Trip, decode_ride, decode_transaction, decode_trip

LOCAL_TIME = timezone(timedelta(hours=8))
RIDE = CardTransaction(128, 0, 200, 6, "306000000012", datetime(2026, 3, 14, 7, 45, 12, tzinfo=LOCAL_TIME))
EXIT = Trip(4, "2900000000001234", 1, "02000000000217", 400, 3560, RIDE.time, "2900", "0000000031047700")

LEFT = replace(RIDE, kind=9, amount_fen=400)

U8, U16, U32 = st.integers(0, 0xFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31, 23, 59, 59)).map(
    lambda time: time.replace(microsecond=0, tzinfo=LOCAL_TIME)
)


def digits(count: int) -> st.SearchStrategy[str]:
    """Numbers with leading zeros."""
    return st.text("0123456789", min_size=count, max_size=count)


TRANSACTIONS = st.builds(CardTransaction, U16, st.integers(0, 0xFFFFFF), U32, U8, digits(12), TIMES)
TRIPS = st.builds(
    Trip, U8, digits(16), U8, digits(14), U32, U32, TIMES, digits(4), digits(16), st.binary(min_size=6, max_size=6)
)


def test_the_fields_lie_where_they_should() -> None:
    """Count, limit, amount, kind, terminal, time; every number with the high byte first."""
    transaction = ["0080", "000000", "000000c8", "06", "306000000012", "20260314074512"]
    trip = ["04", EXIT.terminal, "01", EXIT.place, "00000190", "00000de8", "20260314074512", "2900", EXIT.acquirer]
    assert RIDE.encode() == bytes.fromhex("".join(transaction))
    assert EXIT.encode() == bytes.fromhex("".join([*trip, "000000000000"]))
    assert (len(RIDE.encode()), len(EXIT.encode())) == (23, 48)


@given(transaction=TRANSACTIONS)
def test_transactions_round_trip(transaction: CardTransaction) -> None:
    """Whatever can be said is read as it was said."""
    assert decode_transaction(transaction.encode()) == transaction


@given(trip=TRIPS)
def test_trips_round_trip(trip: Trip) -> None:
    """With the bytes that nobody named."""
    assert decode_trip(trip.encode()) == trip


def test_a_transaction_and_its_trip_are_one_ride() -> None:
    """A compound transaction is an exit to its trip; any other kind is the same in both."""
    ride = Ride(LEFT, EXIT)
    assert len(ride.encode()) == RIDE_BYTES == 71
    assert decode_ride(ride.encode()) == ride
    single = Ride(RIDE, replace(EXIT, kind=6, amount_fen=200))
    assert decode_ride(single.encode()) == single


@pytest.mark.parametrize(
    "trip",
    [
        replace(EXIT, kind=2),
        replace(EXIT, amount_fen=401),
        replace(EXIT, time=EXIT.time + timedelta(seconds=1)),
    ],
)
def test_a_trip_of_another_transaction_is_no_ride(trip: Trip) -> None:
    """By kind, amount or time: nobody guesses to which transaction it belongs."""
    for refuse in (lambda: decode_ride(LEFT.encode() + trip.encode()), Ride(LEFT, trip).encode):
        with pytest.raises(FrameRefused) as refused:
            refuse()
        assert refused.value.rule_id == "frame.pair"


@pytest.mark.parametrize(
    ("decode", "right"),
    [(decode_transaction, RIDE.encode()), (decode_trip, EXIT.encode()), (decode_ride, Ride(LEFT, EXIT).encode())],
)
@given(data=st.data())
def test_any_bytes_are_read_in_one_way_or_refused(
    decode: Callable[[bytes], CardTransaction | Trip | Ride], right: bytes, data: st.DataObject
) -> None:
    """Of the right length and of others, changed from what is right."""
    size = len(right)
    record = bytearray(data.draw(st.just(right) | st.binary(max_size=80) | st.binary(min_size=size, max_size=size)))
    for _ in range(data.draw(st.integers(0, 3))):
        if record:
            record[data.draw(st.integers(0, len(record) - 1))] = data.draw(U8)
    try:
        read = decode(bytes(record))
    except FrameRefused:
        return
    assert read.encode() == bytes(record)


@pytest.mark.parametrize(
    ("record", "rule"),
    [
        (replace(RIDE, sequence=65_536), "frame.range"),
        (replace(RIDE, overdraft_fen=1 << 24), "frame.range"),
        (replace(RIDE, terminal="30600000001A"), "frame.bcd"),
        (replace(RIDE, time=RIDE.time.replace(year=2100)), "frame.date"),
        (replace(EXIT, amount_fen=-1), "frame.range"),
        (replace(EXIT, city="290"), "frame.bcd"),
        (replace(EXIT, reserved=bytes(5)), "frame.length"),
    ],
)
def test_what_no_record_can_say(record: CardTransaction | Trip, rule: str) -> None:
    """Is refused and never cut."""
    with pytest.raises(FrameRefused) as refused:
        record.encode()
    assert refused.value.rule_id == rule
