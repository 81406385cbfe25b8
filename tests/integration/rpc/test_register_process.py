"""The register's own process over a real store: answers as this process would, dies without harm, tells faults."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from services.domain.access import Access
from services.domain.errors import ExchangeError, PurposeNotAgreed, QuotaExceeded, StoreUnavailable
from services.domain.lookup import Asker, Query
from services.exchange.access_lines import AccessLines
from services.exchange.quota import Quotas
from services.exchange.register import Register, Reply
from services.node.access_key import access_key
from services.node.home import Home
from services.node.register import RegisterProcess
from services.node.settings import Settings
from services.node.system import SystemClock
from services.rpc.lookups import compile_questions
from services.rpc.questions import QUESTIONS, Question
from services.store.snapshots import open_snapshots
from services.wire.codecs import IdentityCodec
from tests.integration.rpc.asked_node import DATASETS, filled_store, lookup_agreement, request
from tests.integration.rpc.cities import NANTONG, SHANGHAI

GATEWAY = Asker(NANTONG.code, f"spiffe://{NANTONG.code}.yrdx/gateway/node")
COVERAGE = next(one for one in QUESTIONS if one.name == "coverage")
TOTALS = next(one for one in QUESTIONS if one.name == "contributions")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Shanghai's home, with a register of golden rows; one dataset may be asked about twice a minute."""
    home = Home(tmp_path_factory.mktemp("home"))
    access_key(home.access_key)
    quotas = {TOTALS.dataset: 2}
    agreements = [
        lookup_agreement(dataset, records_per_minute=quotas.get(dataset))
        for dataset in {question.dataset for question in QUESTIONS}
    ]
    filled_store(home.store, agreements)
    return home


@pytest.fixture
def process(home: Home) -> Iterator[RegisterProcess]:
    """The register's process."""
    with RegisterProcess(home, settings(home.store)) as process:
        yield process


def settings(store: Path) -> Settings:
    """Return Shanghai's settings over a store."""
    return Settings(city=SHANGHAI.code, store_url=f"sqlite:///{store}")


def query(question: Question, *, absent: bool = False, **context: str) -> Query:
    """Return a question of Nantong's."""
    context = {"request_id": str(uuid.uuid4()), **context}
    return Query(question.method, request(question, absent=absent, **context).SerializeToString(), GATEWAY)


def without_time(replies: list[Reply]) -> list[tuple[object, ...]]:
    """Return what replies say; errors are equal by their kind and text."""
    return [(reply.answer, type(reply.refusal), str(reply.refusal), *other_facts(reply)) for reply in replies]


def other_facts(reply: Reply) -> tuple[object, ...]:
    """Return what the log says beside the time."""
    return tuple(getattr(reply.access, one.name) for one in fields(Access) if one.name != "time")


async def test_it_answers_as_this_process_would(home: Home, process: RegisterProcess) -> None:
    """Every question, found and not, and one that is refused: answers, refusals and lines of the log."""
    clock = SystemClock()
    lines = AccessLines(SHANGHAI.code, clock, access_key(home.access_key).pseudonym)
    here = Register(
        open_snapshots(settings(home.store).store_url),
        compile_questions(DATASETS),
        IdentityCodec(),
        Quotas(clock),
        lines,
    )
    asked = [query(question, absent=absent) for question in QUESTIONS for absent in (False, True)]
    asked.append(query(COVERAGE, purpose="curiosity"))
    replies = await process.answer(asked)
    assert without_time(replies) == without_time(here.answer(asked))
    assert {reply.access.outcome for reply in replies if reply.access} >= {"FOUND", "NOT_FOUND", "PURPOSE_NOT_AGREED"}
    assert isinstance(replies[-1].refusal, PurposeNotAgreed)
    here.store.close()


async def test_a_quota_holds_from_group_to_group(process: RegisterProcess) -> None:
    """The first is let through; before long one learns when to ask again."""
    refusals = [(await process.answer([query(TOTALS)]))[0].refusal for _ in range(6)]
    assert refusals[0] is None
    assert isinstance(refusals[-1], QuotaExceeded)
    assert 0 < (refusals[-1].retry_after_s or 0) <= 60


async def test_one_that_is_killed_is_replaced(process: RegisterProcess) -> None:
    """Whoever asks next waits a second longer."""
    (before,) = await process.answer([query(COVERAGE)])
    os.kill(process.pid, signal.SIGKILL)
    (after,) = await process.answer([query(COVERAGE)])
    assert after.answer == before.answer
    assert after.answer


async def test_a_fault_is_that_of_its_question_and_told_without_its_text(
    home: Home, capfd: pytest.CaptureFixture[str]
) -> None:
    """A question that nobody knows: its neighbour is answered, the log has the place, and the process goes on."""
    with RegisterProcess(home, settings(home.store)) as process:
        fault, good = await process.answer([Query("/yrdx.care.v1.CareService/Nothing", b"", GATEWAY), query(COVERAGE)])
        pid = process.pid
        assert (await process.answer([query(COVERAGE)]))[0].answer == good.answer
        assert process.pid == pid
    assert good.answer
    assert isinstance(fault.refusal, ExchangeError)
    assert (fault.refusal.reason, "Nothing" in str(fault.refusal), fault.access) == ("INTERNAL", False, None)
    assert '"lookup.fault"' in capfd.readouterr().err


async def test_a_store_that_is_gone_is_said(home: Home, tmp_path: Path) -> None:
    """Nothing new is created in its place."""
    gone = Home(tmp_path)
    access_key(gone.access_key)
    with RegisterProcess(gone, settings(gone.store)) as process, pytest.raises(StoreUnavailable):
        await process.answer([query(COVERAGE)])
    assert not gone.store.exists()
