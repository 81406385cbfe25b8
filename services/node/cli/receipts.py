"""`yrdx receipts`: the signed word on every batch, given and got."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final

import typer

from services.node.cli.node_access import connect
from services.node.cli.stream import streams
from services.node.cli.verbs import HERE, HomeOption, JsonOption, group, verb
from services.node.output import print_json_array, print_table

if TYPE_CHECKING:
    from services.node.session import NodeSession
    from yrdx.node.v1 import node_pb2

app = group("签名回执 · signed receipts")

PAGE_BATCHES: Final = 10_000


@verb(
    app,
    "ls",
    "列出回执 · list receipts, given and got",
    "yrdx receipts ls --home A",
    "yrdx receipts ls --home A --stream 320600/310000/social.contribution/0 --json",
)
def ls(
    home: HomeOption = HERE,
    stream: Annotated[str, typer.Option(help="仅此数据流 · only this stream")] = "",
    json: JsonOption = False,
) -> None:
    """List receipts."""
    with connect(home) as session:
        names = [stream] if stream else sorted({status.stream for status in streams(session)})
        found = (entry for name in names for entry in receipts(session, name))
        if json:
            print_json_array(receipt_fields(entry) for entry in found)
            return
        print_table(
            ("数据流 stream", "纪元 epoch", "自 first", "至 last", "接受 accepted", "拒绝 rejected", "时间 received"),
            (
                (
                    e.stream,
                    e.epoch,
                    e.first_sequence,
                    e.last_sequence,
                    e.accepted_count,
                    e.rejected_count,
                    e.received_time.ToJsonString(),
                )
                for e in found
            ),
        )


def receipts(session: NodeSession, stream: str) -> Iterator[node_pb2.ListReceiptsResponse.ReceiptEntry]:
    """Yield every receipt of a stream, page by page.

    A page holds so many batches of each epoch; the next one begins where the epoch that was cut first ends.
    """
    from yrdx.node.v1 import node_pb2

    seen: dict[int, int] = {}
    after = 0
    while True:
        request = node_pb2.ListReceiptsRequest(stream=stream, page_size=PAGE_BATCHES, after_sequence=after)
        page = session.stub.ListReceipts(request).receipts
        for entry in page:
            if entry.first_sequence > seen.get(entry.epoch, 0):
                seen[entry.epoch] = entry.first_sequence
                yield entry
        cut = [seen[epoch] for epoch in seen if sum(e.epoch == epoch for e in page) >= PAGE_BATCHES]
        if not cut:
            return
        after = min(cut)


def receipt_fields(entry: node_pb2.ListReceiptsResponse.ReceiptEntry) -> dict[str, str | int]:
    """Return a receipt as it stands in JSON; with content and signature it is evidence by itself."""
    return {
        "stream": entry.stream,
        "direction": entry.direction,
        "epoch": entry.epoch,
        "first_sequence": entry.first_sequence,
        "last_sequence": entry.last_sequence,
        "accepted": entry.accepted_count,
        "rejected": entry.rejected_count,
        "header_hash": entry.header_hash.hex(),
        "received_time": entry.received_time.ToJsonString(),
        "key_id": entry.receipt.key_id,
        "content_base64": b64encode(entry.receipt.content).decode(),
        "signature_base64": b64encode(entry.receipt.signature).decode(),
    }
