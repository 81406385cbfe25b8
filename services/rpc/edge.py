"""The edge of the server: what every call passes, whatever its service.

In this order: who calls and may they, does the request keep the contract's rules, the servicer, and what went wrong
becomes a status. All of it is asked once per call, the rules once per message.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final, TypeAlias

import grpc
from grpc.aio import ServicerContext

from services.ports.calls import Call, CallObserver, CallSide, Codec
from services.rpc.callers import CallerGuard
from services.rpc.counting import serving
from services.rpc.errors import abort_with, verify_request
from services.rpc.live import LiveCall, LiveCalls
from services.wire.status import grpc_code, status_of

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

    def __init__(self, guard: CallerGuard, live: LiveCalls, observer: CallObserver) -> None:
        """Set up the edge.

        Args:
            guard: Admits callers.
            live: Registry of the open calls.
            observer: Is told of every call.
        """
        self._guard = guard
        self._live = live
        self._observer = observer
        self._handlers: dict[str, _Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[_Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> _Handler | None:
        """Return a call's handler with the edge around it; None for a method that is not served (UNIMPLEMENTED)."""
        method = handler_call_details.method
        handler = self._handlers.get(method)
        if handler is None:
            handler = await continuation(handler_call_details)
            if handler is None:
                return None
            self._handlers[method] = handler
        parent = _traceparent(handler_call_details)
        return self._around(handler, self._observer.begin(CallSide.SERVER, method, parent))

    def _around(self, handler: _Handler, call: Call) -> _Handler:
        behaviour: Any = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
        accept = _verified if handler.request_streaming else verify_request
        # A streaming method may also be a coroutine that writes to its context (the health service's Watch).
        around = self._around_stream if inspect.isasyncgenfunction(behaviour) else self._around_single
        deserialize, serialize = call.reading(handler.request_deserializer), call.writing(handler.response_serializer)
        if not handler.response_streaming:
            # gRPC would do it once the call was told to have ended.
            behaviour, serialize = _answering(behaviour, serialize), None
        return _MAKE[handler.request_streaming, handler.response_streaming](
            around(call, behaviour, accept), deserialize, serialize
        )

    def _around_single(
        self, call: Call, behaviour: Callable[..., Awaitable[Any]], accept: Callable[[Any], Any]
    ) -> Callable[[Any, _Context], Awaitable[Any]]:
        async def single(request: Any, context: _Context) -> Any:  # noqa: ANN401 - any message
            async with self._served(call, context):
                return await behaviour(accept(request), context)

        return single

    def _around_stream(
        self, call: Call, behaviour: Callable[..., AsyncGenerator[Any, None]], accept: Callable[[Any], Any]
    ) -> Callable[[Any, _Context], AsyncIterator[Any]]:
        async def stream(request: Any, context: _Context) -> AsyncIterator[Any]:  # noqa: ANN401 - any message
            async with self._served(call, context), aclosing(behaviour(accept(request), context)) as responses:
                async for response in responses:
                    yield response

        return stream

    @asynccontextmanager
    async def _served(self, call: Call, context: _Context) -> AsyncIterator[None]:
        """Admit a call, serve it in the block, and turn whatever goes wrong into a status."""
        live: LiveCall | None = None
        try:
            caller = self._guard.admit(call.method, context)
            call.city, call.role = caller.identity.city, caller.identity.role
            live = self._live.enter(call.method, context, caller)
            serving(call)
            yield
            call.code = grpc.StatusCode.OK.name
        except asyncio.CancelledError:
            await _end_cut(context, call, live)
            raise
        except Exception as error:  # noqa: BLE001 - every error becomes a status, none is swallowed
            await abort_with(context, call, error)
        finally:
            if live is not None:
                self._live.leave(live)
                _told_from_outside(call, live)
            self._observer.end(call)


def _answering(behaviour: Callable[..., Awaitable[Any]], serialize: Codec) -> Callable[..., Awaitable[Any]]:
    """Return a method that serialises its one answer itself."""
    if serialize is None:
        return behaviour

    async def answer(request: Any, context: _Context) -> bytes:  # noqa: ANN401 - any message
        data: bytes = serialize(await behaviour(request, context))
        return data

    return answer


def _traceparent(details: grpc.HandlerCallDetails) -> str:
    return next((str(value) for key, value in details.invocation_metadata or () if key == "traceparent"), "")


async def _verified(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for request in requests:
        yield verify_request(request)


async def _end_cut(context: _Context, call: Call, live: LiveCall | None) -> None:
    """Tell the caller why its call was cut; return when it was cancelled for another reason.

    Raises:
        grpc.aio.AbortError: The call was cut.
    """
    if live is None or live.cut is None:
        return
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()
    live.told = True
    await abort_with(context, call, live.cut)


def _told_from_outside(call: Call, live: LiveCall) -> None:
    """A call that was cut while it was stuck in sending has its status from `services.rpc.live`."""
    if live.cut is not None and not live.told:
        call.code = grpc_code(status_of(live.cut)).name
