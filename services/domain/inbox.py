"""What arrived: accepted records in the order of their stream."""

from __future__ import annotations

from typing import NamedTuple


class InboxRow(NamedTuple):
    """One accepted record to insert.

    Attributes:
        sequence: Sequence in the batch's epoch.
        operation: ``yrdx.types.v1.Operation`` number.
        key: Business key, 16 bytes.
        salt: Salt as received.
        body: Body as received.
    """

    sequence: int
    operation: int
    key: bytes
    salt: bytes
    body: bytes


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
