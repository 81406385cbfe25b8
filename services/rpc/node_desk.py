"""What every part of NodeService is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from grpc.aio import ServicerContext

from services.domain.stream import Stream
from services.exchange.parts import Parts
from services.ports.host import Host
from services.ports.store import Store
from services.rpc.callers import current_caller

Context: TypeAlias = "ServicerContext[Any, Any]"
"""A call, as gRPC hands it to a servicer."""


def state_told(stream: Stream, *, paused: bool) -> tuple[str, str]:
    """Return a stream's state and its reason for operators; what needs a human goes before a pause of the partner."""
    if paused and not stream.state_reason:
        return "PAUSED", "an operator paused the partner: `yrdx partner resume`"
    return stream.state.value, stream.state_reason


@dataclass(frozen=True)
class NodeDesk:
    """Base of the parts of NodeService.

    Attributes:
        parts: Ports.
        store: Store.
        host: The running node around it.
    """

    parts: Parts
    store: Store
    host: Host

    def acting(self) -> str:
        """URI of whoever acts: the caller, or, where a command runs the servicer itself, the home's own operator."""
        try:
            return current_caller().identity.uri
        except LookupError:
            return f"spiffe://{self.parts.city}.yrdx/operator/local"
