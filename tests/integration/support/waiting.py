"""Waiting for something to become true, with an end and with words."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_S = 0.05


def until(what: str, ask: Callable[[], T | None], *, timeout_s: float = 20.0) -> T:
    """Ask again and again until the answer is neither None nor false, and return it.

    Args:
        what: What is waited for, for the message.
        ask: Asked every 50 ms.
        timeout_s: After which the test fails.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:g} s: {what}; the last answer was {answer!r}")
        time.sleep(POLL_S)
