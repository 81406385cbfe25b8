"""Refusals, held against what the protocol says they are."""

from __future__ import annotations

from google.rpc.error_details_pb2 import BadRequest
from grpc import StatusCode

from services.node.conformance.calls import Outcome


def assert_refused(refused: Outcome, code: StatusCode, reason: str) -> None:
    """Hold a refusal against what the protocol says it is."""
    assert (refused.code, refused.info.reason, refused.info.domain) == (code, reason, "yrdx"), refused.details
    assert not refused.receipts
    if code is StatusCode.INVALID_ARGUMENT:
        assert refused.detail(BadRequest).field_violations
