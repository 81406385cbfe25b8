"""The floor of a look-up: a bare unary call over mutual TLS whose server inserts one row before it answers.

No right is judged, nothing is searched and no answer is made: what grpc.aio, a thread that writes and SQLite cost by
themselves. Rows that wait together share one synced transaction, as in the product's store.
``python -m services.node.bench.echo HOME ADDRESS STORE`` serves it.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any, Final

import grpc

from certs.keystore import load_generation
from services.node.bench import floor
from services.node.system import SystemClock

METHOD: Final = "/yrdx.bench.v1.Echo/Ask"


class _Log:
    """Rows on disk, all that wait in one transaction."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()

    async def append(self, row: bytes) -> None:
        """Return once a row is on disk."""
        written = asyncio.get_running_loop().create_future()
        self._waiting.append((row, written))
        self._wake.set()
        await written

    async def write_for_ever(self) -> None:
        connection = await asyncio.to_thread(self._open)
        while True:
            await self._wake.wait()
            self._wake.clear()
            taken, self._waiting = self._waiting, []
            await asyncio.to_thread(_insert, connection, [(row,) for row, _ in taken])
            for _, written in taken:
                if not written.done():  # its caller may have left
                    written.set_result(None)

    def _open(self) -> Any:  # noqa: ANN401 - pysqlite3 has no types
        connection = floor.connect(self._store, check_same_thread=False)
        connection.execute("CREATE TABLE access (id INTEGER PRIMARY KEY, row BLOB)")
        return connection


def _insert(connection: Any, rows: list[tuple[bytes]]) -> None:  # noqa: ANN401
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO access (row) VALUES (?)", rows)
    connection.execute("COMMIT")


async def serve(home: Path, listen: str, store: Path) -> None:
    """Serve with a home's certificate until the process is told to stop."""
    log = _Log(store)

    async def ask(request: bytes, context: Any) -> bytes:  # noqa: ANN401
        await log.append(request)
        return request

    handler: Any = grpc.unary_unary_rpc_method_handler(ask)
    service, _, method = METHOD[1:].partition("/")
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    server.add_secure_port(listen, floor.server_credentials(load_generation(home, now=SystemClock().now())))
    writing = asyncio.create_task(log.write_for_ever())
    await server.start()
    await asyncio.gather(writing, server.wait_for_termination())


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
