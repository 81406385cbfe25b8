"""Retention: files of rejected rows hold personal data, so they do not stay for ever."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from services.ports.clock import Clock

SWEEP_S: Final = 3600.0
_log = structlog.get_logger(__name__)


def sweep_rejects(folder: Path, *, days: int, now: datetime) -> int:
    """Delete rejects files that nobody has changed for some days; mending one keeps it.

    Args:
        folder: The home's folder of rejects files.
        days: Days.
        now: Present time, UTC.

    Returns:
        Files deleted.
    """
    oldest = (now - timedelta(days=days)).timestamp()
    gone = [path for path in folder.glob("*.rejects.*") if path.lstat().st_mtime < oldest]
    for path in gone:
        path.unlink(missing_ok=True)
    return len(gone)


async def sweep_for_ever(folder: Path, *, days: int, clock: Clock) -> None:
    """Sweep now, and again every hour."""
    while True:
        deleted = await asyncio.to_thread(sweep_rejects, folder, days=days, now=clock.now())
        if deleted:
            _log.info("rejects.deleted", files=deleted, days=days)
        await asyncio.sleep(SWEEP_S)
