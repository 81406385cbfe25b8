"""Calls: one log line, two metrics and, where traces are kept, one span for every RPC."""

from __future__ import annotations

import re
from typing import Final

import structlog

from services.node.signals.metrics import Metrics
from services.node.signals.tracing import Spans
from services.ports.calls import Call, CallSide
from services.ports.clock import Clock, Random

_log = structlog.get_logger("yrdx.calls")

_EVENTS: Final = {CallSide.SERVER: "rpc.served", CallSide.CLIENT: "rpc.called"}
_PARENT: Final = re.compile(r"[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-[0-9a-f]{2}(-.*)?")


class Calls:
    """Implements `services.ports.calls.CallObserver`."""

    def __init__(self, clock: Clock, random: Random, metrics: Metrics, spans: Spans | None = None) -> None:
        """Begin without a call.

        Args:
            clock: Measures.
            random: Makes the ids of traces.
            metrics: Count.
            spans: Keeps traces; None where nobody collects them.
        """
        self._clock = clock
        self._random = random
        self._metrics = metrics
        self._spans = spans

    def begin(self, side: CallSide, method: str, traceparent: str = "") -> Call:
        """See the port. What the other side names is linked, never continued: its trace is another city's."""
        remote = _PARENT.fullmatch(traceparent)
        trace, span = f"{self._random.bits(128):032x}", f"{self._random.bits(64):016x}"
        call = Call(side, method, self._clock.monotonic_s(), trace, span, remote["trace"] if remote else "")
        if self._spans is not None:
            self._spans.begin(call, remote["span"] if remote else "")
        return call

    def end(self, call: Call) -> None:
        """See the port."""
        seconds = self._clock.monotonic_s() - call.begun_s
        self._metrics.called(call, seconds)
        if self._spans is not None:
            self._spans.end(call)
        _log.info(
            _EVENTS[call.side],
            method=call.method,
            city=call.city,
            role=call.role,
            status=call.code,
            duration_ms=round(seconds * 1e3, 1),
            records=call.records,
            bytes_in=call.bytes_in,
            bytes_out=call.bytes_out,
            trace_id=call.trace_id,
            remote_trace_id=call.remote_trace_id,
        )
