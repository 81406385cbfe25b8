"""Shanghai's toy node in a process of its own: says which TLS it speaks. Run by test_tls.py."""

from __future__ import annotations

import asyncio
import sys

from certs.errors import ProbeFailed
from certs.probe import verify_tls13_only
from tests.integration.rpc.cities import NANTONG, make_server, serving


async def main() -> str:
    """Serve, dial, and talk to a partner.

    Returns:
        "ok", or the reason of the probe.
    """
    async with serving(make_server([NANTONG])) as server:
        channel = server.partner(NANTONG.leaf("gateway"))
        await channel.describe()
        await channel.close()
        try:
            await asyncio.to_thread(verify_tls13_only, "127.0.0.1", server.server.port)
        except ProbeFailed as error:
            return error.reason
    return "ok"


if __name__ == "__main__":
    sys.stdout.write(asyncio.run(main()))
