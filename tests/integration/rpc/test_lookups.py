"""The typed services over real TLS: who is answered, by which right, and that everything else looks the same."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any, Final

import grpc
import pytest
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from certs.identity import Role
from services.domain.access import Access, Side
from services.domain.agreement import Agreement
from services.domain.errors import NotPermitted, PurposeNotAgreed
from services.rpc.questions import QUESTIONS, Question
from tests.integration.rpc.asked_node import (
    ABSENT,
    ASKED,
    BASIS,
    PURPOSE,
    AskedNode,
    asked_node,
    filled_store,
    golden_messages,
    lookup_agreement,
    register,
    request,
)
from tests.integration.rpc.cities import NANTONG, SHANGHAI, SUZHOU, City
from yrdx.types.v1.lookup_pb2 import LOOKUP_OUTCOME_FOUND, LOOKUP_OUTCOME_NOT_FOUND

OK: Final = "OK"
NAMES: Final = [question.name for question in QUESTIONS]
BY_NAME: Final = {question.name: question for question in QUESTIONS}

CALLERS: Final[dict[str, tuple[City, Role]]] = {
    "partner gateway": (NANTONG, "gateway"),
    "other partner's gateway": (SUZHOU, "gateway"),
    "partner system": (NANTONG, "system"),
    "partner operator": (NANTONG, "operator"),
    "own system": (SHANGHAI, "system"),
    "own operator": (SHANGHAI, "operator"),
    "own gateway": (SHANGHAI, "gateway"),
}
LEAVES: Final = {name: city.leaf(role) for name, (city, role) in CALLERS.items()}
"""Made once: a key each."""


def agreements_of(question: Question) -> dict[str, Agreement | None]:
    """Return every state in which an agreement can be; None: nobody ever made it."""
    dataset = question.dataset
    another = "social.transfer" if dataset != "social.transfer" else "care.coverage"

    def made(state: str, **changes: Any) -> Agreement:
        return lookup_agreement(**{"dataset": dataset, "id": f"{dataset}-{state}", **changes})

    return {
        "in force": made("in-force"),
        "in force, all fields named": made("named", fields=tuple(sorted(set(question.fields) | subject_of(question)))),
        "ended": made("ended", valid_until=date(2026, 2, 28)),
        "not yet": made("not-yet", valid_from=date(2026, 6, 1)),
        "of push": made("push", mode="push"),
        "of another dataset": made("dataset", dataset=another),
        "of another consumer": made("consumer", consumer="330100"),
        "of the other direction": made("direction", provider=NANTONG.code, consumer=SHANGHAI.code),
        "revoked": made("revoked"),
        "without a field": made("field", fields=tuple(sorted(question.fields)[:-1])),
        "on another basis": made("basis", legal_basis="another decree"),
        "unknown": None,
    }


def subject_of(question: Question) -> set[str]:
    """Return the fields that name the subject, as far as the request does."""
    return {"person_number", "plate_number", "plate_colour"} & set(ASKED[question.name])


REFUSED_BY: Final = {
    "in force": OK,
    "in force, all fields named": OK,
    "without a field": "FIELD_NOT_AGREED",
    "on another basis": "LEGAL_BASIS_NOT_AGREED",
}
"""What the state of an agreement leads to, where everything else is right; otherwise AGREEMENT_MISSING."""


def expected(caller: str, state: str, purpose: str) -> str:
    """Say what the matrix must hold."""
    city, role = CALLERS[caller]
    if city is SHANGHAI:
        return OK if role != "gateway" else "NOT_PERMITTED"  # its own register needs no agreement
    if role != "gateway":
        return "NOT_PERMITTED"
    if city is SUZHOU:
        return "AGREEMENT_MISSING"
    verdict = REFUSED_BY.get(state, "AGREEMENT_MISSING")
    return verdict if verdict == "AGREEMENT_MISSING" or purpose == PURPOSE else "PURPOSE_NOT_AGREED"


@pytest.fixture(scope="module")
def states() -> dict[str, dict[str, Agreement | None]]:
    """Agreements by question and state."""
    return {question.name: agreements_of(question) for question in QUESTIONS}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, states: dict[str, dict[str, Agreement | None]]) -> Path:
    """Shanghai's store, with every agreement."""
    made = [one for of_question in states.values() for one in of_question.values() if one is not None]
    made += [lookup_agreement(question.dataset) for question in QUESTIONS]
    revoked = [one.id for one in made if one.id.endswith("-revoked")]
    return filled_store(tmp_path_factory.mktemp("asked") / "filled.sqlite", made, revoked=revoked)


@pytest.fixture
async def node(tmp_path: Path, filled: Path) -> AsyncIterator[AskedNode]:
    """Shanghai, serving over a store of this test's own."""
    async with asked_node(Path(shutil.copy(filled, tmp_path / "store.sqlite"))) as running:
        yield running


@dataclass(frozen=True)
class Ended:
    """How a call ended, to the byte.

    Attributes:
        code: Status code.
        details: Its text.
        trailer: The rich status, serialised.
        answer: The response, serialised.
    """

    code: grpc.StatusCode
    details: str = ""
    trailer: bytes = b""
    answer: bytes = b""

    @property
    def reason(self) -> str:
        """The reason of a refusal; "OK" for an answer."""
        info = ErrorInfo()
        for detail in Status.FromString(self.trailer).details:
            detail.Unpack(info)
        return info.reason or self.code.name


async def ask(channel: grpc.aio.Channel, question: Question, asked: Any) -> Ended:
    """Ask one question."""
    call: Any = channel.unary_unary(question.method)
    try:
        return Ended(grpc.StatusCode.OK, answer=await call(asked.SerializeToString(), timeout=30))
    except grpc.aio.AioRpcError as error:
        trailer = dict(error.trailing_metadata()).get("grpc-status-details-bin", b"")
        assert isinstance(trailer, bytes)
        return Ended(error.code(), error.details() or "", trailer)


def response(question: Question, ended: Ended) -> Any:
    """Return an answer."""
    return GetMessageClass(question.service.methods_by_name[question.rpc].output_type).FromString(ended.answer)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("name", NAMES)
async def test_who_is_answered(
    node: AskedNode, states: dict[str, dict[str, Agreement | None]], name: str, caller: str
) -> None:
    """Every question × caller × state of the agreement × purpose, for somebody on record and for nobody.

    A refusal is the same to the byte in both cases; each question that got past the edge is in the log once.
    """
    question = BY_NAME[name]
    found: dict[tuple[str, str], str] = {}
    wrong: list[Any] = []
    async with node.channel(LEAVES[caller]) as channel:
        for state, purpose in product(states[name], (PURPOSE, "curiosity")):
            agreement = states[name][state]
            context: dict[str, Any] = {
                "agreement_id": agreement.id if agreement else "nobody-made-it",
                "purpose": purpose,
            }
            present = await ask(channel, question, request(question, **context))
            absent = await ask(channel, question, request(question, absent=True, **context))
            found[state, purpose] = present.reason
            if present.code is grpc.StatusCode.OK:
                outcomes = [response(question, one).outcome for one in (present, absent)]
                wrong += [] if outcomes == [LOOKUP_OUTCOME_FOUND, LOOKUP_OUTCOME_NOT_FOUND] else [(state, outcomes)]
            else:
                assert present.code is grpc.StatusCode.PERMISSION_DENIED
                wrong += [] if present == absent else [(state, present, absent)]

    assert found == {(state, purpose): expected(caller, state, purpose) for state, purpose in found}
    assert wrong == []
    admitted = "NOT_PERMITTED" not in found.values()
    assert len(node.accesses()) == (2 * len(found) if admitted else 0)


@pytest.mark.parametrize("name", [name for name in NAMES if "person_name" in ASKED[name]])
async def test_a_number_without_the_name_is_nobody(node: AskedNode, name: str) -> None:
    """The answer about a person under a wrong name is that about an absent one, to the byte."""
    question = BY_NAME[name]
    wrong = request(question)
    wrong.person.person_name = "别人"
    async with node.channel(LEAVES["partner gateway"]) as channel:
        answers = [await ask(channel, question, one) for one in (wrong, request(question, absent=True))]
    assert answers[0] == answers[1]
    assert response(question, answers[0]).outcome == LOOKUP_OUTCOME_NOT_FOUND


async def test_what_contradicts_itself_is_ambiguous(node: AskedNode) -> None:
    """Two numbers of one person with different states, the second in what nobody has merged yet."""
    question = BY_NAME["enrolment"]
    (enrolled,) = [one for one in golden_messages("social.enrolment") if is_asked(one, "enrolment")]
    enrolled.source_serial, enrolled.status = "SH0000000099", 3
    node.write(lambda tx: register(tx, "social.enrolment", [enrolled]))
    async with node.channel(LEAVES["partner gateway"]) as channel:
        answer = response(question, await ask(channel, question, request(question)))
    assert str(answer) == "outcome: LOOKUP_OUTCOME_AMBIGUOUS\n"


def is_asked(message: Any, name: str) -> bool:
    """Say whether a record is what a question asks about."""
    return all(getattr(message, field) == value for field, value in ASKED[name].items())


async def test_the_log_names_nobody(node: AskedNode, tmp_path: Path) -> None:
    """What is on disk holds neither number nor name, whatever a partner writes where it may write freely."""
    question = BY_NAME["coverage"]
    number = str(ASKED["coverage"]["person_number"])
    async with node.channel(LEAVES["partner gateway"]) as channel:
        await ask(channel, question, request(question))
        await ask(channel, question, request(question, purpose=number))
        await ask(channel, question, request(question, legal_basis="王五"))
        await ask(channel, question, request(question, agreement_id=number))
    answered, purpose, basis, agreement = node.accesses()
    assert [one.outcome for one in node.accesses()] == [
        "FOUND", "PURPOSE_NOT_AGREED", "LEGAL_BASIS_NOT_AGREED", "AGREEMENT_MISSING"
    ]  # fmt: skip
    assert (answered.purpose, answered.legal_basis, answered.agreement_version) == (PURPOSE, BASIS, 1)
    assert (purpose.purpose, basis.legal_basis, agreement.agreement_id) == ("", "", "")
    assert number not in repr(node.accesses())
    assert answered.subject == node.host.pseudonym([number])
    assert (answered.caller_city, answered.side, answered.question) == ("320600", Side.ANSWERED, "coverage")


async def test_a_quota_is_questions_a_minute(node: AskedNode) -> None:
    """The one too many waits, and is in the log; a minute later there is room again."""
    question = BY_NAME["coverage"]
    node.write(lambda tx: tx.put_agreement(lookup_agreement("care.coverage", id="few", records_per_minute=2)))
    async with node.channel(LEAVES["partner gateway"]) as channel:
        ended = [await ask(channel, question, request(question, agreement_id="few")) for _ in range(3)]
        node.clock.advance(60)
        ended.append(await ask(channel, question, request(question, agreement_id="few")))
    assert [one.reason for one in ended] == ["OK", "OK", "QUOTA_EXCEEDED", "OK"]
    assert ended[2].code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert node.accesses()[2].outcome == "QUOTA_EXCEEDED"


@pytest.mark.parametrize("name", NAMES)
async def test_a_batch_is_answered_in_order(node: AskedNode, name: str) -> None:
    """Each question by its own right: one that is refused holds up no other, and all are in the log."""
    question = BY_NAME[name]
    twin = question.service.methods_by_name[f"Batch{question.rpc}"]
    batch_request, batch_response = GetMessageClass(twin.input_type), GetMessageClass(twin.output_type)

    def asked() -> Iterator[bytes]:
        for number in range(150):
            purpose = "curiosity" if number % 3 == 2 else PURPOSE
            one = request(question, absent=number % 3 == 1, purpose=purpose)
            yield batch_request(question=one).SerializeToString()

    async with node.channel(LEAVES["partner gateway"]) as channel:
        call: Any = channel.stream_stream(question.batch_method)
        answers: list[Any] = [batch_response.FromString(one) async for one in call(asked(), timeout=60)]

    told = [one.refusal.reason or one.answer.outcome for one in answers]
    assert told == [LOOKUP_OUTCOME_FOUND, LOOKUP_OUTCOME_NOT_FOUND, PurposeNotAgreed.reason] * 50
    assert len(node.accesses()) == 150


class TestAnotherCity:
    """Own systems ask other cities over their own node; nobody relays for a partner."""

    QUESTION: Final = BY_NAME["coverage"]

    async def asked(self, node: AskedNode, caller: str = "own system", **context: str) -> Ended:
        """Ask for Nantong's register under an agreement by which Shanghai may."""
        agreement = lookup_agreement("care.coverage", id="there", provider=NANTONG.code, consumer=SHANGHAI.code)
        node.write(lambda tx: tx.put_agreement(agreement))
        stated: dict[str, Any] = {"city": NANTONG.code, "agreement_id": "there", **context}
        async with node.channel(LEAVES[caller]) as channel:
            return await ask(channel, self.QUESTION, request(self.QUESTION, **stated))

    def logged(self, node: AskedNode) -> list[tuple[Side, str, str]]:
        """Return side, city that was asked, and outcome of every access."""
        return [(one.side, one.asked_city, one.outcome) for one in node.accesses()]

    async def test_the_partners_answer_comes_back(self, node: AskedNode) -> None:
        """As the partner gave it, and the log says that it was asked."""
        found = response(self.QUESTION, Ended(grpc.StatusCode.OK))
        found.outcome, found.covered = LOOKUP_OUTCOME_FOUND, True
        node.host.partners[NANTONG.code] = found.SerializeToString()
        ended = await self.asked(node)
        assert ended.answer == found.SerializeToString()
        ((city, method, question),) = node.host.asked
        assert (city, method) == (NANTONG.code, self.QUESTION.method)
        assert GetMessageClass(self.QUESTION.request).FromString(question) == request(
            self.QUESTION, city=NANTONG.code, agreement_id="there"
        )
        assert self.logged(node) == [(Side.ASKED, NANTONG.code, "FOUND")]

    async def test_what_the_partner_refuses_is_refused(self, node: AskedNode) -> None:
        """With the partner's reason, in the log too."""
        node.host.partners[NANTONG.code] = NotPermitted("not here")
        assert (await self.asked(node)).reason == "NOT_PERMITTED"
        assert self.logged(node) == [(Side.ASKED, NANTONG.code, "NOT_PERMITTED")]

    async def test_a_partner_that_is_away_is_unavailable(self, node: AskedNode) -> None:
        """The clerk tries again later; that it was tried is in the log."""
        assert (await self.asked(node)).code is grpc.StatusCode.UNAVAILABLE
        assert self.logged(node) == [(Side.ASKED, NANTONG.code, "UNAVAILABLE")]

    @pytest.mark.parametrize("answer", [b"\xff", b""], ids=["no message", "no outcome"])
    async def test_an_answer_that_is_none_is_refused(self, node: AskedNode, answer: bytes) -> None:
        """Nothing is made of it."""
        node.host.partners[NANTONG.code] = answer
        assert (await self.asked(node)).reason == "MALFORMED"

    async def test_a_question_without_a_right_never_leaves(self, node: AskedNode) -> None:
        """This city's own copy of the agreement is asked first."""
        assert (await self.asked(node, purpose="curiosity")).reason == "PURPOSE_NOT_AGREED"
        assert (await self.asked(node, agreement_id="L-care.coverage")).reason == "AGREEMENT_MISSING"
        assert node.host.asked == []
        assert [outcome for _, _, outcome in self.logged(node)] == ["PURPOSE_NOT_AGREED", "AGREEMENT_MISSING"]

    async def test_nobody_relays_for_a_partner(self, node: AskedNode) -> None:
        """A gateway that asks about another city is refused, and nothing is asked there."""
        assert (await self.asked(node, "other partner's gateway")).reason == "NOT_PERMITTED"
        assert node.host.asked == []


async def test_a_repeated_question_is_answered_and_logged_again(node: AskedNode) -> None:
    """Under the same request id, whatever became of the first answer."""
    question = BY_NAME["assessment"]
    async with node.channel(LEAVES["partner gateway"]) as channel:
        first, second = [await ask(channel, question, request(question)) for _ in range(2)]
    assert first == second
    logged: list[Access] = node.accesses()
    assert len(logged) == 2
    assert logged[0].request_id == logged[1].request_id


async def test_a_request_that_breaks_the_contract_is_told_which_field(node: AskedNode) -> None:
    """Before anything is judged, so it is in no log."""
    question = BY_NAME["coverage"]
    asked = request(question, clerk_reference="张三")
    asked.person.person_number = str(ABSENT["person_number"])[:17]
    async with node.channel(LEAVES["partner gateway"]) as channel:
        ended = await ask(channel, question, asked)
    assert ended.reason == "CONTRACT_BROKEN"
    assert "person_number" in ended.details
    assert node.accesses() == []
