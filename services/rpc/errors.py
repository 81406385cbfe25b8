"""What goes wrong in a call becomes a gRPC status: ours with its details, anything else without any."""

from __future__ import annotations

from typing import Any, Never, TypeVar

import structlog
from google.protobuf.message import Message
from grpc.aio import AbortError, ServicerContext

from services.domain.errors import ExchangeError
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


async def abort_with(context: ServicerContext[Any, Any], method: str, error: Exception) -> Never:
    """End a call with the status of an error.

    Args:
        context: The call.
        method: Full method name, for the log.
        error: An `ExchangeError` is told with its details. Anything else is a fault of ours: the caller learns that
            there was one and the log where; neither learns its text, which may hold what was being worked on.

    Raises:
        grpc.aio.AbortError: Always; gRPC ends the call by it.
    """
    if isinstance(error, AbortError):
        raise error
    if not isinstance(error, ExchangeError):
        _log.error("rpc.fault", method=method, exc_info=error)
        error = ExchangeError("the node met a fault of its own; its log says where")
    status = status_of(error)
    await context.abort(grpc_code(status), status.message, ((DETAILS_KEY, status.SerializeToString()),))
