"""The gRPC server of a node: its limits, the standard services beside ours, and an orderly end."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]  # ships no types
from grpc_health.v1.health import aio as aio_health  # type: ignore[import-untyped]  # ships no types
from grpc_reflection.v1alpha import (  # type: ignore[import-untyped]  # ships no types
    reflection,
    reflection_pb2,
    reflection_pb2_grpc,
)

from services.domain.limits import Limits
from services.ports.calls import CallObserver
from services.rpc.callers import CallerGuard
from services.rpc.edge import Edge
from services.rpc.live import LiveCalls
from services.wire.batches import message_bytes_max

SERVER_OPTIONS: Final = (
    ("grpc.so_reuseport", 0),  # a taken port is an error, not two nodes that share its calls
    ("grpc.http2.min_ping_interval_without_data_ms", 30_000),  # clients ping every 60 s; gRPC's default is 5 min
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # Every connection shows its certificate anew within this time; streams get the grace to end by themselves.
    ("grpc.max_connection_age_ms", 20 * 60_000),
    ("grpc.max_connection_age_grace_ms", 60_000),
    ("grpc.max_concurrent_streams", 100),
)

_STANDARD_SERVICES: Final[tuple[ServiceDescriptor, ...]] = (
    health_pb2.DESCRIPTOR.services_by_name["Health"],
    reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"],
)


class AddressTaken(Exception):
    """The node cannot listen on its address; its operator stops the other process, or changes the address."""


@dataclass(frozen=True, slots=True)
class Service:
    """One service to serve.

    Attributes:
        descriptor: From the contract, ``exchange_pb2.DESCRIPTOR.services_by_name["ExchangeService"]``.
        add_to: Adds the servicer to a server, ``add_ExchangeServiceServicer_to_server`` with its servicer.
    """

    descriptor: ServiceDescriptor
    add_to: Callable[[grpc.aio.Server], None]


class NodeServer:
    """A server with health and reflection, bound to its address and not started yet.

    Attributes:
        guard: Admits callers.
        live: Its open calls.
        port: Port it listens on.
    """

    def __init__(
        self,
        services: Sequence[Service],
        guard: CallerGuard,
        credentials: grpc.ServerCredentials,
        *,
        listen: str,
        limits: Limits,
        observer: CallObserver,
    ) -> None:
        """Build a server; call it inside the running event loop.

        Args:
            services: What to serve, beside health and reflection.
            guard: Admits callers; its table must name all methods of the services and nothing else.
            credentials: `services.rpc.credentials.ServerTrust.credentials`, of this port alone.
            listen: "host:port"; port 0 takes a free one.
            limits: This node's limits.
            observer: Is told of every call.

        Raises:
            ValueError: The table of callers is not complete (see `services.rpc.callers.verify_callers`).
            AddressTaken: Another process listens there, or the address is not this machine's.
        """
        guard.cover([service.descriptor for service in services], anybody=_STANDARD_SERVICES)
        bytes_max = message_bytes_max(limits)
        sizes = [("grpc.max_receive_message_length", bytes_max), ("grpc.max_send_message_length", bytes_max)]
        self.guard = guard
        self.live = LiveCalls(guard, lambda: guard.trust.revocations.agreements)
        edge = Edge(guard, self.live, observer)
        self._server = grpc.aio.server(interceptors=[edge], options=[*SERVER_OPTIONS, *sizes])
        self._health: Any = aio_health.HealthServicer()
        self._names = [service.descriptor.full_name for service in services]
        self._add(services)
        self.port = _bind(self._server, listen, credentials)

    async def start(self) -> None:
        """Take calls."""
        await self._server.start()
        for name in self._names:
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)

    async def stop(self, drain_s: float) -> None:
        """Say NOT_SERVING, take no new calls, and end those that are open after the time given at the latest."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(drain_s)

    async def wait(self) -> None:
        """Wait until the server has stopped."""
        await self._server.wait_for_termination()

    def _add(self, services: Sequence[Service]) -> None:
        server: Any = GenericHandlers(self._server)
        for service in services:
            service.add_to(server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        standard = [descriptor.full_name for descriptor in _STANDARD_SERVICES]
        servicer = reflection.aio.ReflectionServicer([*self._names, *standard])
        reflection_pb2_grpc.add_ServerReflectionServicer_to_server(servicer, server)


class GenericHandlers:
    """What services are added to: a server that registers no methods.

    grpc.aio waits for each registered method by a task of its own and goes through all of them at every call: with a
    node's 46 methods a sixth of what a look-up cost the event loop (docs/benchmarks.md).
    """

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Serve methods by their names."""
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, service: str, handlers: object) -> None:
        """Register nothing: generated code calls this beside the other."""


def _bind(server: grpc.aio.Server, listen: str, credentials: grpc.ServerCredentials) -> int:
    try:
        return server.add_secure_port(listen, credentials)
    except RuntimeError as error:
        raise AddressTaken(f"cannot listen on {listen}: {_why_not(listen)}") from error


def _why_not(listen: str) -> str:
    """Ask the operating system, since gRPC does not say."""
    host, _, port = listen.rpartition(":")
    try:
        with socket.create_server((host.strip("[]"), int(port)), family=_family(host)):
            return "gRPC refused the address, the operating system does not"
    except (OSError, ValueError) as error:
        return f"{error}; stop the other process, or change `listen`"


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
