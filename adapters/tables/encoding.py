"""Whether a file is of the expected kind and encoding at all, judged by its first piece.

Only clear cases are refused here. A single byte that does not fit is the row's affair.
"""

from __future__ import annotations

from typing import Final

from adapters.tables.errors import FileRefused

_KINDS: Final = {
    b"PK\x03\x04": "Excel (.xlsx)",
    b"\xd0\xcf\x11\xe0": "旧版或加密的 Excel (old or encrypted Excel)",
    b"%PDF": "PDF",
}
_UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_UTF8_MARK: Final = b"\xef\xbb\xbf"

# Two or three characters of GB 18030 can be valid UTF-8 by chance; a dozen bytes practically cannot.
_ABOVE_ASCII_MIN: Final = 12
_FAILING_LINES_MIN: Final = 2


def verify_encoding(piece: bytes, name: str, encoding: str, expected: str) -> None:
    """Refuse a file of another kind or in another encoding.

    Args:
        piece: The file's first piece.
        name: Its name in messages.
        encoding: What it must be in.
        expected: Its kind in messages.

    Raises:
        FileRefused: It is empty, of another kind, or in another encoding; the first wrong byte is named.
    """
    verify_kind(piece.removeprefix(_UTF8_MARK), name, expected)
    other = _other_encoding(piece, encoding)
    if other:
        found, offset = other
        raise FileRefused(
            name,
            "file.encoding",
            byte_offset=offset,
            expected=encoding,
            found=found,
            byte=piece[offset],
        )


def verify_kind(start: bytes, name: str, expected: str) -> None:
    """Refuse a file of another kind.

    Args:
        start: The file's first bytes, four at least.
        name: Its name in messages.
        expected: Its kind in messages.

    Raises:
        FileRefused: It is empty or of another kind.
    """
    if not start:
        raise FileRefused(name, "file.empty")
    for mark, kind in _KINDS.items():
        if start.startswith(mark) and kind != expected:
            raise FileRefused(name, "file.kind", kind=kind, expected=expected)


def _other_encoding(piece: bytes, expected: str) -> tuple[str, int] | None:
    """Name the encoding that a file has instead of the expected one, and its first byte that shows it."""
    if piece.startswith(_UTF16_MARKS):
        return "UTF-16", 0
    lines = [line for line in piece.split(b"\n")[:-1] if not line.isascii()]
    if expected.startswith("utf-8"):
        failing = [line for line in lines if not _decodes(line, "utf-8")]
        if len(failing) >= _FAILING_LINES_MIN and len(failing) == len(lines):
            return "GB 18030?", _first_wrong(piece)
    elif piece.startswith(_UTF8_MARK):
        return "UTF-8", 0
    else:
        readable = [line for line in lines if _decodes(line, "utf-8")]
        above = sum(byte > 0x7F for line in readable for byte in line)
        if above >= _ABOVE_ASCII_MIN and 2 * len(readable) > len(lines):
            return "UTF-8", next(offset for offset, byte in enumerate(piece) if byte > 0x7F)
    return None


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _first_wrong(piece: bytes) -> int:
    """Offset of the first byte that is not UTF-8."""
    try:
        piece.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return 0
