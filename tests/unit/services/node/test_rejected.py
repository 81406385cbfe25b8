"""Refused records are listed page by page, whole and in order, and a page always fits into a message."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from services.domain.limits import Limits
from services.node.home import Home
from services.node.rejected import PAGE_RECORDS, RejectedRecord, rejected_records
from services.node.session import NodeSession
from services.node.settings import Settings
from services.wire.batches import message_bytes_max
from yrdx.node.v1 import node_pb2

_LONGEST = 200
"""Characters of names; of a reason five hundred."""


@dataclass
class Stub:
    """Lists as the node does."""

    count: int
    asked: list[node_pb2.ListRejectionsRequest] = field(default_factory=list)

    def ListRejections(  # noqa: N802 - gRPC's name
        self, request: node_pb2.ListRejectionsRequest
    ) -> node_pb2.ListRejectionsResponse:
        """Return a page."""
        kept = node_pb2.ListRejectionsRequest()
        kept.CopyFrom(request)
        self.asked.append(kept)
        ids = range(request.after_id + 1, min(request.after_id + request.page_size, self.count) + 1)
        return node_pb2.ListRejectionsResponse(rejections=[RejectedRecord(id=number) for number in ids])


def session_of(stub: Stub) -> NodeSession:
    """Return a session with a stub; settings and home are not looked at."""
    return NodeSession(stub, cast("Settings", None), Home(Path()), serving=True)


def test_every_page_is_asked_for_with_the_same_filters() -> None:
    """Two and a half pages come whole and in order; nothing is asked for twice."""
    stub = Stub(2 * PAGE_RECORDS + 500)

    found = [one.id for one in rejected_records(session_of(stub), after_id=3, source="a", to_city="1", dataset="d")]

    assert found == list(range(4, stub.count + 1))
    assert [one.after_id for one in stub.asked] == [3, PAGE_RECORDS + 3, 2 * PAGE_RECORDS + 3, stub.count]
    assert {(one.source, one.to_city, one.dataset, one.open_only) for one in stub.asked} == {("a", "1", "d", False)}


def test_the_longest_rejections_fit_into_a_message() -> None:
    """A page of rejections whose every text is as long as it may be, in characters of three bytes."""
    text = "列" * _LONGEST
    longest = RejectedRecord(
        id=2**53, stream=text, epoch=2**53, sequence=2**53, source=text, file=text, row=2**53, field_path=text,
        rule_id=text, reason="拒" * 500, column=text, closed_by_file=text, closed_by_row=2**53, closed_reason=text,
    )  # fmt: skip
    assert PAGE_RECORDS * (longest.ByteSize() + 8) < message_bytes_max(Limits())
