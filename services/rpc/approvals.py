"""Approvals at the serving side: how many, of whom, and for what exactly."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict

from services.domain.agreement import Agreement
from services.rpc.node_desk import NodeDesk


def agreement_digest(agreement: Agreement) -> str:
    """SHA-256 of an agreement's fields in canonical JSON, hex: what operators approve."""
    fields = asdict(agreement)
    return hashlib.sha256(json.dumps(fields, sort_keys=True, default=str).encode()).hexdigest()


class Granting(NodeDesk):
    """Acts that grant trust: approved first, and in the log before they take effect."""

    async def _grant(self, act: str, subject: str, digest: str, approvals: Sequence[bytes]) -> None:
        approved = await self.host.require_approved(act, digest, approvals)
        details = {"digest": digest}
        await self.host.record_act(f"grant.{act}", subject, by=self.acting(), details=details, approvals=approved)
