"""One batch of an earlier run, with its receipt: whoever still has it can ask for the receipt again, years later."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import DecodeError

from services.node.exits import Mistake
from yrdx.exchange.v1 import exchange_pb2


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that holds the oldest batch which a node acknowledged.

    Attributes:
        path: The file: a ``Batch`` whose ``original_receipt`` is the receipt.
    """

    path: Path

    def load(self) -> exchange_pb2.Batch | None:
        """Return the batch of an earlier run, or None at the first one.

        Raises:
            Mistake: The file holds something else.
        """
        if not self.path.exists():
            return None
        try:
            return exchange_pb2.Batch.FromString(self.path.read_bytes())
        except DecodeError as error:
            raise Mistake(f"{self.path}：不是批次，请删除 · holds no batch: remove it") from error

    def save(self, batch: exchange_pb2.Batch, receipt: exchange_pb2.Signed) -> None:
        """Keep a batch for later runs, where none is kept."""
        if not self.path.exists():
            kept = exchange_pb2.Batch()
            kept.CopyFrom(batch)
            kept.original_receipt.CopyFrom(receipt)
            self.path.write_bytes(kept.SerializeToString())
