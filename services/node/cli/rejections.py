"""`yrdx rejections`: records that partners refused, with the file and row they came from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from services.node.cli.node_access import connect
from services.node.cli.verbs import HERE, HomeOption, JsonOption, group, verb
from services.node.output import print_json_array, print_table

if TYPE_CHECKING:
    from services.node.session import NodeSession
    from yrdx.node.v1 import node_pb2

app = group("被拒记录 · refused records")

PAGE_RECORDS: Final = 10_000


@verb(
    app,
    "ls",
    "列出被伙伴拒绝的记录 · list records that partners refused",
    "yrdx rejections ls --home A",
    "yrdx rejections ls --home A --json",
    more="本地检查未通过的行在 sync 报告的 rejects 文件里 · rows refused here stand in the sync's rejects file",
)
def ls(home: HomeOption = HERE, json: JsonOption = False) -> None:
    """List rejections."""
    with connect(home) as session:
        found = rejections(session)
        if json:
            print_json_array(rejection_fields(rejected) for rejected in found)
            return
        print_table(
            ("文件 file", "行 row", "字段 field", "规则 rule", "原因 reason", "数据流 stream"),
            ((r.file, r.row, r.field_path, r.rule_id, r.reason, r.stream) for r in found),
        )


def rejections(session: NodeSession) -> Iterator[node_pb2.ListRejectionsResponse.RejectedRecord]:
    """Yield every refused record, page by page."""
    from yrdx.node.v1 import node_pb2

    after_id = 0
    while True:
        request = node_pb2.ListRejectionsRequest(after_id=after_id, page_size=PAGE_RECORDS)
        page = session.stub.ListRejections(request).rejections
        yield from page
        if len(page) < PAGE_RECORDS:
            return
        after_id = page[-1].id


def rejection_fields(rejected: node_pb2.ListRejectionsResponse.RejectedRecord) -> dict[str, str | int]:
    """Return a refused record as it stands in JSON; never the value."""
    return {
        "id": rejected.id,
        "stream": rejected.stream,
        "epoch": rejected.epoch,
        "sequence": rejected.sequence,
        "source": rejected.source,
        "file": rejected.file,
        "row": rejected.row,
        "field": rejected.field_path,
        "rule": rejected.rule_id,
        "reason": rejected.reason,
        "rejected_time": rejected.rejected_time.ToJsonString(),
    }
