"""Which dialects are installed; told by the folders alone, since settings are read before anything is loaded."""

from __future__ import annotations

from importlib import resources


def installed_dialects() -> list[str]:
    """List the folders under ``adapters`` that hold a mapping file, sorted."""
    folders = (entry for entry in resources.files("adapters").iterdir() if entry.is_dir())
    return sorted(folder.name for folder in folders if any(file.name.endswith(".toml") for file in folder.iterdir()))


def verify_dialect(name: str) -> str:
    """Return the name of an installed dialect.

    Raises:
        ValueError: There is no such dialect.
    """
    known = installed_dialects()
    if name not in known:
        raise ValueError(f"expected one of {', '.join(known)}")
    return name
