"""The numbers of both ends fit together (docs/protocol.md, "Connection")."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.partner.channel import CHANNEL_OPTIONS
from services.domain.limits import Limits
from services.rpc.server import SERVER_OPTIONS, GenericHandlers
from services.wire.batches import message_bytes_max
from yrdx.exchange.v1.exchange_pb2_grpc import ExchangeServiceServicer, add_ExchangeServiceServicer_to_server

SERVER, CLIENT = dict(SERVER_OPTIONS), dict(CHANNEL_OPTIONS)


def test_callers_ping_no_faster_than_servers_take() -> None:
    """A server closes the connection of a caller that pings more often than it allows."""
    assert SERVER["grpc.http2.min_ping_interval_without_data_ms"] == 30_000
    assert CLIENT["grpc.keepalive_time_ms"] == 60_000
    assert SERVER["grpc.keepalive_permit_without_calls"] == CLIENT["grpc.keepalive_permit_without_calls"] == 1


def test_connections_do_not_last_for_ever() -> None:
    """Every certificate is shown anew within 20 minutes, and open streams get time to end."""
    assert SERVER["grpc.max_connection_age_ms"] == 20 * 60 * 1000
    assert SERVER["grpc.max_connection_age_grace_ms"] == 60 * 1000


def test_a_port_is_never_shared() -> None:
    """Linux would let two processes take turns on one port."""
    assert SERVER["grpc.so_reuseport"] == 0


def test_a_caller_takes_what_a_server_may_send() -> None:
    """Both ends know one limit for a message."""
    assert CLIENT["grpc.max_receive_message_length"] == message_bytes_max(Limits()) == 8 * 2**20


class FakeServer:
    """Counts what is added to a server."""

    def __init__(self) -> None:
        """Begin without handlers."""
        self.generic: list[object] = []
        self.registered: list[str] = []

    def add_generic_rpc_handlers(self, handlers: Sequence[object]) -> None:
        """Serve by name."""
        self.generic += handlers

    def add_registered_method_handlers(self, service: str, _handlers: object) -> None:
        """Register."""
        self.registered.append(service)


def test_services_are_served_by_name_alone() -> None:
    """grpc.aio goes through every registered method at every call; generated code would register them all."""
    server, bare = FakeServer(), FakeServer()
    for served in (GenericHandlers(server), bare):  # type: ignore[arg-type]
        add_ExchangeServiceServicer_to_server(ExchangeServiceServicer(), served)
    assert (len(server.generic), server.registered) == (1, [])
    assert (len(bare.generic), bare.registered) == (1, ["yrdx.exchange.v1.ExchangeService"])
