"""Putting a draft where it belongs, beside what is there already."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from adapters.toolbox.draft.code_drafts import HEADER
from adapters.toolbox.draft.draft import Draft


def is_taken(folder: Path) -> Callable[[str], bool]:
    """Return what says of a code table's name whether a table with codes stands there under it."""

    def taken(name: str) -> bool:
        table = folder / name
        return table.is_file() and table.read_text(encoding="utf-8").strip() != HEADER.strip()

    return taken


def keep_draft(draft: Draft, folder: Path, *, force: bool) -> list[Path]:
    """Write a draft and its code tables; tables that hold codes already are never touched.

    Args:
        draft: The draft; its tables' names were chosen with ``is_taken`` of this folder.
        folder: Made if it is not there.
        force: Replace a mapping file that is there.

    Returns:
        The files, the mapping first.

    Raises:
        FileExistsError: The mapping file exists, and is not to be replaced; nothing was written.
    """
    path = folder / draft.file
    if path.exists() and not force:
        raise FileExistsError(str(path))
    folder.mkdir(parents=True, exist_ok=True)
    contents = {draft.file: draft.text, **draft.tables}
    for name, content in contents.items():
        (folder / name).write_text(content, encoding="utf-8")
    return [folder / name for name in contents]
