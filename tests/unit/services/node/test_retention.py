"""Rejects files are deleted once nobody has touched them for as long as they may be kept."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.node.retention import sweep_rejects

NOW = datetime(2026, 11, 27, 8, tzinfo=UTC)


def put(folder: Path, name: str, *, days_old: float) -> Path:
    """Make a file of some age."""
    path = folder / name
    path.touch()
    changed = (NOW - timedelta(days=days_old)).timestamp()
    os.utime(path, (changed, changed))
    return path


def test_old_rejects_files_go_and_nothing_else(tmp_path: Path) -> None:
    """Those beyond the days; younger ones, and files of other kinds, stay."""
    old = put(tmp_path, "a-12345678.rejects.csv", days_old=90.1)
    young = put(tmp_path, "b-12345678.rejects.xlsx", days_old=89.9)
    other = put(tmp_path, "notes.txt", days_old=1000)

    assert sweep_rejects(tmp_path, days=90, now=NOW) == 1
    assert not old.exists()
    assert young.exists()
    assert other.exists()
