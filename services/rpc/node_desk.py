"""What every part of NodeService is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from grpc.aio import ServicerContext

from services.exchange.parts import Parts
from services.ports.host import Host
from services.ports.store import Store
from services.rpc.callers import current_caller

Context: TypeAlias = "ServicerContext[Any, Any]"
"""A call, as gRPC hands it to a servicer."""


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
