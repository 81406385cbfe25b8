"""The numbers of both ends fit together (docs/protocol.md, "Connection")."""

from __future__ import annotations

from adapters.partner.channel import CHANNEL_OPTIONS
from services.domain.limits import Limits
from services.rpc.server import SERVER_OPTIONS
from services.wire.batches import message_bytes_max

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
