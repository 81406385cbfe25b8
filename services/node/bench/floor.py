"""The floor: the same bytes in the same batches through a bare mTLS stream into two SQLite tables, and nothing else.

No signatures, no Merkle trees, no rules, no receipts, no outbox: what grpc.aio, protobuf and SQLite cost by themselves.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

import grpc
import pysqlite3

from certs.generation import Generation
from certs.identity import gateway_host
from certs.keystore import load_generation
from services.node.system import SystemClock
from yrdx.exchange.v1 import exchange_pb2
from yrdx.social.v1 import contribution_pb2
from yrdx.types.v1 import types_pb2

METHOD: Final = "/yrdx.bench.v1.Floor/Deliver"
WINDOW: Final = 8


async def serve(home: Path, listen: str, store: Path) -> None:
    """Serve the floor with a home's certificate until the process is told to stop."""
    credentials = server_credentials(load_generation(home, now=SystemClock().now()))
    connection = open_tables(store)

    async def deliver(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:  # noqa: ANN401
        async for request in requests:
            batch = exchange_pb2.DeliverRequest.FromString(request).batch
            insert(connection, batch.header.content, [(record.salt, record.body) for record in batch.records])
            yield b"ok"

    handler: Any = grpc.stream_stream_rpc_method_handler(deliver)
    service, _, method = METHOD[1:].partition("/")
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    server.add_secure_port(listen, credentials)
    await server.start()
    await server.wait_for_termination()


async def send(home: Path, address: str, requests: Sequence[bytes]) -> float:
    """Send all requests with a window of unanswered ones.

    Args:
        home: Home whose certificate calls.
        address: Where the floor serves, "host:port".
        requests: Serialised ``DeliverRequest`` each.

    Returns:
        Seconds from the first request to the last answer.
    """
    generation = load_generation(home, now=SystemClock().now())
    credentials = grpc.ssl_channel_credentials(
        generation.own_roots_pem, generation.gateway_key_pem, generation.gateway_chain_pem
    )
    options = [("grpc.ssl_target_name_override", gateway_host(generation.city))]
    async with grpc.aio.secure_channel(address, credentials, options=options) as channel:
        await asyncio.wait_for(channel.channel_ready(), 20)
        call: Any = channel.stream_stream(METHOD)()
        begun = time.perf_counter()
        for sent, request in enumerate(requests):
            await call.write(request)
            if sent >= WINDOW:
                await call.read()
        for _ in range(min(WINDOW, len(requests))):
            await call.read()
        elapsed_s = time.perf_counter() - begun
        await call.done_writing()
        return elapsed_s


def server_credentials(generation: Generation) -> grpc.ServerCredentials:
    """Return credentials that take callers of the same city alone."""
    return grpc.ssl_server_credentials(
        [(generation.gateway_key_pem, generation.gateway_chain_pem)],
        root_certificates=generation.own_roots_pem,
        require_client_auth=True,
    )


def connect(store: Path, *, check_same_thread: bool = True) -> Any:  # noqa: ANN401 - pysqlite3 has no types
    """Open a store, synced with every commit."""
    connection = pysqlite3.connect(store, isolation_level=None, check_same_thread=check_same_thread)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def open_tables(store: Path) -> Any:  # noqa: ANN401
    """Open a new store of two tables."""
    connection = connect(store)
    connection.execute("CREATE TABLE batch (id INTEGER PRIMARY KEY, header BLOB)")
    connection.execute("CREATE TABLE record (id INTEGER PRIMARY KEY, person TEXT, salt BLOB, body BLOB)")
    return connection


def insert(connection: Any, header: bytes, records: Sequence[tuple[bytes, bytes]]) -> None:  # noqa: ANN401
    """Parse records and insert them in one transaction.

    Args:
        connection: From `open_tables`.
        header: What is kept of them as a whole.
        records: Salt and body of each.
    """
    rows = []
    for salt, content in records:
        body = types_pb2.RecordBody.FromString(content)
        message = contribution_pb2.Contribution.FromString(body.message.value)
        rows.append((message.person_number, salt, content))
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO batch (header) VALUES (?)", (header,))
    connection.executemany("INSERT INTO record (person, salt, body) VALUES (?, ?, ?)", rows)
    connection.execute("COMMIT")


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
