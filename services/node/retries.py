"""Work of a command that goes on for ever: what is only away is asked again, and people are told why."""

from __future__ import annotations

from typing import Final

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, stop_never, wait_exponential

from services.node.output import say

_PAUSE_S_MAX: Final = 60.0


def retrying(*kinds: type[Exception], once: bool) -> Retrying:
    """Return what calls again while a call fails in one of some ways.

    Args:
        kinds: Failures that pass by themselves.
        once: Call once and raise them.
    """
    return Retrying(
        wait=wait_exponential(max=_PAUSE_S_MAX),
        retry=retry_if_exception_type(kinds),
        stop=stop_after_attempt(1) if once else stop_never,
        before_sleep=_say_why,
        reraise=True,
    )


def _say_why(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    pause_s = state.next_action.sleep if state.next_action else 0.0
    say(f"{error} · {pause_s:.0f} 秒后重试 · trying again in {pause_s:.0f} s")
