"""Traces arrive at a collector: OpenTelemetry's own protocol over a real connection, from two real nodes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.integration.support.commands import sync
from tests.integration.support.nodes import NANTONG, SHANGHAI, Node, outbound_name
from tests.integration.support.pairs import acquainted
from tests.integration.support.records import write_files
from tests.integration.support.waiting import until

DELIVER = "yrdx.exchange.v1.ExchangeService/Deliver"
ATTRIBUTES = {
    *("rpc.system", "rpc.service", "rpc.method", "rpc.grpc.status"),
    *("yrdx.city", "yrdx.role", "yrdx.records"),
}


class Told(NamedTuple):
    """A span, and the city whose node told it."""

    city: str
    span: Span


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """A collector that keeps what it gets."""

    def __init__(self) -> None:
        self.told: list[Told] = []

    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 - the contract's name
        """Keep the spans of a request."""
        for group in request.resource_spans:
            about = {one.key: one.value.string_value for one in group.resource.attributes}
            spans = [span for scope in group.scope_spans for span in scope.spans]
            self.told += [Told(about["service.instance.id"], span) for span in spans]
        return trace_service_pb2.ExportTraceServiceResponse()

    def find(self, city: str, kind: Span.SpanKind.ValueType) -> Span | None:
        """Return a city's span of a delivery."""
        wanted = (city, kind, DELIVER)
        return next((one.span for one in self.told if (one.city, one.span.kind, one.span.name) == wanted), None)


@pytest.fixture
def collector() -> Iterator[tuple[Collector, str]]:
    """A collector and its address."""
    kept, server = Collector(), grpc.server(ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(kept, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield kept, f"127.0.0.1:{port}"
    server.stop(0)


def test_both_ends_of_a_delivery_arrive_and_link(tmp_path: Path, collector: tuple[Collector, str]) -> None:
    """Each city's span begins a trace of its own; the receiver's names the sender's. Nothing personal is in either."""
    kept, address = collector

    def trace(node: Node) -> None:
        settings = node.home.settings.read_text(encoding="utf-8")
        node.home.settings.write_text(f'trace_endpoint = "{address}"\n{settings}', encoding="utf-8")

    with acquainted(tmp_path, prepare=trace) as pair:
        for node in pair.nodes:
            node.start()
        sample, _ = write_files(tmp_path / "samples", seed=44, people=40)
        sync(pair.nantong.path, sample.path, SHANGHAI.code)
        pair.nantong.until_settled(outbound_name(NANTONG.code, SHANGHAI.code))
        for node in pair.nodes:
            node.stop()  # a stream's span ends with it

    sent = until("the sender's span arrives", lambda: kept.find(NANTONG.code, Span.SPAN_KIND_CLIENT))
    received = until("the receiver's span arrives", lambda: kept.find(SHANGHAI.code, Span.SPAN_KIND_SERVER))
    assert not sent.parent_span_id
    assert not received.parent_span_id
    assert received.trace_id != sent.trace_id
    assert [(link.trace_id, link.span_id) for link in received.links] == [(sent.trace_id, sent.span_id)]
    assert {one.key for told in kept.told for one in told.span.attributes} == ATTRIBUTES
