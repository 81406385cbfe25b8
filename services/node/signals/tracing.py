"""Traces for OpenTelemetry, where ``yrdx[otel]`` is installed and `trace_endpoint` names a collector.

Every RPC is a trace of its own with one span. What the other side's ``traceparent`` names is linked and never
continued: another city shall not decide what is sampled here, nor join its spans to ours. Baggage and trace state are
neither read nor sent.

Source:
    W3C Trace Context; OpenTelemetry semantic conventions for RPC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Self, cast

from services.node.exits import Mistake
from services.ports.calls import Call, CallSide

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, SpanContext


class TracesMissing(Mistake):
    """Traces are asked for and cannot be made."""

    reason: ClassVar[str] = "OTEL_MISSING"


class Spans:
    """Makes one span of every call."""

    def __init__(self, provider: TracerProvider) -> None:
        """Begin without a call.

        Args:
            provider: Samples and exports.
        """
        from opentelemetry.trace import SpanKind, StatusCode

        self._provider = provider
        self._tracer = provider.get_tracer("yrdx")
        self._kinds: Final = {CallSide.SERVER: SpanKind.SERVER, CallSide.CLIENT: SpanKind.CLIENT}
        self._error = StatusCode.ERROR

    @classmethod
    def exported_to(cls, endpoint: str, *, city: str, software: str) -> Self:
        """Return spans that a collector gets.

        Args:
            endpoint: OTLP over gRPC, "host:port", without TLS: a collector on this machine.
            city: This node's city code.
            software: Its version.

        Raises:
            TracesMissing: The extra is not installed.
        """
        try:
            from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            raise TracesMissing(
                "设置了 trace_endpoint 但未安装 OpenTelemetry · trace_endpoint is set, OpenTelemetry is missing: "
                "pip install 'yrdx[otel]'"
            ) from error
        about = {"service.name": "yrdx", "service.version": software, "service.instance.id": city}
        provider = TracerProvider(resource=Resource(about))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, insecure=True)))
        return cls(provider)

    def begin(self, call: Call, remote_span_id: str) -> None:
        """Begin a call's span; the call takes over its ids.

        Args:
            call: The call.
            remote_span_id: Span that the other side named; empty when it named none.
        """
        from opentelemetry.context import Context
        from opentelemetry.trace import Link

        linked = _remote(call.remote_trace_id, remote_span_id)
        span = self._tracer.start_span(
            call.method[1:],
            context=Context(),  # empty: no parent, no baggage, whatever this task carries
            kind=self._kinds[call.side],
            links=[Link(linked)] if linked is not None else [],
        )
        own = span.get_span_context()
        call.trace_id, call.span_id = f"{own.trace_id:032x}", f"{own.span_id:016x}"
        call.sampled, call.note = own.trace_flags.sampled, span

    def end(self, call: Call) -> None:
        """End a call's span with what is known of it."""
        span = cast("Span", call.note)
        service, _, method = call.method[1:].partition("/")
        span.set_attributes(
            {
                "rpc.system": "grpc",
                "rpc.service": service,
                "rpc.method": method,
                "rpc.grpc.status": call.code,
                "yrdx.city": call.city,
                "yrdx.role": call.role,
                "yrdx.records": call.records,
            }
        )
        if call.code != "OK":
            span.set_status(self._error)
        span.end()

    def close(self) -> None:
        """Export what is left."""
        self._provider.shutdown()


def _remote(trace_id: str, span_id: str) -> SpanContext | None:
    from opentelemetry.trace import SpanContext

    if not trace_id:
        return None
    context = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True)
    return context if context.is_valid else None
