"""All promises, in the order in which they are asked: what the later ones need is asked for first."""

from __future__ import annotations

from itertools import chain
from typing import Final

from services.node.conformance.checks import (
    batches,
    certificates,
    conflicts,
    describe,
    duplicates,
    durability,
    epochs,
    limits,
    openings,
    receipts,
    records,
)
from services.node.conformance.promises import Promise

ALL: Final[tuple[Promise, ...]] = tuple(
    chain(
        certificates.PROMISES,
        describe.PROMISES,
        openings.PROMISES,
        batches.PROMISES,
        records.PROMISES,
        duplicates.PROMISES,
        conflicts.PROMISES,
        receipts.PROMISES,
        limits.PROMISES,
        durability.PROMISES,
        epochs.PROMISES,
    )
)

GROUPS: Final = {
    "certificates": "证书 · certificates",
    "describe": "自述 · Describe",
    "openings": "开场 · openings",
    "batches": "批次 · batches",
    "records": "记录 · records",
    "duplicates": "重复 · duplicates",
    "conflicts": "冲突 · conflicts",
    "receipts": "回执 · receipts",
    "limits": "上限 · limits",
    "durability": "持久 · durability",
    "epochs": "纪元 · epochs",
}
"""What the groups are called."""
