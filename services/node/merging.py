"""Merging: keeps what was submitted, and what stands does not know yet, short enough to be looked through.

A look-up reads both (`services.ports.access.SubjectsPort.said_of`), so nothing is ever missed; this loop only bounds
what it costs. A stream that a sync is filling waits until it rests: merging every chunk would cost the sync a page for
each record (a fifth of its rate, measured).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog

from services.domain.errors import Unavailable
from services.exchange.merge import merge_pass
from services.ports.store import Store, Transaction

_log = structlog.get_logger("yrdx.merging")

LOOK_S: Final = 2.0
UNMERGED_MAX: Final = 10_000
"""Records of a stream at rest that may wait: 32 questions at once look through their keys 32 times, 5 MB; sixfold that
halved their rate."""
FILLING_RECORDS: Final = 10_000
"""Records that came between two looks: a sync is filling the stream."""
FILLING_UNMERGED_MAX: Final = 10_000_000
"""Records that may wait even so: a look-up then reads 160 MB of keys."""


async def merge_for_ever(store: Store) -> None:
    """Merge every stream that has grown, until cancelled."""
    waited: Mapping[int, int] = {}
    while True:
        try:
            waited = await merge_grown(store, waited)
        except Unavailable as error:
            _log.warning("store.unavailable", reason=error.reason, message=str(error))
        await asyncio.sleep(LOOK_S)


async def merge_grown(store: Store, waited: Mapping[int, int]) -> Mapping[int, int]:
    """Merge every stream of which more waits than may.

    Args:
        store: Store.
        waited: What waited at the last look, by stream.

    Returns:
        What waited at this one.

    Raises:
        Unavailable: The store; what was merged stays so.
    """
    waiting = await asyncio.to_thread(store.read, _unmerged)
    for stream_id, records in waiting.items():
        if _is_due(records, records - waited.get(stream_id, 0)):
            await _merge(store, stream_id, unmerged_max=UNMERGED_MAX)  # not whole: more may be coming by now
    return waiting


async def merge_all(store: Store) -> None:
    """Merge everything that waits.

    Raises:
        Unavailable: The store; what was merged stays so.
    """
    for stream_id in await asyncio.to_thread(store.read, _unmerged):
        await _merge(store, stream_id, unmerged_max=0)


async def _merge(store: Store, stream_id: int, *, unmerged_max: int) -> None:
    while await merge_pass(store, stream_id) > unmerged_max:
        pass


def _is_due(records: int, came: int) -> bool:
    return records > FILLING_UNMERGED_MAX or (records > UNMERGED_MAX and came < FILLING_RECORDS)


def _unmerged(tx: Transaction) -> dict[int, int]:
    return tx.unmerged()
