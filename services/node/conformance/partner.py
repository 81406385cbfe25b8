"""What every check does: open the stream, send, verify the answers, and see that a refusal left nothing behind."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import grpc

from services.domain.tags import OPENING, POSITION, RECEIPT
from services.node.conformance.calls import ANSWER_WITHIN_S, Leaf, Outcome, failed, outcome
from services.node.conformance.identity import Identity
from services.node.conformance.kept import Kept
from services.node.conformance.lifecycle import Lifecycle
from services.node.conformance.promises import Broken
from services.node.conformance.records import Records
from services.node.conformance.sender import SHA256, Sealed, Sender
from services.node.conformance.target import Target
from yrdx.exchange.v1 import exchange_pb2
from yrdx.exchange.v1.exchange_pb2 import DeliverRequest

CONNECT_WITHIN_S: Final = 15.0


class Taken(NamedTuple):
    """A batch that the node acknowledged.

    Attributes:
        sealed: The batch.
        signed: Its receipt as it came.
        receipt: What the receipt says, verified.
    """

    sealed: Sealed
    signed: exchange_pb2.Signed
    receipt: exchange_pb2.Receipt


@dataclass(frozen=True, slots=True)
class Partner:
    """The invented city in front of the node.

    Attributes:
        target: The node.
        identity: Who asks.
        sender: Its stream, at no place in particular: `standing` says where the node is.
        limits: What the node published.
        records: Records to send.
        lifecycle: Commands that end and start the node.
        kept: A batch of an earlier run.
        duplicate_after_s: How long a duplicate waits before it is sent again.
    """

    target: Target
    identity: Identity
    sender: Sender
    limits: exchange_pb2.DescribeResponse.Limits
    records: Records
    lifecycle: Lifecycle
    kept: Kept
    duplicate_after_s: float

    def standing(self) -> Sender:
        """Return the sender at the place where the node says that the stream stands.

        Raises:
            Broken: The opening is refused, or the position is not signed as it must be.
        """
        opening = self.sender.opening()
        position = self.position(opening, self.sender.deliver(opening)).position
        return self.sender.copy(epoch=position.epoch, sequence=position.watermark + 1, head=position.head)

    def position(self, opening: DeliverRequest, answered: Outcome) -> exchange_pb2.Position:
        """Return the verified position that answers an opening.

        Raises:
            Broken: There is none, or it answers something else.
        """
        if not answered.answers or not answered.answers[0].HasField("position"):
            raise Broken(f"未答复位置 · no position: {answered.told}")
        position = self.target.said(exchange_pb2.Position, POSITION, answered.answers[0].position)
        if position.opening_hash != SHA256(OPENING + opening.opening.content):
            raise Broken("位置答复的是另一份开场 · the position's opening_hash is not that of our opening")
        if position.stream != self.sender.stream:
            raise Broken("位置属于另一数据流 · the position is of another stream")
        return position

    def take(self, sender: Sender, bodies: Sequence[bytes]) -> Taken:
        """Send a batch of records that the node must take, and move on.

        Raises:
            Broken: It does not take it, or its receipt is wrong.
        """
        return self.take_sealed(sender, sender.seal(bodies))

    def take_sealed(self, sender: Sender, sealed: Sealed) -> Taken:
        """Send a batch that the node must take, and move on.

        Raises:
            Broken: As `take`.
        """
        answered = sender.send(sealed)
        if not answered.receipts:
            raise Broken(f"批次未被接收 · the batch was not taken: {answered.told}")
        taken = self.receipted(sealed, answered.receipts[0])
        if answered.answers[-1].acknowledgement.watermark != sealed.last_sequence:
            raise Broken("水位不是该批最后一条 · the acknowledgement's watermark is not the batch's last sequence")
        sender.moved(sealed)
        return taken

    def take_good(self, sender: Sender, count: int) -> Taken:
        """Send so many good records, all of which the node must accept.

        Raises:
            Broken: As `take`, or some are rejected.
        """
        taken = self.take(sender, self.records.bodies(count))
        if taken.receipt.rejections:
            rules = sorted({one.rule_id for one in taken.receipt.rejections})
            raise Broken(f"好记录被拒 · good records were rejected: {', '.join(rules)}")
        return taken

    def receipted(self, sealed: Sealed, signed: exchange_pb2.Signed) -> Taken:
        """Verify a batch's receipt: signature, identity of the batch, counts, order of rejections.

        Raises:
            Broken: With what is wrong.
        """
        receipt = self.target.said(exchange_pb2.Receipt, RECEIPT, signed)
        header = sealed.header
        if receipt.header_hash != sealed.hash:
            raise Broken("回执属于另一批次 · the receipt's header_hash is not the batch's")
        named = ("stream", "epoch", "first_sequence", "record_count")
        if wrong := [name for name in named if getattr(receipt, name) != getattr(header, name)]:
            raise Broken(f"回执与批次不符 · the receipt differs from the header: {', '.join(wrong)}")
        sequences = [one.sequence for one in receipt.rejections]
        if receipt.accepted_count + len(sequences) != receipt.record_count:
            raise Broken("record_count ≠ accepted_count + rejections")
        if sequences != sorted(set(sequences)) or not set(sequences) <= set(_range(sealed)):
            raise Broken("拒绝清单的序号有误 · rejections do not rise, or lie outside the batch")
        return Taken(sealed, signed, receipt)

    def require_same(self, taken: Taken, answered: Outcome) -> None:
        """Make sure that a duplicate got its original receipt, byte for byte.

        Raises:
            Broken: It did not.
        """
        if not answered.receipts:
            raise Broken(f"重复批次未得到回执 · the duplicate got no receipt: {answered.told}")
        for signed in answered.receipts:
            if signed.SerializeToString(deterministic=True) != taken.signed.SerializeToString(deterministic=True):
                raise Broken("重复批次得到另一份回执 · the duplicate got another receipt than the original one")

    def require_refused(
        self, answered: Outcome, codes: Collection[grpc.StatusCode], reasons: Collection[str] = ()
    ) -> str:
        """Return code and reason of a refusal.

        Args:
            answered: How the call ended.
            codes: Codes that are right.
            reasons: Reasons that are right; empty: the code alone counts.

        Raises:
            Broken: It was taken, or refused in another way.
        """
        if answered.receipts:
            raise Broken("已被接收并签发回执 · it was taken, with a receipt")
        if answered.code not in codes or (reasons and answered.reason not in reasons):
            raise Broken(f"答复 · answered: {answered.told}")
        return answered.told

    @contextmanager
    def unmoved(self) -> Iterator[Sender]:
        """Hold that the stream stands after the block as before it, and that the node still serves.

        Raises:
            Broken: It moved, or the node answers no more.
        """
        before = self.standing()
        yield before.copy()
        after = self.standing()
        if (after.epoch, after.sequence, after.head) != (before.epoch, before.sequence, before.head):
            raise Broken(
                f"拒绝之后数据流已移动 · the stream moved in spite of the refusal: from sequence {before.sequence} "
                f"of epoch {before.epoch} to {after.sequence} of {after.epoch}"
            )

    def describe(self, leaf: Leaf | None) -> Outcome:
        """Ask the node who it is, with any certificate or none."""
        with self.sender.dialled(leaf) as stub:
            return asked(stub.Describe, exchange_pb2.DescribeRequest(), timeout_s=CONNECT_WITHIN_S)

    def serves(self) -> bool:
        """Say whether the node answers us."""
        return self.describe(self.identity.leaf).code is grpc.StatusCode.OK

    def listed(self, sender: Sender, *, after: int, full: bool = False, page_size: int = 0) -> list[Any]:
        """Return the batches of a sender's epoch that follow a sequence, all pages of them.

        Raises:
            Broken: A page is refused, or brings nothing although there are more.
        """
        found: list[Any] = []
        view = exchange_pb2.BATCH_VIEW_FULL if full else exchange_pb2.BATCH_VIEW_RECEIPT
        with sender.stub() as stub:
            while True:
                request = exchange_pb2.ListReceiptsRequest(
                    stream=sender.stream, epoch=sender.epoch, after_sequence=after, page_size=page_size, view=view
                )
                answered = asked(stub.ListReceipts, request)
                if answered.code is not grpc.StatusCode.OK:
                    raise Broken(f"ListReceipts: {answered.told}")
                page = answered.answers[0]
                found += page.batches
                if not page.more:
                    return found
                if not page.batches:
                    raise Broken("ListReceipts：空页却称还有 · an empty page says that there are more")
                after = exchange_pb2.BatchHeader.FromString(page.batches[-1].header.content).first_sequence


def asked(method: Any, request: Any, *, timeout_s: float = ANSWER_WITHIN_S) -> Outcome:  # noqa: ANN401 - grpc's
    """Ask one question."""
    try:
        answer = method(request, timeout=timeout_s)
    except grpc.RpcError as error:
        return failed(error)
    return outcome([answer])


def _range(sealed: Sealed) -> range:
    return range(sealed.header.first_sequence, sealed.last_sequence + 1)
