"""Session: the command line's way to NodeService, the same whether the node serves or not.

The serving process alone opens a node's store. While it serves, calls go over mutual TLS to its own listener with
the operator's certificate. While it does not, the command takes the home's lock and runs the same servicer in its
own process.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from services.domain.errors import Unavailable
from services.node.home import Home
from services.node.lock import NodeLock, held_by
from services.node.settings import Settings
from services.node.settings_file import load_settings

if TYPE_CHECKING:
    import grpc

    from certs.generation import Generation

CALL_TIMEOUT_S: Final = 60.0
HEALTH_TIMEOUT_S: Final = 5.0
EXCHANGE_SERVICE: Final = "yrdx.exchange.v1.ExchangeService"


@dataclass(frozen=True)
class NodeSession:
    """One command's access to its node.

    Attributes:
        stub: Has every rpc of NodeService as a method: a message (or an iterator of messages, for `Submit`) in, a
            message or an iterator out; raises `services.domain.errors.ExchangeError`.
        settings: The home's settings.
        home: The home's layout.
        serving: Whether a node serves; otherwise nothing is delivered until one does.
    """

    stub: Any
    settings: Settings
    home: Home
    serving: bool


@contextmanager
def open_session(path: Path) -> Iterator[NodeSession]:
    """Open a session with the node of a home.

    Raises:
        ExchangeError: The node cannot be reached, or its store cannot be opened.
    """
    home = Home(path)
    settings = load_settings(home)
    if held_by(home) is None:
        with NodeLock(home), _local_stub(home, settings) as local:
            yield NodeSession(local, settings, home, serving=False)
    else:
        with own_channel(home, settings) as channel:
            yield NodeSession(RemoteStub(channel), settings, home, serving=True)


def verify_serving(path: Path) -> None:
    """Ask the node of a home itself whether it takes calls, as any partner would: over mutual TLS.

    Raises:
        Unavailable: It does not, or no node serves the home.
    """
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]  # ships no types

    home = Home(path)
    settings = load_settings(home)
    if held_by(home) is None:
        raise Unavailable(f"no node serves {path}: `yrdx serve --home {path}`")
    with own_channel(home, settings) as channel:
        check = health_pb2_grpc.HealthStub(channel).Check
        request = health_pb2.HealthCheckRequest(service=EXCHANGE_SERVICE)
        answer = calling(lambda: check(request, timeout=HEALTH_TIMEOUT_S))
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        raise Unavailable(f"the node of {path} is stopping")


class RemoteStub:
    """NodeService over mutual TLS, with domain errors."""

    def __init__(self, channel: grpc.Channel) -> None:
        """Wrap a channel."""
        from yrdx.node.v1 import node_pb2_grpc

        self._stub = node_pb2_grpc.NodeServiceStub(channel)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return one rpc."""
        import grpc

        method = getattr(self._stub, name)
        if isinstance(method, grpc.UnaryUnaryMultiCallable):
            return lambda request: calling(lambda: method(request, timeout=CALL_TIMEOUT_S))
        return lambda request, timeout_s=None: iterating(method(request, timeout=timeout_s))


class LocalStub:
    """NodeService in this process, without a network and without couriers."""

    def __init__(self, servicer: Any, loop: asyncio.AbstractEventLoop) -> None:  # noqa: ANN401 - every rpc by name
        """Wrap a servicer."""
        self._servicer = servicer
        self._loop = loop

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return one rpc."""
        import inspect

        from services.rpc.errors import verify_request

        method = getattr(self._servicer, name)
        if inspect.isasyncgenfunction(inspect.unwrap(method)):
            return lambda request, timeout_s=None: self._iterate(method(self._as_sent(request), None), timeout_s)
        return lambda request: self._loop.run_until_complete(method(verify_request(request), None))

    def _as_sent(self, request: Any) -> Any:  # noqa: ANN401 - one message, or an iterable of them
        return _as_async(request) if isinstance(request, Iterable) else request

    def _iterate(self, answers: AsyncIterator[Any], timeout_s: float | None) -> Iterator[Any]:
        deadline = None if timeout_s is None else self._loop.time() + timeout_s
        while True:
            left_s = None if deadline is None else max(0.0, deadline - self._loop.time())
            try:
                yield self._loop.run_until_complete(asyncio.wait_for(anext(answers), left_s))
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                raise Unavailable("the time for the answer is over") from error


async def _as_async(requests: Iterable[Any]) -> AsyncIterator[Any]:
    """Yield what an iterable yields; it may block, since its producer waits for answers of ours."""
    waiting, end = iter(requests), object()
    while (request := await asyncio.to_thread(next, waiting, end)) is not end:
        yield request


def calling(call: Callable[[], Any]) -> Any:  # noqa: ANN401
    """Return what a call answers.

    Raises:
        ExchangeError: What it ended with instead.
    """
    import grpc

    from services.wire.status import error_from

    try:
        return call()
    except grpc.RpcError as error:
        raise error_from(error) from error  # type: ignore[arg-type]  # a finished call is both


def iterating(answers: Iterator[Any]) -> Iterator[Any]:
    """Yield what a stream answers.

    Raises:
        ExchangeError: What it ended with instead.
    """
    import grpc

    from services.wire.status import error_from

    try:
        yield from answers
    except grpc.RpcError as error:
        raise error_from(error) from error  # type: ignore[arg-type]  # a finished call is both


@contextmanager
def own_channel(home: Home, settings: Settings) -> Iterator[grpc.Channel]:
    """Open a channel to the home's node, which serves, with an operator's certificate."""
    import grpc

    from adapters.partner.channel import CHANNEL_OPTIONS
    from certs.identity import gateway_host
    from services.node.keys import usable_keys
    from services.node.system import SystemClock

    generation, _ = usable_keys(home, settings, now=SystemClock().now())
    key_pem, chain_pem = _operator_pair(generation)
    credentials = grpc.ssl_channel_credentials(generation.own_roots_pem, key_pem, chain_pem)
    options = [*CHANNEL_OPTIONS, ("grpc.ssl_target_name_override", gateway_host(generation.city))]
    with grpc.secure_channel(settings.listen, credentials, options=options) as channel:
        yield channel


def _operator_pair(generation: Generation) -> tuple[bytes, bytes]:
    """Key and leaf that commands call with: a person's, where ``YRDX_OPERATOR`` names it, else the home's own."""
    named = os.environ.get("YRDX_OPERATOR")
    if not named:
        return generation.operator.key_pem, generation.operator.chain_pem
    leaf = Path(named)
    return leaf.with_suffix(".key").read_bytes(), leaf.read_bytes()


@contextmanager
def _local_stub(home: Home, settings: Settings) -> Iterator[LocalStub]:
    from services.exchange.retell import retell_cases
    from services.node.node import open_node
    from services.node.signals.logs import log_beside
    from services.rpc.node_service import NodeServicer

    log_beside()
    loop = asyncio.new_event_loop()
    try:
        with open_node(home, settings) as node:
            node.store.write(partial(retell_cases, parts=node.parts)).result()
            yield LocalStub(NodeServicer(node.parts, node.store, node), loop)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
