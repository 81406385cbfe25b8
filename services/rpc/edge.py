"""The edge of the server: what every call passes, whatever its service.

In this order: who calls and may they, does the request keep the contract's rules, the servicer, and what went wrong
becomes a status. All of it is asked once per call, the rules once per message.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final, TypeAlias

import grpc
from grpc.aio import ServicerContext

from services.rpc.callers import CallerGuard
from services.rpc.errors import abort_with, verify_request
from services.rpc.live import LiveCall, LiveCalls

# Text, since grpc's own classes take no parameters at run time.
_Context: TypeAlias = "ServicerContext[Any, Any]"
_Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"

_MAKE: Final[dict[tuple[bool, bool], Callable[..., _Handler]]] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


class Edge(grpc.aio.ServerInterceptor):
    """The one interceptor of a server."""

    def __init__(self, guard: CallerGuard, live: LiveCalls) -> None:
        """Set up the edge.

        Args:
            guard: Admits callers.
            live: Registry of the open calls.
        """
        self._guard = guard
        self._live = live
        self._guarded: dict[str, _Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[_Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> _Handler | None:
        """Return a method's handler with the edge around it; None for a method that is not served (UNIMPLEMENTED)."""
        method = handler_call_details.method
        guarded = self._guarded.get(method)
        if guarded is None:
            handler = await continuation(handler_call_details)
            if handler is None:
                return None
            guarded = self._guarded[method] = self._guard_handler(method, handler)
        return guarded

    def _guard_handler(self, method: str, handler: _Handler) -> _Handler:
        behaviour: Any = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
        accept = _verified if handler.request_streaming else verify_request
        # A streaming method may also be a coroutine that writes to its context (the health service's Watch).
        around = self._around_stream if inspect.isasyncgenfunction(behaviour) else self._around_single
        return _MAKE[handler.request_streaming, handler.response_streaming](
            around(method, behaviour, accept), handler.request_deserializer, handler.response_serializer
        )

    def _around_single(
        self, method: str, behaviour: Callable[..., Awaitable[Any]], accept: Callable[[Any], Any]
    ) -> Callable[[Any, _Context], Awaitable[Any]]:
        async def single(request: Any, context: _Context) -> Any:  # noqa: ANN401 - any message
            call: LiveCall | None = None
            try:
                call = self._live.enter(method, context, self._guard.admit(method, context))
                return await behaviour(accept(request), context)
            except asyncio.CancelledError:
                await _end_cut(context, method, call)
                raise
            except Exception as error:  # noqa: BLE001 - every error becomes a status, none is swallowed
                await abort_with(context, method, error)
            finally:
                if call is not None:
                    self._live.leave(call)

        return single

    def _around_stream(
        self, method: str, behaviour: Callable[..., AsyncGenerator[Any, None]], accept: Callable[[Any], Any]
    ) -> Callable[[Any, _Context], AsyncIterator[Any]]:
        async def stream(request: Any, context: _Context) -> AsyncIterator[Any]:  # noqa: ANN401 - any message
            call: LiveCall | None = None
            try:
                call = self._live.enter(method, context, self._guard.admit(method, context))
                async with aclosing(behaviour(accept(request), context)) as responses:
                    async for response in responses:
                        yield response
            except asyncio.CancelledError:
                await _end_cut(context, method, call)
                raise
            except Exception as error:  # noqa: BLE001 - every error becomes a status, none is swallowed
                await abort_with(context, method, error)
            finally:
                if call is not None:
                    self._live.leave(call)

        return stream


async def _verified(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for request in requests:
        yield verify_request(request)


async def _end_cut(context: _Context, method: str, call: LiveCall | None) -> None:
    """Tell the caller why its call was cut; return when it was cancelled for another reason.

    Raises:
        grpc.aio.AbortError: The call was cut.
    """
    if call is None or call.cut is None:
        return
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()
    call.told = True
    await abort_with(context, method, call.cut)
