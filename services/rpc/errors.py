"""What goes wrong in a call becomes a gRPC status: ours with its details, anything else without any."""

from __future__ import annotations

from typing import Any, Never, TypeVar

import structlog
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from grpc import StatusCode
from grpc.aio import AbortError, ServicerContext

from services.domain.errors import ExchangeError
from services.ports.calls import Call
from services.wire.contract import verify_rules
from services.wire.status import DETAILS_KEY, grpc_code, status_of

MessageT = TypeVar("MessageT", bound=Message)

_log = structlog.get_logger("yrdx.rpc")


def verify_request(request: MessageT) -> MessageT:
    """Return a request that keeps the contract's rules.

    Not checked here: unknown fields, which a caller of a newer version may send.

    Raises:
        ContractBroken: With the fields and rules.
    """
    return verify_rules(request)


async def abort_with(context: ServicerContext[Any, Any], call: Call, error: Exception) -> Never:
    """End a call with the status of an error.

    Args:
        context: gRPC's context.
        call: The call; its code becomes the status's.
        error: An `ExchangeError` is told with its details. Anything else is a fault of ours: the caller learns that
            there was one and the log where; neither learns its text, which may hold what was being worked on.

    Raises:
        grpc.aio.AbortError: Always; gRPC ends the call by it.
    """
    if isinstance(error, AbortError):
        call.code = _code_name(context.code())
        raise error
    if not isinstance(error, ExchangeError):
        _log.error("rpc.fault", method=call.method, trace_id=call.trace_id, exc_info=error)
        error = ExchangeError("the node met a fault of its own; its log says where")
    status = status_of(error)
    call.code = grpc_code(status).name
    await context.abort(grpc_code(status), status.message, ((DETAILS_KEY, status.SerializeToString()),))


def _code_name(code: StatusCode | int) -> str:
    """Name a code that a context tells: grpc.aio declares a `StatusCode` and returns its number."""
    return code.name if isinstance(code, StatusCode) else grpc_code(Status(code=code)).name
