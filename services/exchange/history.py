"""History: receipts and accepted records again, for partners and for this city's own systems."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from services.domain.batch import Record, StoredBatch
from services.domain.errors import NotFound, NotPermitted
from services.domain.stream import Direction, StreamName
from services.ports.channel import ReceiptedBatch
from services.ports.store import Transaction

PAGE_RECEIPTS: Final = 100
PAGE_BYTES: Final = 1 << 21
"""Headers and receipts in one answer: a receipt that refuses a whole batch has some 300 KiB."""
PAGE_FULL: Final = 2
"""Batches in one answer: two full ones stay below the message limit at any batch size."""


def receipted_batches(  # noqa: PLR0913 - one page of one view of one stream
    tx: Transaction,
    name: StreamName,
    caller_city: str,
    epoch: int,
    *,
    after_sequence: int,
    page_size: int,
    full: bool,
) -> tuple[Sequence[ReceiptedBatch], bool]:
    """Return receipts of a stream to its sender, and whether there are more.

    Raises:
        NotPermitted: The stream is not the caller's own.
        NotFound: No such stream here.
    """
    if name.from_city != caller_city:
        raise NotPermitted(f"receipts of {name} are for city {name.from_city}")
    stream = tx.stream(name, Direction.INBOUND)
    if stream is None:
        raise NotFound(f"no stream {name} here")
    page_max = PAGE_FULL if full else PAGE_RECEIPTS
    limit = min(page_size or page_max, page_max)
    found = tx.receipted(stream.id, epoch, after_sequence=after_sequence, limit=limit + 1)
    sizes = (len(batch.signed_header.content) + len(batch.receipt.content if batch.receipt else b"") for batch in found)
    page = found[: within(sizes, count_max=limit, bytes_max=PAGE_BYTES)]
    return [_receipted(tx, batch, full=full) for batch in page], len(found) > len(page)


def within(sizes: Iterable[int], *, count_max: int, bytes_max: int) -> int:
    """Return how many items fit into a page: at least one, where there is one."""
    count = total = 0
    for size in sizes:
        total += size
        if count and (count >= count_max or total > bytes_max):
            break
        count += 1
    return count


def _receipted(tx: Transaction, batch: StoredBatch, *, full: bool) -> ReceiptedBatch:
    if batch.receipt is None:
        raise NotFound("the batch has no receipt")
    records: Sequence[Record] = tx.inbox_records(batch) if full else ()
    return ReceiptedBatch(batch.signed_header, batch.receipt, batch.leaves if full else b"", records)
