"""Where mapping files lie, and how people name them: "local", "local/social.enrolment", or a path."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from adapters.mapping import Mapping, MappingInvalid
from adapters.mapping.loading import build_mapping, file_name, find_datasets, find_mappings

INSTALLED: Final = Path(str(resources.files("adapters")))
"""The folder whose folders are the dialects."""


class NoSuchMapping(LookupError):
    """What was asked for is no mapping file, dialect or folder of some; the caller names another one."""


@dataclass(frozen=True, slots=True, order=True)
class MappingPlace:
    """One mapping file, good or bad.

    Attributes:
        folder: Holds it, its code tables, and its golden rows in ``samples/``.
        dialect: Name of the dialect.
        dataset: "social.contribution".
    """

    folder: Path
    dialect: str
    dataset: str

    @property
    def file(self) -> Path:
        """The mapping file."""
        return self.folder / file_name(self.dataset)

    @property
    def name(self) -> str:
        """How messages name it: "local/social_contribution.toml"."""
        return f"{self.dialect}/{file_name(self.dataset)}"

    def samples(self, suffix: str) -> Path:
        """Return the file of golden rows: ".csv" as the dialect has them, ".jsonl" as they become."""
        return self.folder / "samples" / file_name(self.dataset).replace(".toml", suffix)

    def load(self) -> Mapping:
        """Load and compile it.

        Raises:
            MappingInvalid: Something in it is wrong.
        """
        return build_mapping(self.folder, self.dialect, self.dataset)


def installed_places() -> list[MappingPlace]:
    """List the mapping files of every dialect."""
    return [MappingPlace(INSTALLED / dialect, dialect, dataset) for dialect, dataset in find_mappings()]


def find_places(names: Iterable[str]) -> list[MappingPlace]:
    """Find mapping files by what people call them.

    Args:
        names: Dialects, "dialect/dataset", mapping files, or folders of them; none means every installed one.

    Returns:
        Each once, in the order of the names.

    Raises:
        NoSuchMapping: There is nothing of that name.
    """
    found = [place for name in names for place in _named(name)]
    return list(dict.fromkeys(found)) if found else installed_places()


def find_place(name: str) -> MappingPlace:
    """Find one mapping file; see ``find_places``.

    Raises:
        NoSuchMapping: There is none of that name, or several.
    """
    places = _named(name)
    if len(places) > 1:
        raise NoSuchMapping(f"{name}: {', '.join(place.dataset for place in places)}?")
    return places[0]


def _named(name: str) -> list[MappingPlace]:
    path = Path(name)
    if path.suffix == ".toml" and path.is_file():
        return [_of_file(path)]
    dialect, _, dataset = name.strip("/").partition("/")
    by_name = [place for place in installed_places() if place.dialect == dialect and dataset in {"", place.dataset}]
    if by_name:
        return by_name
    in_there = in_folder(path) if path.is_dir() else []
    if not in_there:
        raise NoSuchMapping(name)
    return in_there


def _of_file(path: Path) -> MappingPlace:
    """Take dialect and dataset from the file itself: a draft may lie anywhere."""
    try:
        content = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        content = {}  # lint says what is wrong with it
    dataset = path.stem.replace("_", ".", 1)
    return MappingPlace(path.parent, str(content.get("dialect") or path.resolve().parent.name), dataset)


def in_folder(folder: Path) -> list[MappingPlace]:
    """List the mapping files of a folder, whose name is the dialect's."""
    return [MappingPlace(folder, folder.resolve().name, dataset) for dataset in find_datasets(folder)]


def others(place: MappingPlace) -> list[Mapping]:
    """Load the installed mappings of the same dataset in other dialects; broken ones are left to their own lint."""
    found = []
    for other in installed_places():
        if other.dataset == place.dataset and other.dialect != place.dialect:
            try:
                found.append(other.load())
            except MappingInvalid:
                continue
    return found
