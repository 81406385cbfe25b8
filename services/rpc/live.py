"""The calls that are open now: cut when the trust they were admitted under is gone.

A call registers first and re-checks then, so that a revocation between its admission and its registration finds it.
Whatever changes trust (a revoked leaf, authority, city or agreement, a retired authority, a partner that is removed)
judges every open call anew by the very rules that admit calls; and a sweep cuts those whose certificate has ended.

A task that is merely cancelled sends nothing, and its caller would wait until its deadline: the edge turns the
cancellation into a status (`services.rpc.edge`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from grpc.aio import AbortError

from certs.errors import CertificateRefused
from certs.verification import CallerVerifier
from services.domain.errors import AgreementMissing, ExchangeError
from services.ports.host import Cut
from services.rpc.callers import Caller, CallerGuard
from services.wire.status import DETAILS_KEY, grpc_code, status_of

SWEEP_S: Final = 0.5
"""How often open calls are held against the clock: a stream outlives its certificate by no more."""
_ENDS_WITHIN_S: Final = 0.5
"""Time in which a cancelled call sends its status; one whose reader is stuck gets it from outside then."""


@dataclass(slots=True, eq=False)
class LiveCall:
    """One open call.

    Attributes:
        method: Full name.
        context: gRPC's context.
        caller: Who calls.
        task: Serves it.
        agreement: Agreement it delivers under; empty when it is no delivery.
        cut: Why it is cut; None while it is not.
        told: The edge turns the cut into a status.
    """

    method: str
    context: Any
    caller: Caller
    task: asyncio.Task[Any] | None
    agreement: str = ""
    cut: ExchangeError | None = None
    told: bool = False


_CALL: Final[ContextVar[LiveCall | None]] = ContextVar("yrdx_live_call", default=None)


class LiveCalls:
    """Registry of the open calls of one server."""

    def __init__(self, guard: CallerGuard, revoked_agreements: Callable[[], frozenset[str]]) -> None:
        """Begin without a call.

        Args:
            guard: Judges calls.
            revoked_agreements: Of the present state of trust.
        """
        self._guard = guard
        self._revoked_agreements = revoked_agreements
        self._calls: set[LiveCall] = set()
        self._aborting: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """How many calls are open."""
        return len(self._calls)

    def enter(self, method: str, context: Any, caller: Caller) -> LiveCall:  # noqa: ANN401 - gRPC's or a fake
        """Register a call that was admitted, and judge it again.

        Raises:
            Unauthenticated: Trust changed meanwhile.
        """
        call = LiveCall(method, context, caller, asyncio.current_task())
        self._calls.add(call)
        if caller.trust is not self._guard.trust:
            try:
                self._guard.recheck(caller)
            except ExchangeError:
                self._calls.discard(call)
                raise
        _CALL.set(call)
        return call

    def leave(self, call: LiveCall) -> None:
        """Forget a call that ended."""
        self._calls.discard(call)

    async def recheck(self, clock_s: Callable[[], float]) -> Cut:
        """Judge every open call anew and cut those that would not be admitted now.

        Args:
            clock_s: Monotonic seconds.
        """
        begun = clock_s()
        doomed = [call for call in self._calls if call.cut is None and self._judge(call)]
        others = len(self._calls) - len(doomed)
        for call in doomed:
            if call.task is not None:
                call.task.cancel()
        times = await asyncio.gather(*(self._ended(call, begun, clock_s) for call in doomed))
        return Cut(len(doomed), others, tuple(sorted(times)))

    def would_cut(self, trust: CallerVerifier, now: datetime) -> Cut:
        """Count the open calls that another state of trust would not admit; none is cut.

        Args:
            trust: That state.
            now: Time of the question.
        """
        doomed = sum(not _stands(call, trust, now) for call in self._calls)
        return Cut(doomed, len(self._calls) - doomed)

    async def sweep(self, clock_s: Callable[[], float]) -> None:
        """Cut what has ended, again and again until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_S)
            await self.recheck(clock_s)

    def _abort(self, context: Any, error: ExchangeError) -> None:  # noqa: ANN401 - gRPC's or a fake
        """Nobody waits for it: the status leaves once the other end has read what was queued before, if ever."""
        task = asyncio.create_task(_abort_from_outside(context, error))
        self._aborting.add(task)
        task.add_done_callback(self._aborting.discard)

    def _judge(self, call: LiveCall) -> bool:
        try:
            self._guard.recheck(call.caller)
            verify_agreement(call.agreement, self._revoked_agreements())
        except ExchangeError as error:
            call.cut = error
            return True
        return False

    async def _ended(self, call: LiveCall, begun: float, clock_s: Callable[[], float]) -> float:
        if call.task is not None:
            await asyncio.wait({call.task}, timeout=_ENDS_WITHIN_S)
        if not call.told and call.cut is not None:
            # The cancellation hit gRPC's own sending, outside of the edge: the other end does not read.
            self._abort(call.context, call.cut)
        self._calls.discard(call)
        return clock_s() - begun


def under_agreement(agreement: str, revoked: frozenset[str]) -> None:
    """Say which agreement the present call delivers under, and judge it.

    Raises:
        AgreementMissing: It was revoked.
    """
    call = _CALL.get()
    if call is not None:
        call.agreement = agreement
    verify_agreement(agreement, revoked)


def verify_agreement(agreement: str, revoked: frozenset[str]) -> str:
    """Return an agreement that was not revoked.

    Raises:
        AgreementMissing: It was.
    """
    if agreement in revoked:
        raise AgreementMissing(f"agreement {agreement} was revoked at the receiving city: its operators know why")
    return agreement


def _stands(call: LiveCall, trust: CallerVerifier, now: datetime) -> bool:
    """Whether a state of trust admits a call: the guard asks the same of the present one."""
    try:
        trust.verify_leaf(call.caller.pem, now=now)
        verify_agreement(call.agreement, trust.revocations.agreements)
    except (CertificateRefused, ExchangeError):
        return False
    return True


async def _abort_from_outside(context: Any, error: ExchangeError) -> None:  # noqa: ANN401 - gRPC's or a fake
    """Tell a caller whose handler is stuck in sending: it does not read, and would never learn."""
    status = status_of(error)
    with suppress(AbortError, asyncio.InvalidStateError, RuntimeError):
        await context.abort(grpc_code(status), status.message, ((DETAILS_KEY, status.SerializeToString()),))
