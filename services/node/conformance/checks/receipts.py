"""Receipts again, at any time: what `ListReceipts` returns is what was answered at first."""

from __future__ import annotations

from typing import Final

from grpc import StatusCode

from services.domain import merkle
from services.domain.batch import Record
from services.node.conformance.partner import Partner, asked
from services.node.conformance.promises import Broken, Promises
from services.node.conformance.sender import SHA256
from yrdx.exchange.v1 import exchange_pb2
from yrdx.types.v1 import types_pb2

PROMISES: Final = Promises("receipts", "“Services”, ListReceipts")


@PROMISES.promise(
    "listed",
    "三批之后，逐页取回回执 · the receipts of three batches are asked for again, page by page",
    "批头与回执逐字节相同，按序，无遗漏 · the same headers and receipts, byte for byte, in order, none missing",
)
def _listed(partner: Partner) -> str:
    sender = partner.standing()
    after = sender.sequence - 1
    taken = [partner.take_good(sender, 2) for _ in range(3)]
    for page_size in (0, 1):
        listed = partner.listed(sender, after=after, page_size=page_size)
        if [(one.header, one.receipt) for one in listed] != [(one.sealed.batch.header, one.signed) for one in taken]:
            raise Broken(f"{len(listed)} of {len(taken)} batches, or other ones, with page_size {page_size}")
    return f"{len(taken)} batches"


@PROMISES.promise(
    "full",
    "取回一批的全貌 · one batch is asked for in the full view",
    "全部叶散列；接收的记录原样，被拒的为空 · every leaf; accepted records as sent, rejected ones empty",
)
def _full(partner: Partner) -> str:
    (message,) = partner.records.messages(1)
    sender = partner.standing()
    after = sender.sequence - 1
    rejected = partner.records.body(message, operation=types_pb2.OPERATION_RETRACT).SerializeToString()
    taken = partner.take(sender, [*partner.records.bodies(1), rejected, *partner.records.bodies(1)])
    (listed,) = partner.listed(sender, after=after, full=True) or [exchange_pb2.ReceiptedBatch()]
    sent = [Record(one.salt, one.body) for one in taken.sealed.batch.records]
    if listed.leaves != b"".join(merkle.record_leaves(after + 1, sent, SHA256)):
        raise Broken("叶散列不符 · the leaves are others")
    if [Record(one.salt, one.body) for one in listed.records] != [sent[0], Record(b"", b""), sent[2]]:
        raise Broken("记录不符 · the records are others")
    return f"{len(sent)} leaves"


@PROMISES.promise(
    "foreign", "索取他市数据流的回执 · receipts of another city's stream are asked for", "PERMISSION_DENIED"
)
def _foreign(partner: Partner) -> str:
    foreign = f"990000/{partner.sender.to_city}/{partner.sender.dataset}/0"
    with partner.sender.stub() as stub:
        answered = asked(stub.ListReceipts, exchange_pb2.ListReceiptsRequest(stream=foreign, epoch=1))
    return partner.require_refused(answered, [StatusCode.PERMISSION_DENIED])
