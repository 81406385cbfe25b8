"""Where metrics are read: a port on loopback, and a file for machines on which no further port may open.

The file is for node_exporter's textfile collector and for `cat`: it still stands when the node does not.

Source:
    Prometheus text exposition format 0.0.4.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, generate_latest, start_http_server

from services.rpc.server import AddressTaken

_log = structlog.get_logger("yrdx.metrics")

LOOPBACK: Final = "127.0.0.1"
WRITE_S: Final = 15.0


@contextmanager
def serving_metrics(registry: CollectorRegistry, port: int) -> Iterator[None]:
    """Serve metrics at ``http://127.0.0.1:port/metrics`` in threads of their own; port 0 serves nothing.

    Raises:
        AddressTaken: Another process listens there.
    """
    if not port:
        yield
        return
    try:
        server, thread = start_http_server(port, LOOPBACK, registry)
    except OSError as error:
        raise AddressTaken(
            f"cannot serve metrics on {LOOPBACK}:{port}: {error.strerror}; stop it, or change `metrics_port`"
        ) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def write_metrics(path: Path, registry: CollectorRegistry) -> None:
    """Write the file every few seconds until cancelled; a reader never sees half of it."""
    while True:
        try:
            await asyncio.to_thread(_write, path, registry)
        except OSError as error:  # a full disk stops metrics, not the node
            _log.warning("metrics.not_written", message=str(error.strerror))
        await asyncio.sleep(WRITE_S)


def _write(path: Path, registry: CollectorRegistry) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(generate_latest(registry))
    new.chmod(0o644)  # made to be read by the collector
    new.replace(path)
