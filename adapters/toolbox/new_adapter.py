"""The folder of a new city's dialect: what it must hold before the first mapping file is drafted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from adapters.mapping.standard import FieldFacts, Standard
from adapters.toolbox.cities import City
from adapters.toolbox.draft.code_drafts import HEADER
from adapters.toolbox.places import installed_places

_README: Final = """# The {dialect} dialect ({name}, {code})

Say here what the dialect is modelled on, and who of the city's owners of the domain confirms it. What they still have
to confirm is marked `# unconfirmed` in the mapping files and `unconfirmed` in the code tables:
`yrdx mapping lint {dialect} --unconfirmed`.

| file | holds |
|---|---|
| `social_….toml` | a mapping file for each dataset; `yrdx mapping new` drafts one from a sample |
| `*.csv` | code tables; a table with a header alone is not used yet |
| `samples/*.csv`, `.jsonl` | golden rows, and what each must become; invented people alone |

How to go on: [docs/adding-a-city.md](../../docs/adding-a-city.md).
"""


def create_adapter(folder: Path, city: City) -> list[Path]:
    """Create a dialect's folder: README, empty code tables, and a folder for golden rows.

    It is data alone. Once a mapping file lies in it, the mapping is found, and its laws and golden rows are tested.

    Args:
        folder: ``adapters/<dialect>``; must not exist.
        city: Whose.

    Returns:
        The files, in the order in which they were written.

    Raises:
        FileExistsError: The folder exists.
    """
    (folder / "samples").mkdir(parents=True)
    readme = _README.format(dialect=folder.name, name=city.name, code=city.code)
    contents = {"README.md": readme} | dict.fromkeys(table_names(), HEADER)
    for name, content in contents.items():
        (folder / name).write_text(content, encoding="utf-8")
    return [folder / name for name in contents]


def table_names() -> list[str]:
    """Name a code table for each field that some dialect writes as codes: "sex.csv"."""
    mappings = [place.load() for place in installed_places()]
    coded = {facts.name for mapping in mappings for facts in _coded(mapping.standard)}
    coded |= {
        column.field.rpartition(".")[2]
        for mapping in mappings
        for column in mapping.declaration.columns
        if column.type == "code"
    }
    return sorted(f"{name}.csv" for name in coded)


def _coded(standard: Standard) -> Iterator[FieldFacts]:
    return (facts for facts in standard.fields.values() if facts.kind in {"enum", "bool"})
