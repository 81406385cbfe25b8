"""Merging: keeps what was submitted, and what stands does not know yet, short enough to be looked through.

A look-up reads both (`services.ports.access.SubjectsPort.said_of`), so nothing is ever missed; this loop only bounds
what it costs. A large file waits for it unmerged, since merging every chunk would cost its sync a page for each record.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

import structlog

from services.domain.errors import Unavailable
from services.exchange.deliver import written
from services.ports.store import Store, Transaction

_log = structlog.get_logger("yrdx.merging")

LOOK_S: Final = 2.0
UNMERGED_MAX: Final = 100_000
"""Records of a stream that may wait: their keys are 1.6 MB."""
STEP_RECORDS: Final = 5_000
"""Records merged in one transaction: others wait for it, answers to questions among them."""


async def merge_for_ever(store: Store) -> None:
    """Merge every stream that has grown, until cancelled."""
    while True:
        try:
            await merge_grown(store, unmerged_max=UNMERGED_MAX)
        except Unavailable as error:
            _log.warning("store.unavailable", reason=error.reason, message=str(error))
        await asyncio.sleep(LOOK_S)


async def merge_grown(store: Store, *, unmerged_max: int) -> None:
    """Merge every stream of which more waits than may.

    Args:
        store: Store.
        unmerged_max: Records of a stream that may wait.
    """
    waiting = await asyncio.to_thread(store.read, _unmerged)
    for stream_id, records in waiting.items():
        left = records if records > unmerged_max else 0
        while left:
            left = await written(store.write(partial(_merge, stream_id=stream_id)))


def _unmerged(tx: Transaction) -> dict[int, int]:
    return tx.unmerged()


def _merge(tx: Transaction, stream_id: int) -> int:
    return tx.merge_standing(stream_id, records_max=STEP_RECORDS)
