"""The partner kit: what a city needs that runs no yrdx, put together from its sources, which stand in one place each.

``kit/FILES`` names them by their paths in the repository. A wheel has the same paths below ``kit_sources`` (the build
hook puts them there); a checkout has them where they are. The contract comes from the package of the stubs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final

from services.node.exits import Mistake

LIST: Final = "kit/FILES"
SUMS: Final = "SHA256SUMS"
_PACKED: Final = Path(__file__).with_name("kit_sources")
_CHECKOUT: Final = Path(__file__).parents[2]


def kit_files() -> Mapping[str, bytes]:
    """Return the kit's files by their paths in it, sorted; the same release returns the same bytes."""
    found = dict(sorted([*_sources(), *_contract()]))
    sums = (f"{hashlib.sha256(content).hexdigest()}  {path}\n" for path, content in found.items())
    return {**found, SUMS: "".join(sums).encode("ascii")}


def write_kit(folder: Path) -> Mapping[str, bytes]:
    """Write the kit into a folder; a former kit there is replaced.

    Args:
        folder: New, empty, or a kit's.

    Returns:
        What was written.

    Raises:
        Mistake: The folder holds something else.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / SUMS).exists():
        raise Mistake(f"{folder} 中有其他文件，请另选目录 · holds other files: name a new folder")
    found = kit_files()
    for name, content in found.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o755 if name.endswith(".sh") else 0o644)  # no secrets: all of it is handed out
    for path in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        path.chmod(0o755)
    return found


def _sources() -> Iterator[tuple[str, bytes]]:
    root = _PACKED if _PACKED.is_dir() else _CHECKOUT
    for name in (root / LIST).read_text(encoding="ascii").split():
        yield name.removeprefix("kit/"), (root / name).read_bytes()


def _contract() -> Iterator[tuple[str, bytes]]:
    package = Path(str(files("yrdx") / "descriptors.binpb")).parent
    yield "yrdx.binpb", (package / "descriptors.binpb").read_bytes()
    for path in package.rglob("*.proto"):
        yield f"proto/yrdx/{path.relative_to(package).as_posix()}", path.read_bytes()
