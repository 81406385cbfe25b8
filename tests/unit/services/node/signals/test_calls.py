from __future__ import annotations

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from services.node.signals.calls import Calls
from services.node.signals.metrics import Metrics
from services.ports.calls import Call, CallSide
from tests.simulation.cities import SeededRandom
from tests.unit.services.rpc.calls import StoppedClock

METHOD = "/yrdx.exchange.v1.ExchangeService/Deliver"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.fixture(autouse=True)
def _log_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever other tests made of the log: a logger keeps what stood when it was first used."""
    structlog.reset_defaults()
    monkeypatch.setattr("services.node.signals.calls._log", structlog.get_logger("yrdx.calls"))


def _calls(metrics: Metrics | None = None) -> Calls:
    return Calls(StoppedClock(), SeededRandom(), metrics or Metrics())


def test_a_call_is_one_line_with_who_how_long_and_how_much() -> None:
    """The canonical line of an RPC, the same facts on either side."""
    calls = _calls()
    call = calls.begin(CallSide.SERVER, METHOD, PARENT)
    call.city, call.role, call.code = "320600", "gateway", "OK"
    call.records, call.bytes_in, call.bytes_out = 1_000, 5, 7
    with capture_logs() as logs:
        calls.end(call)

    assert logs == [
        {
            "event": "rpc.served",
            "log_level": "info",
            "method": METHOD,
            "city": "320600",
            "role": "gateway",
            "status": "OK",
            "duration_ms": 0.0,
            "records": 1_000,
            "bytes_in": 5,
            "bytes_out": 7,
            "trace_id": call.trace_id,
            "remote_trace_id": TRACE,
        }
    ]


def test_a_trace_of_another_city_is_linked_and_never_continued() -> None:
    """Our own trace has its own id, and what we send names ours."""
    call = _calls().begin(CallSide.SERVER, METHOD, PARENT)

    assert call.remote_trace_id == TRACE
    assert call.trace_id != TRACE
    assert call.traceparent == f"00-{call.trace_id}-{call.span_id}-00"


@given(st.text())
def test_what_is_no_traceparent_is_nothing(text: str) -> None:
    """It comes from outside: nothing of it reaches a line unless it is hex of the right shape."""
    assert _calls().begin(CallSide.SERVER, METHOD, text).remote_trace_id == ""


@pytest.mark.parametrize("side", CallSide)
def test_calls_are_counted_by_service_method_and_status(side: CallSide) -> None:
    """Under the names that dashboards of gRPC know."""
    metrics = Metrics()
    calls = _calls(metrics)
    for code in ("OK", "OK", "UNAVAILABLE"):
        call: Call = calls.begin(side, METHOD)
        call.code = code
        calls.end(call)

    labels = {"grpc_service": "yrdx.exchange.v1.ExchangeService", "grpc_method": "Deliver"}
    value = metrics.registry.get_sample_value
    assert value(f"grpc_{side}_handled_total", labels | {"grpc_code": "OK"}) == 2
    assert value(f"grpc_{side}_handled_total", labels | {"grpc_code": "UNAVAILABLE"}) == 1
    assert value(f"grpc_{side}_handling_seconds_count", labels) == 3
