"""Approvals at the serving side: how many, of whom, and for what exactly."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict

from services.domain.agreement import Agreement


def agreement_digest(agreement: Agreement) -> str:
    """SHA-256 of an agreement's fields in canonical JSON, hex: what operators approve."""
    fields = asdict(agreement)
    return hashlib.sha256(json.dumps(fields, sort_keys=True, default=str).encode()).hexdigest()
