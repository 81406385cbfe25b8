"""Look up: a question about one subject, logged before it is answered.

Data stays home, the question travels: an answer is taken from what this city itself has said
(`services.exchange.register`), and a question about another city's people goes to that city.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

from services.domain.access import Access, Side
from services.domain.errors import AgreementMissing
from services.domain.lookup import Asker, Inquiry, Outcome, Query
from services.exchange.access_lines import AccessLines, outcome_of
from services.exchange.asking_right import judge
from services.exchange.deliver import written
from services.exchange.grouped import Grouped
from services.exchange.register import Reply
from services.ports.store import Store, Transaction

T = TypeVar("T")

GROUP_QUESTIONS: Final = 32
"""Questions that are read and logged together: a batch of them has as many under way (`services.rpc.lookups`)."""

CANCELLED: Final = "CANCELLED"
"""Outcome of a question to another city whose asker did not wait for the answer."""


class LookUp:
    """The use case of one node. Questions that wait together are read from one snapshot and logged in one commit."""

    def __init__(
        self, store: Store, lines: AccessLines, register: Callable[[Sequence[Query]], Awaitable[Sequence[Reply]]]
    ) -> None:
        """Set up the use case.

        Args:
            store: Takes the access log, and says who may ask another city.
            lines: Of the access log.
            register: Answers questions to this city.
        """
        self._store = store
        self._lines = lines
        self._register = register
        self._grouped = Grouped(self._answer_all, GROUP_QUESTIONS)

    async def answer(self, query: Query) -> bytes:
        """Answer a question from what this city has said.

        Args:
            query: The question: of a partner's gateway, or of one of this city's own.

        Returns:
            The serialised response; the log is on disk.

        Raises:
            NotPermitted, Unavailable: It is refused, which is logged too.
        """
        reply = await self._grouped(query)
        if reply.refusal is not None:
            raise reply.refusal
        return reply.answer

    async def ask(self, inquiry: Inquiry, asker: Asker, forward: Callable[[], Awaitable[tuple[Outcome, T]]]) -> T:
        """Ask another city for one of this city's own.

        Args:
            inquiry: The question; its city is a partner.
            asker: One of this city's own systems or operators.
            forward: Asks the partner.

        Returns:
            The partner's answer; the log is on disk.

        Raises:
            NotPermitted: It is refused, here (then it never left) or there.
            Unavailable: The partner is not reached in time.
        """
        now, city = self._lines.clock.now(), self._lines.city
        judged_by = partial(judge, inquiry=inquiry, consumer=city, partner=inquiry.right.city, now=now)
        judged = await asyncio.to_thread(self._store.read, judged_by)
        line = partial(self._lines.line, inquiry, asker, Side.ASKED, judged.agreement)
        if judged.refusal is not None:
            await self._log(line(outcome_of(judged.refusal)))
            raise judged.refusal
        try:
            outcome, answered = await forward()
        except Exception as error:
            await self._log(line(outcome_of(error)))
            raise
        except asyncio.CancelledError:
            await self._log(line(CANCELLED))  # whoever asked has left; the question had left before
            raise
        await self._log(line(outcome.value))
        return answered

    async def _answer_all(self, queries: Sequence[Query]) -> Sequence[Reply]:
        replies = await self._register(queries)
        return await written(self._store.write(partial(_log_replies, replies=replies)))

    async def _log(self, access: Access) -> None:
        await written(self._store.write(lambda tx: tx.append_accesses([access])))


def _log_replies(tx: Transaction, replies: Sequence[Reply]) -> list[Reply]:
    """Log what is told; an answer by an agreement that was revoked meanwhile is not."""
    revoked = tx.revoked_agreements()
    told = [_withdrawn(one) if one.access and one.access.agreement_id in revoked else one for one in replies]
    accesses = [one.access for one in told if one.access]
    if accesses:
        tx.append_accesses(accesses)
    return told


def _withdrawn(reply: Reply) -> Reply:
    if reply.access is None or reply.refusal is not None:
        return reply
    refusal = AgreementMissing(f"agreement {reply.access.agreement_id} was revoked while the question was answered")
    return Reply(replace(reply.access, outcome=refusal.reason), refusal=refusal)
