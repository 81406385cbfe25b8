"""Records of the call that is being served, counted where servicers see them."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

from services.ports.calls import Call

_CALL: Final[ContextVar[Call | None]] = ContextVar("yrdx_call", default=None)


def serving(call: Call) -> Call:
    """Let `count_records` know which call is served here."""
    _CALL.set(call)
    return call


def count_records(count: int) -> None:
    """Add to what the present call carried; outside of one (a node that does not serve) nobody counts."""
    call = _CALL.get()
    if call is not None:
        call.records += count
