"""What was refused, by this city or a partner, as the node lists it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from services.node.session import NodeSession
from yrdx.node.v1 import node_pb2

RejectedRecord: TypeAlias = node_pb2.ListRejectionsResponse.RejectedRecord
PAGE_RECORDS: Final = 1_000
"""A rejection takes 3.5 KiB at most, and an answer 8 MiB (`adapters.partner.channel`)."""


def rejected_records(
    session: NodeSession,
    *,
    after_id: int = 0,
    open_only: bool = False,
    to_city: str = "",
    dataset: str = "",
    source: str = "",
) -> Iterator[RejectedRecord]:
    """Yield refused records by rising id, page by page.

    Args:
        session: The node.
        after_id: Only those with a higher id.
        open_only: Leave out those that are closed.
        to_city: With ``source``: city that receives.
        dataset: With ``source``: dataset.
        source: Only of this source; empty: of all.

    Raises:
        ExchangeError: The node refuses (no such source), or is not there.
    """
    request = node_pb2.ListRejectionsRequest(
        after_id=after_id, page_size=PAGE_RECORDS, open_only=open_only, to_city=to_city, dataset=dataset, source=source
    )
    while page := session.stub.ListRejections(request).rejections:
        yield from page
        request.after_id = page[-1].id
