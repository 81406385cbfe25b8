"""Every RPC as one side of it saw it, told to whoever keeps logs, metrics and traces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeAlias

Codec: TypeAlias = Callable[[Any], Any] | None
"""A serializer or deserializer of gRPC's; None where messages are bytes already, which nobody counts then."""


class CallSide(StrEnum):
    """Which side of an RPC speaks."""

    SERVER = "server"
    CLIENT = "client"


@dataclass(slots=True)
class Call:
    """One RPC; whoever carries it fills in what it learns, until the call ends.

    Attributes:
        side: Which side this is.
        method: Full name, "/yrdx.exchange.v1.ExchangeService/Deliver".
        begun_s: Monotonic seconds.
        trace_id: This side's trace, 32 hex digits.
        span_id: This call in it, 16 hex digits.
        remote_trace_id: The other side's trace, as it named it; empty when it named none. A link, never a parent.
        city: City at the other end; empty until it is proved.
        role: Its role, "gateway"; empty until it is proved.
        code: gRPC's name of the status. A call that nobody completed was cancelled.
        records: Records that it carried, either way.
        bytes_in: Bytes of the messages that came, without framing.
        bytes_out: Bytes of the messages that went.
        sampled: Whether this side keeps its trace.
        note: What the observer itself attached to it.
    """

    side: CallSide
    method: str
    begun_s: float
    trace_id: str
    span_id: str
    remote_trace_id: str = ""
    city: str = ""
    role: str = ""
    code: str = "CANCELLED"
    records: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    sampled: bool = False
    note: object = None

    @property
    def traceparent(self) -> str:
        """What the other side is told, so that it can link its trace with this one (W3C Trace Context, 3.2)."""
        return f"00-{self.trace_id}-{self.span_id}-{self.sampled:02d}"

    def reading(self, deserialize: Codec) -> Codec:
        """Return a deserializer that counts what comes."""
        if deserialize is None:
            return None

        def counted(data: bytes) -> Any:  # noqa: ANN401 - any message
            self.bytes_in += len(data)
            return deserialize(data)

        return counted

    def writing(self, serialize: Codec) -> Codec:
        """Return a serializer that counts what goes."""
        if serialize is None:
            return None

        def counted(message: Any) -> bytes:  # noqa: ANN401 - any message
            data: bytes = serialize(message)
            self.bytes_out += len(data)
            return data

        return counted


class CallObserver(Protocol):
    """Is told of every RPC, twice: when it begins and, exactly once, when it ends."""

    def begin(self, side: CallSide, method: str, traceparent: str = "") -> Call:
        """Return a call that begins now.

        Args:
            side: Which side we are.
            method: Full name.
            traceparent: What the other side sent under that name; it comes from outside and may be anything.
        """
        ...

    def end(self, call: Call) -> None:
        """Take note of a call that ended."""
        ...
