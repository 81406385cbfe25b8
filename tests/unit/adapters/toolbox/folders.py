"""A dialect's folder to spoil: a copy of a shipped one."""

from __future__ import annotations

import shutil
from pathlib import Path

from adapters.toolbox.places import INSTALLED, MappingPlace


def copied(tmp_path: Path, dialect: str, dataset: str) -> MappingPlace:
    """Copy a dialect's folder and return one of its mappings there."""
    folder = tmp_path / dialect
    shutil.copytree(INSTALLED / dialect, folder)
    return MappingPlace(folder, dialect, dataset)


def edited(place: MappingPlace, *changes: tuple[str, str]) -> MappingPlace:
    """Replace text in the mapping file, each once."""
    text = place.file.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    place.file.write_text(text, encoding="utf-8")
    return place


def table(place: MappingPlace, name: str, *changes: tuple[str, str]) -> None:
    """Replace text in a code table, each once."""
    path = place.folder / name
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path.write_text(text, encoding="utf-8")
