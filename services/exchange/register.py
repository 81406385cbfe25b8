"""The register: questions about what this city has said, judged before anything is searched.

Whoever may not ask is refused in the same way, and as fast, whether or not the person exists: nothing was searched.
All that is needed is a store to read, so that a process of its own can answer (`services.node.register`); the access
log is written by whoever asked for the replies, before an answer leaves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from services.domain.access import Access, Side
from services.domain.errors import NotPermitted, Unavailable
from services.domain.lookup import Asked, Asker, Inquiry, Query
from services.exchange.access_lines import AccessLines, outcome_of
from services.exchange.asking_right import Judged, judge
from services.exchange.quota import Quotas
from services.ports.codec import PayloadCodec
from services.ports.questions import AnsweredQuestion
from services.ports.store import Snapshots, Transaction


class Reply(NamedTuple):
    """What came of a question.

    Attributes:
        access: Its line in the access log, to be written before anybody is told; None where it could not be read.
        answer: The serialised response, where there is one.
        refusal: Why there is none; not an `ExchangeError` where a fault of ours prevented it.
    """

    access: Access | None
    answer: bytes = b""
    refusal: Exception | None = None


class _Question(NamedTuple):
    """A question that was read."""

    inquiry: Inquiry
    asker: Asker
    answered: AnsweredQuestion
    request: Any


@dataclass(frozen=True, slots=True)
class Register:
    """Answers questions of one city's own records.

    Attributes:
        store: What is searched.
        questions: By the full name of their rpc.
        codec: Payload codec.
        quotas: Questions a minute, by agreement.
        lines: Of the access log.
    """

    store: Snapshots
    questions: Mapping[str, AnsweredQuestion]
    codec: PayloadCodec
    quotas: Quotas
    lines: AccessLines

    def answer(self, queries: Sequence[Query]) -> list[Reply]:
        """Answer questions from one snapshot; a refusal is a reply too, and so is an error of ours about one of them.

        Args:
            queries: Checked by the contract's rules.

        Returns:
            A reply for each.

        Raises:
            StoreUnavailable, StoreFailed: Nobody is answered.
        """
        read = list(map(self._read, queries))
        questions = [one for one in read if isinstance(one, _Question)]
        found = self.store.read(partial(self._judge_and_search, questions))
        replies = iter([self._reply(one, *judged) for one, judged in zip(questions, found, strict=True)])
        return [one if isinstance(one, Reply) else next(replies) for one in read]

    def _read(self, query: Query) -> _Question | Reply:
        try:
            answered = self.questions[query.method]
            request = answered.parse(query.request)
            return _Question(answered.inquiry(request), query.asker, answered, request)
        except Exception as error:  # noqa: BLE001 - raised to its caller
            return Reply(None, refusal=error)

    def _reply(self, one: _Question, judged: Judged, bodies: Sequence[bytes]) -> Reply:
        line = partial(self.lines.line, one.inquiry, one.asker, Side.ANSWERED, judged.agreement)
        if judged.refusal is not None:
            return Reply(line(outcome_of(judged.refusal)), refusal=judged.refusal)
        try:
            asked = Asked(self.lines.clock.now(), one.asker.city)
            outcome, answer = one.answered.answer(one.request, asked, list(map(self.codec.decode, bodies)))
        except Exception as error:  # noqa: BLE001 - logged as what it is, and raised to its caller
            return Reply(line(outcome_of(error)), refusal=error)
        return Reply(line(outcome.value), answer)

    def _judge_and_search(self, questions: Sequence[_Question], tx: Transaction) -> list[tuple[Judged, list[bytes]]]:
        """Judge every question, and search for those that may be asked, all of one dataset at once."""
        now, known = self.lines.clock.now(), dict[Any, Judged]()
        judged = [self._judge(tx, one, known, now) for one in questions]
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

    def _judge(self, tx: Transaction, one: _Question, known: dict[Any, Judged], now: datetime) -> Judged:
        """Judge a question about this city's own records; its own systems need no agreement with it."""
        own_city, (inquiry, asker) = self.lines.city, one[:2]
        if asker.city == own_city:
            return Judged()
        if inquiry.right.city != own_city:
            return Judged(None, NotPermitted("nobody relays a partner's question: ask the city it is for"))
        same = (inquiry.question, asker.city, *inquiry.right.judged)
        judged = known.get(same)
        if judged is None:
            judged = known[same] = judge(tx, inquiry, asker.city, partner=asker.city, now=now)
        return self._within_quota(judged)

    def _within_quota(self, judged: Judged) -> Judged:
        if judged.agreement is not None and judged.refusal is None:
            try:
                self.quotas.take(judged.agreement, 1)
            except Unavailable as spent:
                return Judged(judged.agreement, spent)
        return judged
