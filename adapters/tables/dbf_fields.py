"""DBF: the header, and what the bytes of each kind of field say.

dBASE III to Visual FoxPro, the tables alone: memo fields live in files beside and are refused by name. A reader of our
own: docs/decisions/0008.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Final, TypeAlias

from adapters.tables.errors import FileRefused
from adapters.tables.rows import Cell, CellWrong, verify_precise

_HEADER: Final = struct.Struct("<B3xIHH20x")
_FIELD: Final = struct.Struct("<11scIBBB13x")
_FIELDS_END: Final = b"\r"
_SYSTEM, _NULLABLE = 0x01, 0x02
_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)\Z", re.ASCII)
_JULIAN_DAY_OF_ORDINAL_0: Final = 1_721_425

Reader: TypeAlias = Callable[[bytes], Cell]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the records.

    Attributes:
        name: As the file writes it.
        place: Its bytes within a record.
        read: Reads them; raises CellWrong.
        null_bit: Its bit among the null flags; None where it cannot be null.
    """

    name: str
    place: slice
    read: Reader
    null_bit: int | None


@dataclass(frozen=True, slots=True)
class Header:
    """What the file says about itself.

    Attributes:
        records: How many records stand in it.
        size_bytes: Of the header; the first record follows.
        record_bytes: Of each record, with the deletion mark.
        fields: In the order of the file, without the system's.
        nulls: Place of the null flags within a record; None where there are none.
    """

    records: int
    size_bytes: int
    record_bytes: int
    fields: tuple[Field, ...]
    nulls: slice | None


def header_sizes(start: bytes, name: str) -> tuple[int, int, int]:
    """Read the first 32 bytes.

    Returns:
        Records, size of the header, size of a record.

    Raises:
        FileRefused: They are no header of a DBF.
    """
    if len(start) < _HEADER.size:
        raise FileRefused(name, "dbf.header" if start else "file.empty")
    _, records, size_bytes, record_bytes = _HEADER.unpack(start)
    if size_bytes <= _HEADER.size + _FIELD.size or record_bytes < 2:
        raise FileRefused(name, "dbf.header")
    return records, size_bytes, record_bytes


def read_header(content: bytes, name: str, encoding: str) -> Header:
    """Read a whole header.

    Args:
        content: The header's bytes.
        name: The file's name in messages.
        encoding: Of text in fields and of fields' names.

    Raises:
        FileRefused: It is damaged, or a field is of a type that is not read.
    """
    records, size_bytes, record_bytes = header_sizes(content[: _HEADER.size], name)
    fields, nulls, end, bit = [], None, 1, 0
    for entry in _field_entries(content, name):
        raw_name, kind, _, length, decimals, flags = _FIELD.unpack(entry)
        if kind == b"C":  # Clipper keeps the upper byte of a long text's length where decimals would be
            length |= decimals << 8
        place = slice(end, end + length)
        end += length
        if flags & _SYSTEM:
            nulls = place
            continue
        null_bit = bit if flags & _NULLABLE else None
        bit += null_bit is not None
        field_name = _field_name(raw_name, name, encoding)
        read = _reader(kind, length, decimals, encoding)
        if read is None:
            raise FileRefused(name, "dbf.type", column=field_name, type=ascii(kind)[1:])
        fields.append(Field(field_name, place, read, null_bit))
    if end != record_bytes or not fields or (bit and (nulls is None or bit > 8 * (nulls.stop - nulls.start))):
        raise FileRefused(name, "dbf.header")
    return Header(records, size_bytes, record_bytes, tuple(fields), nulls)


def _field_entries(content: bytes, name: str) -> list[bytes]:
    """Cut the header into its field entries."""
    entries: list[bytes] = []
    for start in range(_HEADER.size, len(content), _FIELD.size):
        if content[start : start + 1] == _FIELDS_END:
            return entries
        entries.append(content[start : start + _FIELD.size])
        if len(entries[-1]) < _FIELD.size:
            break
    raise FileRefused(name, "dbf.header")


def _field_name(raw: bytes, name: str, encoding: str) -> str:
    try:
        return raw.partition(b"\0")[0].decode(encoding).strip()
    except UnicodeDecodeError as error:
        raise FileRefused(name, "header.syntax") from error


def _reader(kind: bytes, length: int, decimals: int, encoding: str) -> Reader | None:
    """Return what reads a field of a type; None where it is not read."""
    if kind == b"C":
        return partial(_text, encoding)
    if kind in _BINARY:
        size, read = _BINARY[kind]
        return read if length == size else None
    if kind in (b"N", b"F"):
        return partial(_number, decimals)
    return {b"D": _date, b"L": _logical}.get(kind)


def _text(encoding: str, content: bytes) -> str:
    """Text, padded with blanks or NUL."""
    trimmed = content.rstrip(b" \0")
    if b"\0" in trimmed:
        raise CellWrong("dbf.nul")
    try:
        return trimmed.decode(encoding)
    except UnicodeDecodeError:
        # Not chained: the error holds the cell.
        raise CellWrong("dbf.encoding", encoding=encoding) from None


def _number(decimals: int, content: bytes) -> int | Decimal | None:
    """Number in decimal digits, so exact; asterisks are how FoxPro says that it did not fit."""
    text = content.strip(b" \0").decode("ascii", "replace")
    if not text:
        return None
    if not _NUMBER.match(text):
        raise CellWrong("dbf.number")
    return Decimal(text) if decimals or "." in text else int(text)


def _date(content: bytes) -> date | None:
    text = content.strip(b" \0").decode("ascii", "replace")
    if not text.strip("0"):
        return None
    if not re.fullmatch(r"\d{8}", text, re.ASCII):
        raise CellWrong("dbf.date")
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        raise CellWrong("dbf.date") from None


_LOGICALS: Final[Mapping[bytes, bool | None]] = {
    **dict.fromkeys((b"T", b"t", b"Y", b"y"), True),
    **dict.fromkeys((b"F", b"f", b"N", b"n"), False),
    **dict.fromkeys((b"?", b" ", b"\0"), None),
}


def _logical(content: bytes) -> bool | None:
    try:
        return _LOGICALS[content]
    except KeyError:
        raise CellWrong("dbf.logical") from None


def _integer(content: bytes) -> int:
    return int.from_bytes(content, "little", signed=True)


def _currency(content: bytes) -> Decimal:
    return Decimal(_integer(content)).scaleb(-4)


def _double(content: bytes) -> float:
    (value,) = struct.unpack("<d", content)
    return verify_precise(value, "dbf")


def _moment(content: bytes) -> datetime | None:
    """A Julian day and the milliseconds of that day; both 0 for none."""
    day, milliseconds = struct.unpack("<ii", content)
    if not day and not milliseconds:
        return None
    try:
        midnight = datetime.combine(date.fromordinal(day - _JULIAN_DAY_OF_ORDINAL_0), time())
        return midnight + timedelta(milliseconds=milliseconds)
    except (ValueError, OverflowError):
        raise CellWrong("dbf.date") from None


_BINARY: Final[Mapping[bytes, tuple[int, Reader]]] = {
    b"I": (4, _integer),
    b"+": (4, _integer),
    b"Y": (8, _currency),
    b"B": (8, _double),
    b"O": (8, _double),
    b"T": (8, _moment),
    b"@": (8, _moment),
}
