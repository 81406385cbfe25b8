"""What is judged before a search and logged before an answer; the whole way: tests/integration/rpc/test_lookups."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, NamedTuple

import pytest

from services.domain.access import Access, Side
from services.domain.agreement import Agreement
from services.domain.errors import (
    AgreementMissing,
    ExchangeError,
    NotPermitted,
    PartnerPaused,
    PartnerUnknown,
    QuotaExceeded,
    TooLarge,
)
from services.domain.lookup import Asked, Asker, Inquiry, Outcome, Query, Right
from services.domain.partner import Partner, PartnerState
from services.exchange.access_lines import AccessLines
from services.exchange.look_up import LookUp
from services.exchange.quota import Quotas
from services.exchange.register import Register, Reply
from services.wire.codecs import IdentityCodec
from tests.simulation.cities import NANTONG, SHANGHAI, FakeClock, make_agreement

GATEWAY = Asker(NANTONG, f"spiffe://{NANTONG}.yrdx/gateway/node")
OWN = Asker(SHANGHAI, f"spiffe://{SHANGHAI}.yrdx/system/desk")
RIGHT = Right(SHANGHAI, "L-1", "visit", "decree", "request", "clerk-7")
INQUIRY = Inquiry("coverage", "care.coverage", "1", frozenset({"status"}), 100, ("someone",), b"subject.", RIGHT)


def lookup_agreement(**changes: object) -> Agreement:
    """Return an agreement by which Nantong asks Shanghai."""
    facts: dict[str, object] = {"id": "L-1", "mode": "lookup", "dataset": "care.coverage"}
    facts |= {"provider": SHANGHAI, "consumer": NANTONG, "purposes": ("visit",), "legal_basis": "decree"}
    return make_agreement(**{**facts, **changes})


@dataclass
class FakeStore:
    """A store that runs works at once, and is the transaction itself.

    Attributes:
        agreements: What was agreed.
        state: How the partner stands.
        said: Bodies of each subject; of one that is not named none.
        revoked: Agreements that were revoked.
        judged: Agreements that a right was judged by.
        searched: How often anything was searched.
        log: What was logged.
    """

    agreements: Sequence[Agreement] = ()
    state: PartnerState | None = PartnerState.LIVE
    said: dict[bytes, list[bytes]] = field(default_factory=lambda: {b"subject.": [b"body"]})
    revoked: list[str] = field(default_factory=list)
    judged: list[str] = field(default_factory=list)
    searched: int = 0
    log: list[Access] = field(default_factory=list)

    def read(self, work: Callable[[Any], Any]) -> Any:
        """Run a work."""
        return work(self)

    def write(self, work: Callable[[Any], Any]) -> Future[Any]:
        """Run a work and resolve."""
        done: Future[Any] = Future()
        done.set_result(work(self))
        return done

    def partner(self, city: str) -> Partner | None:
        """Return the partner."""
        return None if self.state is None else Partner(city, b"", "", "", self.state)

    def agreement_versions(self, agreement_id: str) -> list[Agreement]:
        """Return the versions of one agreement."""
        self.judged.append(agreement_id)
        return [one for one in self.agreements if one.id == agreement_id]

    def revoked_agreements(self) -> frozenset[str]:
        """Return what was revoked."""
        return frozenset(self.revoked)

    def said_of(self, dataset: str, subjects: Sequence[bytes], *, newest: int) -> list[list[bytes]]:
        """Count the search."""
        self.searched += 1
        return [self.said.get(subject, []) for subject in subjects]

    def append_accesses(self, accesses: Sequence[Access]) -> None:
        """Keep accesses."""
        self.log += accesses


Answer = Callable[[Sequence[bytes]], tuple[Outcome, bytes]]
"""From the bodies of a subject's records to what they come to."""


class FakeQuestion(NamedTuple):
    """A question of which the test knows what it asks and what answers it."""

    asked: Inquiry
    answers: Answer

    def parse(self, request: bytes) -> None:
        """There is nothing in it."""

    def inquiry(self, request: None) -> Inquiry:
        """Return what is asked."""
        return self.asked

    def answer(self, request: None, asked: Asked, bodies: Sequence[bytes]) -> tuple[Outcome, bytes]:
        """Answer as the test wants."""
        return self.answers(bodies)


class Desk:
    """Shanghai's use case over a store.

    Attributes:
        look_up: The use case.
    """

    def __init__(self, store: FakeStore) -> None:
        """Let its own process be the register's too."""
        clock, self._questions = FakeClock(), dict[str, FakeQuestion]()
        lines = AccessLines(SHANGHAI, clock, lambda subject: sha256(subject[0].encode()).digest())
        register = Register(store, self._questions, IdentityCodec(), Quotas(clock), lines)  # type: ignore[arg-type]

        async def answer(queries: Sequence[Query]) -> Sequence[Reply]:
            return register.answer(queries)

        self.look_up = LookUp(store, lines, answer)  # type: ignore[arg-type]

    async def answer(self, inquiry: Inquiry, asker: Asker, answers: Answer) -> str:
        """Put a question."""
        method = str(len(self._questions))
        self._questions[method] = FakeQuestion(inquiry, answers)
        return (await self.look_up.answer(Query(method, b"", asker))).decode()


def found(bodies: Sequence[bytes]) -> tuple[Outcome, bytes]:
    """Answer with how much was found."""
    return Outcome.FOUND, f"{len(bodies)} found".encode()


@pytest.mark.parametrize(
    ("store", "kind"),
    [
        (FakeStore(), "AGREEMENT_MISSING"),
        (FakeStore([lookup_agreement(fields=("name",))]), "FIELD_NOT_AGREED"),
        (FakeStore([lookup_agreement(purposes=("other",))]), "PURPOSE_NOT_AGREED"),
        (FakeStore([lookup_agreement()], None), PartnerUnknown.reason),
        (FakeStore([lookup_agreement()], PartnerState.UNCONFIRMED), PartnerUnknown.reason),
        (FakeStore([lookup_agreement()], PartnerState.PAUSED), PartnerPaused.reason),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_whoever_may_not_ask_costs_no_search(store: FakeStore, kind: str) -> None:
    """So the time tells nothing either; the refusal is in the log."""
    with pytest.raises(ExchangeError) as refused:
        await Desk(store).answer(INQUIRY, GATEWAY, found)
    assert refused.value.reason == kind
    assert store.searched == 0
    assert [(one.outcome, one.side) for one in store.log] == [(kind, Side.ANSWERED)]


async def test_whoever_may_is_answered_and_logged() -> None:
    """The newest version in force counts, whatever older ones said."""
    store = FakeStore([lookup_agreement(purposes=("other",)), lookup_agreement(version=2)])
    assert await Desk(store).answer(INQUIRY, GATEWAY, found) == "1 found"
    (access,) = store.log
    assert (access.outcome, access.agreement_id, access.agreement_version) == ("FOUND", "L-1", 2)
    assert (access.caller, access.subject) == (GATEWAY.uri, sha256(b"someone").digest())


async def test_an_own_system_needs_no_agreement_with_its_own_city() -> None:
    """Its purpose stands in the log as it stated it."""
    store = FakeStore()
    own = replace(INQUIRY, right=RIGHT._replace(agreement_id=""))
    assert await Desk(store).answer(own, OWN, found) == "1 found"
    assert [(one.purpose, one.agreement_id) for one in store.log] == [("visit", "")]


async def test_an_answer_that_cannot_be_given_is_logged_as_such() -> None:
    """The question was permitted, and came to nothing."""

    def too_much(bodies: Sequence[bytes]) -> tuple[Outcome, bytes]:
        raise TooLarge("too many")

    store = FakeStore([lookup_agreement()])
    with pytest.raises(TooLarge):
        await Desk(store).answer(INQUIRY, GATEWAY, too_much)
    assert [one.outcome for one in store.log] == ["TOO_LARGE"]


async def test_questions_of_one_group_get_each_their_own_answer() -> None:
    """Permitted or refused, about one dataset or another, with an answer or an error; each dataset is searched once."""
    store = FakeStore([lookup_agreement()], said={b"subject.": [b"body"], b"somebody": [b"1", b"2"]})
    asking = Desk(store)

    def broken(bodies: Sequence[bytes]) -> tuple[Outcome, bytes]:
        raise TooLarge("too many")

    other = replace(INQUIRY, subject=("somebody else",), subject_digest=b"somebody")
    elsewhere = replace(INQUIRY, dataset="transport.tap", right=RIGHT._replace(agreement_id=""))
    wrong = replace(INQUIRY, right=RIGHT._replace(purpose="curiosity"))
    answers = await asyncio.gather(
        asking.answer(INQUIRY, GATEWAY, found),
        asking.answer(other, GATEWAY, found),
        asking.answer(wrong, GATEWAY, found),
        asking.answer(elsewhere, OWN, found),
        asking.answer(INQUIRY, GATEWAY, broken),
        asking.answer(INQUIRY, GATEWAY, found),
        return_exceptions=True,
    )
    assert [getattr(one, "reason", one) for one in answers] == [
        *("1 found", "2 found", "PURPOSE_NOT_AGREED"),
        *("1 found", "TOO_LARGE", "1 found"),
    ]
    assert [one.outcome for one in store.log] == ["FOUND", "FOUND", "PURPOSE_NOT_AGREED", "FOUND", "TOO_LARGE", "FOUND"]
    assert [one.subject == sha256(b"somebody else").digest() for one in store.log] == [False, True, *[False] * 4]
    assert store.searched == 2


async def test_a_question_that_nobody_waits_for_any_more_is_logged() -> None:
    """It has left for the other city, which has it in its own log."""
    agreement = lookup_agreement(provider=NANTONG, consumer=SHANGHAI)
    store, asked = FakeStore([agreement]), asyncio.Event()

    async def forward() -> tuple[Outcome, str]:
        asked.set()
        await asyncio.Event().wait()
        return Outcome.FOUND, ""

    there = replace(INQUIRY, right=RIGHT._replace(city=NANTONG))
    task = asyncio.create_task(Desk(store).look_up.ask(there, OWN, forward))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [(one.side, one.outcome) for one in store.log] == [(Side.ASKED, "CANCELLED")]


async def test_a_right_is_judged_once_a_group_and_the_quota_taken_for_each() -> None:
    """Whoever asks two questions at once where one a minute is allowed gets one answer."""
    store = FakeStore([lookup_agreement(records_per_minute=1)])
    asking = Desk(store)
    other = replace(INQUIRY, right=RIGHT._replace(request_id="another", clerk_reference="clerk-8"))
    answers = await asyncio.gather(
        asking.answer(INQUIRY, GATEWAY, found), asking.answer(other, GATEWAY, found), return_exceptions=True
    )
    assert answers[0] == "1 found"
    assert isinstance(answers[1], QuotaExceeded)
    assert answers[1].retry_after_s is not None
    assert store.judged == ["L-1"]
    assert [(one.outcome, one.clerk_reference) for one in store.log] == [
        ("FOUND", "clerk-7"),
        ("QUOTA_EXCEEDED", "clerk-8"),
    ]


async def test_nobody_relays_a_question() -> None:
    """A partner asks the city that a question is for."""
    store = FakeStore([lookup_agreement()])
    with pytest.raises(NotPermitted):
        await Desk(store).answer(replace(INQUIRY, right=RIGHT._replace(city=NANTONG)), GATEWAY, found)
    assert store.searched == 0


async def test_an_answer_whose_agreement_was_revoked_meanwhile_is_withdrawn() -> None:
    """It was found, and nobody is told; the log says why. A city's own questions need no agreement."""
    store = FakeStore([lookup_agreement()])

    def found_too_late(bodies: Sequence[bytes]) -> tuple[Outcome, bytes]:
        store.revoked.append("L-1")
        return found(bodies)

    asking = Desk(store)
    own = replace(INQUIRY, right=RIGHT._replace(agreement_id=""))
    answers = await asyncio.gather(
        asking.answer(INQUIRY, GATEWAY, found_too_late), asking.answer(own, OWN, found), return_exceptions=True
    )
    assert isinstance(answers[0], AgreementMissing)
    assert answers[1] == "1 found"
    assert [one.outcome for one in store.log] == ["AGREEMENT_MISSING", "FOUND"]


async def test_a_question_that_cannot_be_read_is_its_own_fault() -> None:
    """Its neighbours are answered; it has no line, since nobody knows what it asked."""
    store = FakeStore([lookup_agreement()])
    asking = Desk(store)
    answers = await asyncio.gather(
        asking.look_up.answer(Query("nothing", b"", GATEWAY)),
        asking.answer(INQUIRY, GATEWAY, found),
        return_exceptions=True,
    )
    assert (type(answers[0]), answers[1]) == (KeyError, "1 found")
    assert [one.outcome for one in store.log] == ["FOUND"]
