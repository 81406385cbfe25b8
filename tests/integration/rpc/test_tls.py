"""TLS 1.3 only: gRPC reads the environment once, when it is first imported, so each case is a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SUITES = "GRPC_SSL_CIPHER_SUITES"


@pytest.mark.parametrize(("suites", "expected"), [("ECDHE-PSK-CHACHA20-POLY1305", "ok"), (None, "TLS12_ACCEPTED")])
def test_only_the_environment_leaves_tls13_alone(suites: str | None, expected: str) -> None:
    """With the suites of the entry point a partner connects and TLS 1.2 is refused; without them it is not."""
    environment = {name: value for name, value in os.environ.items() if name != SUITES}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "proto")])
    if suites:
        environment[SUITES] = suites

    child = subprocess.run(
        [sys.executable, "-m", "tests.integration.rpc.tls_child"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip

    assert (child.stdout, child.returncode) == (expected, 0), child.stderr
