"""The register in a process of its own: Python's lock lets one thread run at a time, and the node's is for the network.

A group of questions crosses the pipe at once and its replies come back at once; the process reads the store beside the
one that writes it. It holds nothing but the quotas: one that dies is replaced and asked again, nobody was answered yet.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import structlog
from google.rpc.status_pb2 import Status

from services.domain.access import Access, Side
from services.domain.errors import ExchangeError
from services.domain.lookup import Asker, Query
from services.exchange.access_lines import AccessLines
from services.exchange.quota import Quotas
from services.exchange.register import Register, Reply
from services.node.access_key import access_key
from services.node.home import Home
from services.node.settings import Settings
from services.node.signals.logs import start_logging
from services.node.system import SystemClock
from services.node.workers import LoopWorker, answer_questions
from services.rpc.lookups import compile_questions
from services.store.snapshots import open_snapshots
from services.wire.codecs import IdentityCodec
from services.wire.datasets import load_datasets
from services.wire.status import error_of, status_of

_TIME_AND_SIDE: Final = 2
_other_facts: Final = attrgetter(*(field.name for field in fields(Access)[_TIME_AND_SIDE:-1]))
"""What an access says beside time and side, in the order of its fields; it has no row yet, so no id."""

_log = structlog.get_logger("yrdx.register")


class RegisterProcess(LoopWorker):
    """One process that answers questions.

    Args:
        home: Its node's home.
        settings: Its settings.
    """

    def __init__(self, home: Home, settings: Settings) -> None:
        arguments = (settings.city, settings.store_url, str(home.access_key), settings.log_level)
        super().__init__("services.node.register", arguments)

    async def answer(self, queries: Sequence[Query]) -> list[Reply]:
        """Answer questions; see `services.exchange.register.Register`.

        Raises:
            Unavailable: The process ends at once, or the store is not there.
        """
        refused, replies = await self.ask([[(one.method, one.request, *one.asker) for one in queries]])
        if refused:
            raise error_of(Status.FromString(refused))
        return [_from_plain(*one) for one in replies]


def _answer_plain(register: Register, queries: Sequence[tuple[str, bytes, str, str]]) -> tuple[bytes, list[Any]]:
    """Answer what marshal carried: why nobody is answered, or every reply."""
    asked = [Query(method, request, Asker(city, uri)) for method, request, city, uri in queries]
    try:
        return b"", list(map(_to_plain, register.answer(asked)))
    except Exception as error:  # noqa: BLE001 - whoever asked raises it
        return _told(error), []


def _to_plain(reply: Reply) -> tuple[Any, ...]:
    access, refusal = reply.access, b"" if reply.refusal is None else _told(reply.refusal)
    facts = (access.time.isoformat(), access.side.value, *_other_facts(access)) if access else ()
    return reply.answer, refusal, *facts


def _from_plain(answer: bytes, refusal: bytes, time: str = "", side: str = "", *other_facts: Any) -> Reply:
    access = Access(datetime.fromisoformat(time), Side(side), *other_facts) if time else None
    return Reply(access, answer, error_of(Status.FromString(refusal)) if refusal else None)


def _told(error: Exception) -> bytes:
    """Return what a caller is told of an error; of a fault of ours no more than that there was one."""
    if not isinstance(error, ExchangeError):
        _log.error("lookup.fault", exc_info=error)
        error = ExchangeError("the node met a fault of its own; its log says where")
    told: bytes = status_of(error).SerializeToString()
    return told


def _main() -> None:
    city, store_url, key, log_level = sys.argv[1:]
    start_logging(log_level)
    clock = SystemClock()
    register = Register(
        store=open_snapshots(store_url),
        questions=compile_questions(load_datasets()),
        codec=IdentityCodec(),
        quotas=Quotas(clock),
        lines=AccessLines(city, clock, access_key(Path(key)).pseudonym),
    )
    answer_questions(partial(_answer_plain, register), lambda error: _log.error("process.fault", exc_info=error))


if __name__ == "__main__":
    _main()
