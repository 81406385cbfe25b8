"""A card's records of JT/T 978 → the cells of transport.tap in either dialect.

A record does not say whose it is, nor anything of settlement: both are said beside it (``Card``). The amount is what
was charged; how much of the fare was a concession is said of the card too, and the full fare is the two together, as
the standard has it. Unconfirmed: where line and station are divided, so that the place is one code, of the station.
Of a compound trip it may be either station, and is left out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta, timezone
from typing import Final, NamedTuple

from adapters.frames.jtt978 import ENTRY, EXIT, SINGLE, TOP_UP, Ride, decode_ride

_LOCAL_TIME: Final = timezone(timedelta(hours=8))
_NO_PLACE: Final = "0" * 14


@dataclass(frozen=True, slots=True)
class Card:
    """What the records of a card do not say.

    Attributes:
        cells: Its number, issuer and class, day and batch of settlement, by column.
        concession_fen: Granted on each of its fares, fen; entries and top-ups have none.
    """

    cells: Mapping[str, str] = field(repr=False)
    concession_fen: int


class TapTable(NamedTuple):
    """How a dialect names what a card's records say, and what they do not.

    Attributes:
        unsaid: Columns of ``Card.cells``.
        serial: The source's serial, here the card's count and the time.
        sequence: The card's count of transactions.
        kind: Of the transaction.
        mode: Of transport.
        time: When.
        written: How times are written.
        city: By GB/T 13497.
        terminal: As the trip has it, 16 digits.
        due: Full fare.
        concession: What was granted of it.
        charged: What was charged.
        decimals: Of amounts: 0 where they are fen, 2 where they are yuan.
        places: By the kind of a trip, where its place stands: a station of entry or of exit.
        balance: Of the card afterwards; empty where there is no such column.
    """

    unsaid: tuple[str, ...]
    serial: str
    sequence: str
    kind: str
    mode: str
    time: str
    written: str
    city: str
    terminal: str
    due: str
    concession: str
    charged: str
    decimals: int
    places: Mapping[int, str]
    balance: str = ""

    @property
    def card_columns(self) -> tuple[str, ...]:
        """What has to be said of a card."""
        return (*self.unsaid, self.concession)

    def amount_text(self, fen: int) -> str:
        """Write an amount as the dialect does."""
        return f"{fen // 100}.{fen % 100:02}" if self.decimals else str(fen)

    def amount_fen(self, text: str) -> int | None:
        """Read an amount as the dialect writes it; None where it is none."""
        written = r"[0-9]{1,8}\.[0-9]{2}" if self.decimals else r"[0-9]{1,10}"
        return int(text.replace(".", "")) if re.fullmatch(written, text) else None


LOCAL: Final = TapTable(
    unsaid=("cardNo", "cardIssueCode", "cardCategory", "settleDate", "batchNo"),
    serial="uploadSequence",
    sequence="cardSequence",
    kind="tradeCode",
    mode="tradeMode",
    time="transactTime",
    written="%Y%m%d%H%M%S",
    city="cityCode",
    terminal="psamTerminalCode",
    due="ogiginalAmount",
    concession="concessionAmount",
    charged="transactAmount",
    decimals=0,
    places={ENTRY: "getonStationNo", SINGLE: "getonStationNo"},
)
"""Nantong's settlement rows: neither the exit nor the balance has a column."""
SHANGHAI: Final = TapTable(
    unsaid=("kh", "fkjg", "klb", "qsrq", "qspc"),
    serial="lsh",
    sequence="jyxh",
    kind="jylx",
    mode="jtfs",
    time="jysj",
    written="%Y-%m-%d %H:%M:%S",
    city="csdm",
    terminal="zdbh",
    due="ysje",
    concession="yhje",
    charged="ssje",
    decimals=2,
    places={ENTRY: "jzdm", SINGLE: "jzdm", EXIT: "czdm"},
    balance="kye",
)
"""Shanghai's transactions."""


def tap_table(columns: Collection[str]) -> TapTable | None:
    """Return the table that has its names among some columns; None where none has."""
    return next((table for table in (LOCAL, SHANGHAI) if set(table.card_columns) <= set(columns)), None)


def tap_rows(record: bytes, table: TapTable, card: Card) -> list[dict[str, str]]:
    """Turn the bytes of a transaction and its trip into the one row that they are.

    Raises:
        FrameRefused: As ``decode_ride``.
    """
    return [tap_cells(decode_ride(record), table, card)]


def tap_cells(ride: Ride, table: TapTable, card: Card) -> dict[str, str]:
    """Turn a transaction and its trip into the cells that they say; the other columns say nothing."""
    trip, sequence = ride.trip, ride.transaction.sequence
    time = trip.time.astimezone(_LOCAL_TIME)
    concession_fen = 0 if trip.kind in (TOP_UP, ENTRY) else card.concession_fen
    cells = {
        **card.cells,
        table.serial: f"{sequence}-{time:%Y%m%d%H%M%S}",
        table.sequence: str(sequence),
        table.kind: f"{trip.kind:02}",
        table.mode: f"{trip.mode:02}",
        table.time: time.strftime(table.written),
        table.city: trip.city,
        table.terminal: trip.terminal,
        table.due: table.amount_text(trip.amount_fen + concession_fen),
        table.concession: table.amount_text(concession_fen),
        table.charged: table.amount_text(trip.amount_fen),
    }
    if trip.kind in table.places and trip.place != _NO_PLACE:
        cells[table.places[trip.kind]] = trip.place
    return cells | ({table.balance: table.amount_text(trip.balance_fen)} if table.balance else {})
