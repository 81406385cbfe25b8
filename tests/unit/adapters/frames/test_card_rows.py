"""From a card's records to taps, in both cities, through both mappings."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from adapters.frames.card_rows import LOCAL, SHANGHAI, Card, tap_cells, tap_rows, tap_table
from adapters.frames.jtt978 import ENTRY, EXIT, SINGLE, TOP_UP, CardTransaction, Ride, Trip
from adapters.mapping import load_mapping
from yrdx.transport.v1 import tap_pb2

WHEN = datetime(2026, 3, 14, 7, 45, 12, tzinfo=timezone(timedelta(hours=8)))
PAID = CardTransaction(128, 0, 360, 9, "290000001234", WHEN)
TRIP = Trip(EXIT, "2900000000001234", 1, "02000000000217", 360, 3560, WHEN, "2900", "0000000031047700")
LEFT = Ride(PAID, TRIP)
CELLS = {
    "local": ("3104830400000000017", "31048304", "普通", "20260315", "2026031501"),
    "shanghai": ("3104830400000000017", "31048304", "01", "2026-03-15", "B20260315"),
}
TABLES = {"local": LOCAL, "shanghai": SHANGHAI}


def card(dialect: str, concession_fen: int = 40) -> Card:
    """An invented card."""
    return Card(dict(zip(TABLES[dialect].unsaid, CELLS[dialect], strict=True)), concession_fen)


def ride(kind: int, amount_fen: int = 360, place: str = TRIP.place, sequence: int = 128) -> Ride:
    """A ride of another kind."""
    paid = replace(PAID, kind=9 if kind in (ENTRY, EXIT) else kind, amount_fen=amount_fen, sequence=sequence)
    return Ride(paid, replace(TRIP, kind=kind, amount_fen=amount_fen, place=place))


def tap(dialect: str, one: Ride) -> Any:
    """The standard's record of a ride; nothing in its row has to be mended."""
    mapping = load_mapping(dialect, "transport.tap")
    (cells,) = tap_rows(one.encode(), TABLES[dialect], card(dialect))
    assert cells.keys() <= set(mapping.columns)
    record, notes = mapping.to_standard([cells.get(column, "") for column in mapping.columns])
    assert set(notes) <= {"missing_word"}
    return record


@pytest.mark.parametrize("dialect", TABLES)
def test_a_ride_is_a_tap(dialect: str) -> None:
    """Count, terminal and instant of the records; card and settlement as they were said; the fare is the sum."""
    record = tap(dialect, LEFT)
    assert (record.card_number, record.card_issuer_code, record.card_sequence) == (CELLS[dialect][0], "31048304", 128)
    assert (record.kind, record.mode) == (tap_pb2.TAP_KIND_EXIT, tap_pb2.TRANSPORT_MODE_METRO)
    assert record.tap_time.ToJsonString() == "2026-03-13T23:45:12Z"
    assert (record.city, record.terminal_code, record.source_serial) == (
        "310000",
        "2900000000001234",
        "128-20260314074512",
    )
    assert (record.due_fen, record.concession_fen, record.charged_fen) == (400, 40, 360)
    assert (record.settlement_date, record.batch_number) == ("2026-03-15", CELLS[dialect][-1])


def test_what_one_city_alone_has_a_column_for() -> None:
    """Balance and exit in Shanghai; Nantong's rows leave them out."""
    assert (tap("shanghai", LEFT).balance_fen, tap("shanghai", LEFT).exit_station_code) == (3560, TRIP.place)
    assert not tap("local", LEFT).HasField("balance_fen")
    assert tap("local", LEFT).exit_station_code == tap("local", LEFT).entry_station_code == ""


@pytest.mark.parametrize("dialect", TABLES)
@pytest.mark.parametrize(("kind", "due_fen"), [(TOP_UP, 5_000), (ENTRY, 0), (SINGLE, 240)])
def test_entries_and_top_ups_have_no_concession(dialect: str, kind: int, due_fen: int) -> None:
    """A ride of one fare has."""
    record = tap(dialect, ride(kind, due_fen - 40 if kind == SINGLE else due_fen))
    assert (record.due_fen, record.concession_fen) == (due_fen, 40 if kind == SINGLE else 0)


@pytest.mark.parametrize("dialect", TABLES)
def test_a_place_stands_where_the_ride_began(dialect: str) -> None:
    """Of a top-up it is no station, and zeros are no place."""
    assert tap(dialect, ride(ENTRY, 0)).entry_station_code == TRIP.place
    assert tap(dialect, ride(TOP_UP)).entry_station_code == ""
    assert tap(dialect, ride(SINGLE, place="0" * 14)).entry_station_code == ""


def test_amounts_are_written_as_the_city_does() -> None:
    """Fen, or yuan with two decimals; what is written otherwise is no amount."""
    assert [table.amount_text(305) for table in (LOCAL, SHANGHAI)] == ["305", "3.05"]
    assert [table.amount_fen(text) for table, text in ((LOCAL, "305"), (SHANGHAI, "3.05"))] == [305, 305]
    assert [LOCAL.amount_fen(text) for text in ("", "3.05", "-1", "３")] == [None] * 4
    assert [SHANGHAI.amount_fen(text) for text in ("", "3", "3.5", "-1.00")] == [None] * 4


def test_a_table_is_known_by_its_columns() -> None:
    """No other dataset has them."""
    for dialect, table in TABLES.items():
        assert tap_table(load_mapping(dialect, "transport.tap").columns) is table
        assert tap_table(load_mapping(dialect, "transport.position").columns) is None


def test_whose_a_card_is_stands_in_no_text() -> None:
    """Neither its number nor its settlement."""
    assert "3104830400000000017" not in repr(card("local"))
    assert tap_cells(LEFT, LOCAL, card("local"))["cardNo"] == "3104830400000000017"
