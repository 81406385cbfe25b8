"""Merge: what was submitted to a stream into what stands of it, so that less has to be looked through.

In the order of the keys, not of the submissions: keys are digests, so that of a large store nearly each lies on a page
of its own, and every step of a few thousand in the order of the submissions would write the same pages again. A pass is
many small transactions, since others wait for each of them; one that is cut off is repeated, which changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

from services.exchange.deliver import written
from services.ports.store import Store, Transaction

PASS_RECORDS: Final = 250_000
"""Records of one pass: 20 MB of words."""
STEP_RECORDS: Final = 5_000
"""Records merged in one transaction: others wait for it, answers to questions among them."""


async def merge_pass(store: Store, stream_id: int) -> int:
    """Merge the oldest submissions that are not merged yet.

    Returns:
        Records that are still left.

    Raises:
        Unavailable: The store; nothing is lost, the next pass repeats this one.
    """
    unmerged = await written(store.write(lambda tx: tx.unmerged_words(stream_id, records_max=PASS_RECORDS)))
    words = await asyncio.to_thread(sorted, unmerged.words)
    for start in range(0, len(words), STEP_RECORDS):
        some = words[start : start + STEP_RECORDS]
        await written(store.write(partial(_merge, stream_id=stream_id, words=some, upto=unmerged.upto)))
    return await written(store.write(lambda tx: tx.mark_merged(stream_id, upto=unmerged.upto)))


def _merge(tx: Transaction, stream_id: int, words: Sequence[bytes], upto: int) -> None:
    tx.merge_words(stream_id, words, upto=upto)
