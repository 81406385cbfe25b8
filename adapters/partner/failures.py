"""What a failure of gRPC means: the partner's own answer, or that it was not reached."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from grpc.aio import AioRpcError, UsageError

from services.domain.errors import Unavailable
from services.wire.status import error_from


@contextmanager
def domain_errors() -> Iterator[None]:
    """Turn what gRPC raises into what the partner answered.

    A status CANCELLED, also of a channel that was closed here, comes out of grpc.aio as `asyncio.CancelledError`,
    as if this task had been cancelled. It was not, so it must not end as one.
    """
    try:
        yield
    except AioRpcError as error:
        raise error_from(error) from error
    except UsageError as error:
        raise Unavailable("the channel to the partner was closed here: a new one takes its place") from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise Unavailable("the call was cancelled on the way, not by this node's own wish") from error
