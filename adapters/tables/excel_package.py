"""An Excel workbook as what it is: a zip of XML parts, judged by its directory before anything is inflated.

ECMA-376 part 2 (packages), part 1 section 12 (workbooks). Python's zipfile never inflates more than the directory
promises for a part, so limits on the promises are limits on the work.
"""

from __future__ import annotations

import posixpath
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import IO, BinaryIO, Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

from adapters.tables.errors import FileRefused

_READ_BYTES_MAX: Final = 1 << 20
_ZIP_ERRORS: Final = (
    BadZipFile,
    EOFError,
    NotImplementedError,  # a version or a method of compression that zipfile does not know
    OSError,
    RuntimeError,  # how zipfile says that a part is encrypted
    ValueError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class ExcelLimits:
    """How large a workbook may be; what is larger is saved as CSV.

    Attributes:
        file_bytes: The file.
        parts: Parts in it.
        inflated_bytes: All parts together, inflated.
        ratio: Inflated to deflated, all parts together.
        strings_bytes: The part with shared texts, which is kept in memory.
        small_part_bytes: Each of the other parts that are kept in memory: workbook, relations, styles.
    """

    file_bytes: int = 128 << 20
    parts: int = 2_000
    inflated_bytes: int = 2 << 30
    ratio: int = 250
    strings_bytes: int = 64 << 20
    small_part_bytes: int = 8 << 20


class Damaged(Exception):
    """The workbook does not hold what its format promises."""


class TooLarge(Exception):
    """The workbook is over a limit.

    Args:
        what: Of what there is too much.
        found: How much there is.
        most: The limit.
    """

    def __init__(self, what: str, found: int, most: int) -> None:
        super().__init__(what, found, most)
        self.what = what
        self.found = found
        self.most = most


@contextmanager
def refusals(name: str, row: Callable[[], int | None] = lambda: None) -> Iterator[None]:
    """Tell what is wrong with a workbook as a refusal of the file.

    Args:
        name: The file's name in messages.
        row: Says how far it was read.

    Raises:
        FileRefused: In place of Damaged and TooLarge.
    """
    try:
        yield
    except Damaged as error:
        raise FileRefused(name, "excel.damaged", row=row()) from error
    except TooLarge as error:
        raise FileRefused(name, "excel.too_large", what=error.what, found=error.found, most=error.most) from error


class Part:
    """One part, read from start to end."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size_bytes: int) -> bytes:
        """Read on, by at most so many bytes; empty at the end.

        Raises:
            Damaged: The part cannot be inflated, or its checksum is wrong.
        """
        try:
            return self._stream.read(size_bytes)
        except _ZIP_ERRORS as error:
            raise Damaged from error


class Package:
    """The parts of a workbook.

    Args:
        file: Open for reading.
        limits: How large it may be.

    Attributes:
        limits: The same.

    Raises:
        Damaged: It is no zip.
        TooLarge: It is over a limit.
    """

    def __init__(self, file: BinaryIO, limits: ExcelLimits) -> None:
        self.limits = limits
        size_bytes = file.seek(0, 2)
        _verify_limit("文件字节 file bytes", size_bytes, limits.file_bytes)
        try:
            self._zip = ZipFile(_BoundedReads(file))
        except _ZIP_ERRORS as error:
            raise Damaged from error
        parts = self._zip.infolist()
        inflated = sum(part.file_size for part in parts)
        _verify_limit("部件数 parts", len(parts), limits.parts)
        _verify_limit("解压后字节 inflated bytes", inflated, limits.inflated_bytes)
        _verify_limit("压缩比 ratio", inflated // max(size_bytes, 1), limits.ratio)
        # The other methods of zip take memory of their own, and no workbook has them.
        if any(part.compress_type not in (ZIP_STORED, ZIP_DEFLATED) for part in parts):
            raise Damaged
        self._parts = {_plain(part.filename): part for part in parts}

    def __contains__(self, part: str) -> bool:
        return _plain(part) in self._parts

    def size_bytes(self, part: str) -> int:
        """Inflated size of a part."""
        return self._parts[_plain(part)].file_size

    @contextmanager
    def opened(self, part: str, bytes_max: int | None = None) -> Iterator[Part]:
        """Open a part for reading.

        Args:
            part: Its path within the package; upper and lower case are the same.
            bytes_max: Most bytes that it may have; None where it is not kept in memory.

        Raises:
            Damaged: There is no such part.
            TooLarge: It is over the limit.
        """
        info = self._parts.get(_plain(part))
        if info is None:
            raise Damaged
        if bytes_max is not None:
            _verify_limit(f"{part} 字节 bytes", info.file_size, bytes_max)
        try:
            stream = self._zip.open(info)
        except _ZIP_ERRORS as error:
            raise Damaged from error
        with closing(stream):
            yield Part(stream)


class _BoundedReads:
    """A file that zipfile reads: it reads the whole directory at once, so a bound there bounds the parts it makes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        """Read so many bytes, or all that are left.

        Raises:
            Damaged: It is too much at once.
        """
        piece = self._file.read(size if 0 <= size <= _READ_BYTES_MAX else _READ_BYTES_MAX + 1)
        if len(piece) > _READ_BYTES_MAX:
            raise Damaged
        return piece


def _verify_limit(what: str, found: int, most: int) -> None:
    if found > most:
        raise TooLarge(what, found, most)


def _plain(part: str) -> str:
    return part.replace("\\", "/").lstrip("/").casefold()


def joined(part: str, target: str) -> str:
    """Return the path of a relation's target, which is told from the folder of the part that names it."""
    return posixpath.normpath(posixpath.join("/", posixpath.dirname(part), target)).lstrip("/")
