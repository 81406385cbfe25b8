"""The protocols whose frames are rows: by a file's suffix, what turns the ones into the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from adapters.frames import rows
from adapters.frames.framing import JTT808, JTT809, Framing
from adapters.frames.rows import Cells, FrameContext
from adapters.tables.errors import FileRefused
from adapters.tables.layout import TableLayout


class Protocol(NamedTuple):
    """One protocol.

    Attributes:
        name: "JT/T 808".
        framing: How frames are marked.
        columns: What a row of its frames has.
        read: Bytes of a frame → rows. Raises ``FrameRefused``.
        write: A row and the sender's count → bytes of a frame. Raises ``FrameRefused``.
    """

    name: str
    framing: Framing
    columns: tuple[str, ...]
    read: Callable[[bytes, FrameContext], list[dict[str, str]]]
    write: Callable[[Cells, int, FrameContext], bytes]


PROTOCOLS: Final = {
    ".jtt808": Protocol("JT/T 808", JTT808, rows.TERMINAL_COLUMNS, rows.terminal_rows, rows.terminal_bytes),
    ".jtt809": Protocol("JT/T 809", JTT809, rows.PLATFORM_COLUMNS, rows.platform_rows, rows.platform_bytes),
}
"""By suffix."""


def protocol_of(path: Path, layout: TableLayout) -> tuple[Protocol, FrameContext]:
    """Return the protocol of a file of frames, and what its frames do not say.

    Raises:
        FileRefused: The layout is not that of such frames, or does not say what they do not.
    """
    protocol = PROTOCOLS[path.suffix.lower()]
    if set(layout.columns) != set(protocol.columns):
        raise FileRefused(path.name, "file.frames_columns", protocol=protocol.name)
    if layout.frames is None:
        raise FileRefused(path.name, "file.frames_unsaid")
    return protocol, layout.frames
