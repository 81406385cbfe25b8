"""Look up: a question about one subject, judged before anything is searched and logged before it is answered.

Data stays home, the question travels: an answer is taken from what this city itself has said, and a question about
another city's people goes to that city. Whoever may not ask is refused in the same way, and as fast, whether or not the
person exists: nothing was searched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import cache, partial
from typing import Any, Final, NamedTuple, TypeVar, cast

from services.domain.access import Access, Side
from services.domain.agreement import Agreement
from services.domain.errors import ExchangeError, NotPermitted, Unavailable
from services.domain.lookup import Asker, Inquiry, Outcome
from services.exchange.asking_right import Judged, about_nobody, judge
from services.exchange.deliver import written
from services.exchange.grouped import Grouped
from services.exchange.parts import Parts
from services.exchange.quota import Quotas
from services.ports.store import Store, Transaction

T = TypeVar("T")

GROUP_QUESTIONS: Final = 32
"""Questions that are read and logged together: a batch of them has as many under way (`services.rpc.lookups`)."""

CANCELLED: Final = "CANCELLED"
"""Outcome of a question to another city whose asker did not wait for the answer."""

FAULT: Final = "FAULT"
"""Outcome of a question whose answer a fault of ours prevented; its records were looked at."""

Pseudonym = Callable[[Sequence[str]], bytes]
"""A subject's texts → HMAC-SHA-256 under the node's secret, 32 bytes."""


class _Question(NamedTuple):
    """A question to this city, and how it is answered from the bodies of the subject's records."""

    inquiry: Inquiry
    asker: Asker
    answer: Callable[[Sequence[bytes]], tuple[Outcome, Any]]


class LookUp:
    """The use case of one node. Questions that wait together are read from one snapshot and logged in one commit."""

    def __init__(self, parts: Parts, store: Store, quotas: Quotas, pseudonym: Pseudonym) -> None:
        """Set up the use case.

        Args:
            parts: Ports.
            store: Store.
            quotas: Questions a minute, by agreement.
            pseudonym: What stands in the log for a subject.
        """
        self._parts = parts
        self._store = store
        self._quotas = quotas
        self._pseudonym = pseudonym
        self._grouped: Grouped[_Question, Any] = Grouped(self._answer_all, GROUP_QUESTIONS)

    async def answer(self, inquiry: Inquiry, asker: Asker, answer: Callable[[Sequence[bytes]], tuple[Outcome, T]]) -> T:
        """Answer a question from what this city has said.

        Args:
            inquiry: The question.
            asker: Who asks: a partner's gateway, or one of this city's own.
            answer: From the bodies of the subject's records, the oldest first, to the outcome and the answer.

        Returns:
            The answer; the log is on disk.

        Raises:
            NotPermitted, Unavailable: It is refused, which is logged too.
        """
        answered = await self._grouped(_Question(inquiry, asker, answer))
        if isinstance(answered, Exception):
            raise answered
        return cast("T", answered)

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
        now = self._parts.clock.now()
        judged_by = partial(judge, inquiry=inquiry, consumer=self._parts.city, partner=inquiry.right.city, now=now)
        judged = await asyncio.to_thread(self._store.read, judged_by)
        log = partial(self._log, inquiry, asker, judged.agreement)
        if judged.refusal is not None:
            await log(_outcome(judged.refusal))
            raise judged.refusal
        try:
            outcome, answered = await forward()
        except Exception as error:
            await log(_outcome(error))
            raise
        except asyncio.CancelledError:
            await log(CANCELLED)  # whoever asked has left; the question had left before
            raise
        await log(outcome.value)
        return answered

    async def _answer_all(self, questions: Sequence[_Question]) -> list[Any]:
        """Answer a group; a refusal is an answer too, and so is an error of ours."""
        answers, accesses = await asyncio.to_thread(self._answer_in_thread, questions)
        await written(self._store.write(lambda tx: tx.append_accesses(accesses)))
        return answers

    def _answer_in_thread(self, questions: Sequence[_Question]) -> tuple[list[Any], list[Access]]:
        answers, accesses = [], []
        found = self._store.read(partial(self._judge_and_search, questions))
        for question, (judged, bodies) in zip(questions, found, strict=True):
            outcome, answer = self._answer(question, judged, bodies)
            answers.append(answer)
            accesses.append(self._access(question.inquiry, question.asker, Side.ANSWERED, judged.agreement, outcome))
        return answers, accesses

    def _answer(self, question: _Question, judged: Judged, bodies: Sequence[bytes]) -> tuple[str, Any]:
        if judged.refusal is not None:
            return _outcome(judged.refusal), judged.refusal
        try:
            outcome, answer = question.answer(list(map(self._parts.codec.decode, bodies)))
        except Exception as error:  # noqa: BLE001 - logged as what it is, and raised to its caller
            return _outcome(error), error
        return outcome.value, answer

    def _judge_and_search(self, questions: Sequence[_Question], tx: Transaction) -> list[tuple[Judged, list[bytes]]]:
        """Judge every question, and search for those that may be asked, all of one dataset at once."""
        judge_once = cache(partial(judge, tx, now=self._parts.clock.now()))
        judged = [self._judge_asked(judge_once, one.inquiry, one.asker) for one in questions]
        wanted: dict[tuple[str, int], list[bytes]] = {}
        for one, verdict in zip(questions, judged, strict=True):
            if verdict.refusal is None:
                inquiry = one.inquiry
                wanted.setdefault((inquiry.dataset, inquiry.newest), []).append(inquiry.subject_digest)
        found = {asked: iter(tx.said_of(asked[0], subjects, newest=asked[1])) for asked, subjects in wanted.items()}
        return [
            (verdict, next(found[one.inquiry.dataset, one.inquiry.newest]) if verdict.refusal is None else [])
            for one, verdict in zip(questions, judged, strict=True)
        ]

    def _judge_asked(self, judge_once: Callable[..., Judged], inquiry: Inquiry, asker: Asker) -> Judged:
        """Judge a question about this city's own records. Its own systems need no agreement with it."""
        if asker.city == self._parts.city:
            return Judged()
        if inquiry.right.city != self._parts.city:
            return Judged(None, NotPermitted("nobody relays a partner's question: ask the city it is for"))
        judged = judge_once(about_nobody(inquiry), asker.city, partner=asker.city)
        if judged.agreement is not None and judged.refusal is None:
            try:
                self._quotas.take(judged.agreement, 1)
            except Unavailable as spent:
                return Judged(judged.agreement, spent)
        return judged

    async def _log(self, inquiry: Inquiry, asker: Asker, agreement: Agreement | None, outcome: str) -> None:
        access = self._access(inquiry, asker, Side.ASKED, agreement, outcome)
        await written(self._store.write(lambda tx: tx.append_accesses([access])))

    def _access(self, inquiry: Inquiry, asker: Asker, side: Side, agreement: Agreement | None, outcome: str) -> Access:
        right = inquiry.right
        own = asker.city == self._parts.city and right.city == self._parts.city
        return Access(
            time=self._parts.clock.now(),
            side=side,
            asked_city=right.city,
            caller_city=asker.city,
            caller=asker.uri,
            question=inquiry.question,
            agreement_id=agreement.id if agreement else "",
            agreement_version=agreement.version if agreement else 0,
            purpose=right.purpose if own or (agreement and right.purpose in agreement.purposes) else "",
            legal_basis=right.legal_basis if own or (agreement and right.legal_basis == agreement.legal_basis) else "",
            request_id=right.request_id,
            clerk_reference=right.clerk_reference,
            subject=self._pseudonym(inquiry.subject),
            outcome=outcome,
        )


def _outcome(error: Exception) -> str:
    """Return what the log says of a question without an answer, also where that is a fault of ours."""
    return error.reason if isinstance(error, ExchangeError) else FAULT
