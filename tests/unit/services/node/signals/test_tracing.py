from __future__ import annotations

import sys

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from services.node.signals.calls import Calls
from services.node.signals.metrics import Metrics
from services.node.signals.tracing import Spans, TracesMissing
from services.ports.calls import CallSide
from tests.simulation.cities import SeededRandom
from tests.unit.services.rpc.calls import StoppedClock

METHOD = "/yrdx.exchange.v1.ExchangeService/Describe"
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    """What a collector would get."""
    return InMemorySpanExporter()


@pytest.fixture
def calls(exporter: InMemorySpanExporter) -> Calls:
    """Calls of a node that keeps traces."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Calls(StoppedClock(), SeededRandom(), Metrics(), Spans(provider))


def test_a_remote_trace_is_linked_and_never_continued(calls: Calls, exporter: InMemorySpanExporter) -> None:
    """Another city neither decides what is sampled here nor joins its spans to ours."""
    calls.end(calls.begin(CallSide.SERVER, METHOD, f"00-{TRACE}-{SPAN}-00"))

    (span,) = exporter.get_finished_spans()
    assert span.parent is None
    assert span.context is not None
    assert span.context.trace_id != int(TRACE, 16)
    assert [(f"{link.context.trace_id:032x}", f"{link.context.span_id:016x}") for link in span.links] == [(TRACE, SPAN)]
    assert span.kind is SpanKind.SERVER


def test_neither_parent_nor_baggage_of_the_process_gets_into_a_span(
    calls: Calls, exporter: InMemorySpanExporter
) -> None:
    """Whatever a task carries, a call's trace begins with it and what is sent names that trace alone."""
    tracer = TracerProvider().get_tracer("test")
    token = context.attach(baggage.set_baggage("name", "沈示例", trace.set_span_in_context(tracer.start_span("outer"))))
    try:
        call = calls.begin(CallSide.CLIENT, METHOD)
        calls.end(call)
    finally:
        context.detach(token)

    (span,) = exporter.get_finished_spans()
    assert (span.parent, list(span.links)) == (None, [])
    assert "沈示例" not in span.to_json()
    assert span.context is not None
    assert call.traceparent == f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-01"


def test_a_span_says_what_the_line_says(calls: Calls, exporter: InMemorySpanExporter) -> None:
    """Peer, status and records; an error is marked."""
    call = calls.begin(CallSide.CLIENT, METHOD)
    call.city, call.role, call.code, call.records = "310000", "gateway", "UNAVAILABLE", 3
    calls.end(call)

    (span,) = exporter.get_finished_spans()
    assert span.attributes == {
        "rpc.system": "grpc",
        "rpc.service": "yrdx.exchange.v1.ExchangeService",
        "rpc.method": "Describe",
        "rpc.grpc.status": "UNAVAILABLE",
        "yrdx.city": "310000",
        "yrdx.role": "gateway",
        "yrdx.records": 3,
    }
    assert not span.status.is_ok


def test_a_link_to_nothing_is_none(calls: Calls, exporter: InMemorySpanExporter) -> None:
    """A trace of zeros is no trace (W3C Trace Context, 3.2.2.3)."""
    calls.end(calls.begin(CallSide.SERVER, METHOD, f"00-{'0' * 32}-{'0' * 16}-00"))

    (span,) = exporter.get_finished_spans()
    assert not span.links


def test_traces_without_the_extra_are_a_mistake_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    """The node does not start as if it traced."""
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.grpc.trace_exporter", None)

    with pytest.raises(TracesMissing, match=r"yrdx\[otel\]"):
        Spans.exported_to("127.0.0.1:4317", city="320600", software="0")
