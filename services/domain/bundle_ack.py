"""Which version of this city's bundle a partner holds, by its own signature."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class BundleAck:
    """A partner's acknowledgement.

    Attributes:
        city: Partner.
        version: Version of our bundle.
        digest: Its digest, hex.
        acknowledged_at: When it came into use there.
        content: Signed bytes.
        key_id: Partner's signing key.
        signature: Over tag and content.
    """

    city: str
    version: int
    digest: str
    acknowledged_at: datetime
    content: bytes
    key_id: str
    signature: bytes
