"""What arrived: accepted records in the order of their stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from services.domain.batch import Record


class Accepted(NamedTuple):
    """The accepted records of a batch, column by column.

    Attributes:
        offsets: Place of each in its batch, rising from 0.
        operations: ``yrdx.types.v1.Operation`` number of each.
        keys: Business key of each, 16 bytes.
        records: Each as received.
    """

    offsets: Sequence[int]
    operations: Sequence[int]
    keys: Sequence[bytes]
    records: Sequence[Record]


class InboxProgress(NamedTuple):
    """How far an inbound stream is, over all its epochs.

    Attributes:
        received: Records of all applied batches.
        accepted: Those that were accepted; the others were rejected.
        held: Of the accepted ones, those that nobody reads yet: a newer version of their standard is waited for.
    """

    received: int
    accepted: int
    held: int = 0


class StoredRecord(NamedTuple):
    """One accepted record with its place.

    Attributes:
        id: Rising position within its stream; what sinks and watchers read by.
        epoch: Epoch.
        sequence: Sequence.
        operation: ``yrdx.types.v1.Operation`` number.
        key: Business key.
        salt: Salt.
        body: Body.
    """

    id: int
    epoch: int
    sequence: int
    operation: int
    key: bytes
    salt: bytes
    body: bytes
