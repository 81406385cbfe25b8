"""The observer of calls as a test sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

from services.ports.calls import Call, CallSide


@dataclass
class FakeCalls:
    """Keeps every call; implements `services.ports.calls.CallObserver`.

    Attributes:
        begun: What the other sides named, in order.
        ended: Calls in the order in which they ended, each as often as it was said to have ended.
    """

    begun: list[str] = field(default_factory=list)
    ended: list[Call] = field(default_factory=list)
    _ids: count[int] = field(default_factory=lambda: count(1))

    def begin(self, side: CallSide, method: str, traceparent: str = "") -> Call:
        """See the port."""
        self.begun.append(traceparent)
        number = next(self._ids)
        return Call(side, method, 0.0, f"{number:032x}", f"{number:016x}")

    def end(self, call: Call) -> None:
        """See the port."""
        self.ended.append(call)
