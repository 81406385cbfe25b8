"""A TCP proxy between two nodes that loses, holds, delays and cuts what passes. It understands none of it."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from random import Random
from typing import Any, Final, Self

CHUNK_BYTES: Final = 16_384
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER of 0 s: closing sends RST, and what was not read yet is lost."""


class _Way:
    """One direction of every connection."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.bytes = 0


class Proxy:
    """Listens on loopback and passes connections on to a node, as well as it is told to.

    Attributes:
        address: Where it listens: what the other city is told as this node's endpoint.
        delay_s_max: Each piece waits a random time up to this.
    """

    def __init__(self, target: str, *, random: Random | None = None) -> None:
        """Prepare a proxy.

        Args:
            target: "host:port" of the node.
            random: Source of delays.
        """
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._random = random or Random(0)
        self.delay_s_max = 0.0
        self._refusing = False
        self._connections: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.setblocking(False)
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self._requests, self._answers = _Way(), _Way()

    def __enter__(self) -> Self:
        """Pass on from now on."""
        self._thread.start()
        self._call(self._begin())
        return self

    def __exit__(self, *_exception: object) -> None:
        """Cut everything and stop."""
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._listening.close()

    @property
    def request_bytes(self) -> int:
        """Bytes that the calling side sent so far."""
        return self._requests.bytes

    @property
    def answer_bytes(self) -> int:
        """Bytes that the node answered so far, held or not."""
        return self._answers.bytes

    def cut(self) -> None:
        """Reset every open connection; what is on the way, or held, is lost."""
        self._call(self._cut())

    def part(self) -> None:
        """Reset every connection, and every new one, until `heal`."""
        self._refusing = True
        self.cut()

    def heal(self) -> None:
        """Take connections again and let everything pass."""
        self._refusing = False
        self.release()

    def hold_answers(self) -> None:
        """Read what the node answers, and pass none of it on."""
        self._loop.call_soon_threadsafe(self._answers.open.clear)

    def hold_requests(self) -> None:
        """Stop reading what the calling side sends."""
        self._loop.call_soon_threadsafe(self._requests.open.clear)

    def release(self) -> None:
        """Pass on what was held."""
        for way in (self._requests, self._answers):
            self._loop.call_soon_threadsafe(way.open.set)

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _accept(self) -> None:
        while True:
            caller, _ = await self._loop.sock_accept(self._listening)
            if self._refusing:
                _reset(caller)
                continue
            connection = self._loop.create_task(self._connect(caller))
            self._connections.add(connection)
            connection.add_done_callback(self._connections.discard)

    async def _connect(self, caller: socket.socket) -> None:
        node = socket.socket()
        node.setblocking(False)
        caller.setblocking(False)
        try:
            await self._loop.sock_connect(node, self._target)
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._pass_on(caller, node, self._requests))
                ways.create_task(self._pass_on(node, caller, self._answers))
        except* OSError:
            pass  # cut, by us or by a kill: both sides learn it from their own sockets
        finally:
            _reset(caller)
            _reset(node)

    async def _pass_on(self, source: socket.socket, sink: socket.socket, way: _Way) -> None:
        await way.open.wait()
        while piece := await self._loop.sock_recv(source, CHUNK_BYTES):
            way.bytes += len(piece)
            await way.open.wait()
            if self.delay_s_max:
                await asyncio.sleep(self._random.uniform(0.0, self.delay_s_max))
            await self._loop.sock_sendall(sink, piece)
        raise ConnectionResetError("one side has ended: so does the other")

    async def _cut(self) -> None:
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _close(self) -> None:
        self._accepting.cancel()
        await asyncio.gather(self._accepting, return_exceptions=True)
        await self._cut()

    async def _begin(self) -> None:
        self._accepting = self._loop.create_task(self._accept())


def _reset(connection: socket.socket) -> None:
    """End a connection as a cable does that is pulled out."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    connection.close()
