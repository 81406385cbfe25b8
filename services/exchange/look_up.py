"""Look up: a question about one subject, judged before anything is searched and logged before it is answered.

Data stays home, the question travels: an answer is taken from what this city itself has said, and a question about
another city's people goes to that city. Whoever may not ask is refused in the same way, and as fast, whether or not the
person exists: nothing was searched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple, Never, TypeVar

from services.domain.access import Access, Side
from services.domain.agreement import Agreement
from services.domain.errors import (
    AgreementMissing,
    ExchangeError,
    FieldNotAgreed,
    LegalBasisNotAgreed,
    NotPermitted,
    PurposeNotAgreed,
    StandardIncompatible,
    Unavailable,
)
from services.domain.lookup import Asker, Inquiry, Outcome
from services.domain.standard import share_major
from services.exchange.deliver import written
from services.exchange.open import require_live_partner
from services.exchange.parts import Parts
from services.exchange.quota import Quotas
from services.ports.store import Store, Transaction

T = TypeVar("T")

CANCELLED: Final = "CANCELLED"
"""Outcome of a question to another city whose asker did not wait for the answer."""

FAULT: Final = "FAULT"
"""Outcome of a question whose answer a fault of ours prevented; its records were looked at."""

Pseudonym = Callable[[Sequence[str]], bytes]
"""A subject's texts → HMAC-SHA-256 under the node's secret, 32 bytes."""


class _Judged(NamedTuple):
    """A question that was judged: the agreement it names, where one stands here, and why it is refused."""

    agreement: Agreement | None = None
    refusal: ExchangeError | None = None


@dataclass(frozen=True, slots=True)
class LookUp:
    """The use case of one node.

    Attributes:
        parts: Ports.
        store: Store.
        quotas: Questions a minute, by agreement.
        pseudonym: What stands in the log for a subject.
    """

    parts: Parts
    store: Store
    quotas: Quotas
    pseudonym: Pseudonym

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

        def search(tx: Transaction) -> tuple[_Judged, list[bytes]]:
            judged = self._judge_asked(tx, inquiry, asker)
            if judged.refusal is not None:
                return judged, []
            found = tx.said_of(inquiry.dataset, inquiry.subject_digest, newest=inquiry.newest)
            return judged, [self.parts.codec.decode(body) for body in found]

        def work() -> tuple[_Judged, tuple[Outcome, T] | Exception]:
            judged, bodies = self.store.read(search)
            try:
                return judged, judged.refusal or answer(bodies)
            except Exception as error:  # noqa: BLE001 - logged as what it is, and raised again
                return judged, error

        judged, answered = await asyncio.to_thread(work)
        log = partial(self._log, inquiry, asker, Side.ANSWERED, judged.agreement)
        if isinstance(answered, Exception):
            await _refuse(log, answered)
        outcome, given = answered
        await log(outcome.value)
        return given

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
        now = self.parts.clock.now()
        judge = partial(_judge, inquiry=inquiry, consumer=self.parts.city, partner=inquiry.right.city, now=now)
        judged = await asyncio.to_thread(self.store.read, judge)
        log = partial(self._log, inquiry, asker, Side.ASKED, judged.agreement)
        if judged.refusal is not None:
            await _refuse(log, judged.refusal)
        try:
            outcome, answered = await forward()
        except Exception as error:  # noqa: BLE001 - logged as what it is, and raised again
            await _refuse(log, error)
        except asyncio.CancelledError:
            await log(CANCELLED)  # whoever asked has left; the question had left before
            raise
        await log(outcome.value)
        return answered

    def _judge_asked(self, tx: Transaction, inquiry: Inquiry, asker: Asker) -> _Judged:
        """Judge a question about this city's own records. Its own systems need no agreement with it."""
        if asker.city == self.parts.city:
            return _Judged()
        if inquiry.right.city != self.parts.city:
            return _Judged(None, NotPermitted("nobody relays a partner's question: ask the city it is for"))
        judged = _judge(tx, inquiry, asker.city, partner=asker.city, now=self.parts.clock.now())
        if judged.agreement is not None and judged.refusal is None:
            try:
                self.quotas.take(judged.agreement, 1)
            except Unavailable as spent:
                return _Judged(judged.agreement, spent)
        return judged

    async def _log(self, inquiry: Inquiry, asker: Asker, side: Side, agreement: Agreement | None, outcome: str) -> None:
        right = inquiry.right
        own = asker.city == self.parts.city and right.city == self.parts.city
        access = Access(
            time=self.parts.clock.now(),
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
            subject=self.pseudonym(inquiry.subject),
            outcome=outcome,
        )
        await written(self.store.write(lambda tx: tx.append_access(access)))


async def _refuse(log: Callable[[str], Awaitable[None]], refusal: Exception) -> Never:
    """Log why a question has no answer, also where that is a fault of ours, and raise it."""
    await log(refusal.reason if isinstance(refusal, ExchangeError) else FAULT)
    raise refusal


def _judge(tx: Transaction, inquiry: Inquiry, consumer: str, *, partner: str, now: datetime) -> _Judged:
    """Judge a question by what stands here; nothing is searched.

    Args:
        tx: Transaction.
        inquiry: The question.
        consumer: City that asks.
        partner: Which of the two cities is not this one.
        now: When it is judged.
    """
    versions = tx.agreement_versions(inquiry.right.agreement_id)
    in_force = [one for one in versions if one.in_force(now)]
    agreement = max(in_force or versions, key=lambda one: one.version, default=None)
    try:
        require_live_partner(tx, partner)
        if agreement is None or not in_force or agreement.id in tx.revoked_agreements():
            raise _missing(inquiry, consumer)
        _require_right(inquiry, agreement, consumer)
    except ExchangeError as refusal:
        return _Judged(agreement, refusal)
    return _Judged(agreement)


def _require_right(inquiry: Inquiry, agreement: Agreement, consumer: str) -> None:
    """Hold a question against the agreement that it names.

    Raises:
        AgreementMissing: It is of another mode, dataset or direction.
        StandardIncompatible: It names another major version.
        PurposeNotAgreed, LegalBasisNotAgreed, FieldNotAgreed: It does not cover the question.
    """
    right = inquiry.right
    wanted = ("lookup", right.city, consumer, inquiry.dataset)
    if (agreement.mode, agreement.provider, agreement.consumer, agreement.dataset) != wanted:
        raise _missing(inquiry, consumer)
    if not share_major([agreement.standard], [inquiry.standard]):
        raise StandardIncompatible(
            f"agreement {agreement.id} names standard {agreement.standard} of {inquiry.dataset}, the question is "
            f"answered from {inquiry.standard}: agree on a version that both know"
        )
    if right.purpose not in agreement.purposes:
        raise PurposeNotAgreed(f"agreement {agreement.id} does not list this purpose: state one that it lists")
    if right.legal_basis != agreement.legal_basis:
        raise LegalBasisNotAgreed(
            f"agreement {agreement.id} stands on another legal basis: state that of the agreement"
        )
    if not agreement.allows(inquiry.fields):
        lacking = ", ".join(sorted(inquiry.fields - set(agreement.fields)))
        raise FieldNotAgreed(f"agreement {agreement.id} does not name what the answer is taken from: {lacking}")


def _missing(inquiry: Inquiry, consumer: str) -> AgreementMissing:
    """The same words, whether the agreement is unknown, over, of another mode or somebody else's."""
    return AgreementMissing(
        f"no agreement of this id lets {consumer} ask {inquiry.right.city} about {inquiry.dataset} today: import one "
        'of the mode "lookup" with `yrdx agreement import FILE` on both sides'
    )
