from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from hashlib import sha256

import pytest

from services.domain.case import Case, CaseState, StepRecord, case_digest
from services.domain.stream import StreamName
from services.ports.cases import CaseFilter
from services.ports.store import Store, Transaction
from tests.contract.store.samples import NOW, Sender, a_row, a_stream, do

DATASET, PARTNER = "social.transfer", "310000"
DAY = date(2026, 3, 2)
EVERY = CaseFilter()


def digest(number: str) -> bytes:
    """What a case is found by."""
    return case_digest(number, lambda data: sha256(data).digest())


def hold(tx: Transaction, number: str, partner: str = PARTNER) -> Case:
    """Hold one case."""
    (case,) = tx.hold_cases(DATASET, partner, [digest(number)]).values()
    return case


def keep(
    store: Store,
    number: str,
    records: Sequence[StepRecord],
    *,
    state: CaseState = CaseState.OPEN,
    partner: str = PARTNER,
) -> None:
    """Keep a case with records."""

    def work(tx: Transaction) -> None:
        case = hold(tx, number, partner)
        tx.add_step_records(case.id, records)
        tx.put_case(replace(case, number=number, state=state, clock_day=DAY))

    do(store, work)


def found(store: Store, wanted: CaseFilter = EVERY, limit: int = 100) -> list[str]:
    """Numbers of the cases that are found."""
    return [case.number for case in store.read(lambda tx: tx.cases(wanted, limit=limit))]


@pytest.fixture
def transfers(store: Store) -> Sender:
    """A sender of transfers."""
    return Sender(store, StreamName("320600", PARTNER, DATASET))


def outbound(sender: Sender, record_id: int, step: int = 1) -> StepRecord:
    """A record of the outbox that nobody has answered yet."""
    return StepRecord(step, DAY, False, "320600", sender.stream.id, record_id)


def submit(sender: Sender, *numbers: int) -> int:
    """Submit rows in one call and return the first one's id."""

    def work(tx: Transaction) -> int:
        first = tx.append_outbox(sender.stream.id, sender.source.id, [a_row(number) for number in numbers], now=NOW)
        source = tx.source(sender.stream.id, sender.source.name)
        assert source is not None
        upto = source.position + len(numbers)
        assert tx.advance_source(source.id, after=source.position, upto=upto, submitted=len(numbers))
        return first

    return do(sender.store, work)


def test_a_new_case_is_begun_and_listed_once_something_stands(store: Store) -> None:
    """Of a case whose only record was refused nothing is found: not even its number is kept."""
    begun = do(store, lambda tx: hold(tx, "NT1"))
    assert (begun.number, begun.state, begun.records) == ("", CaseState.NONE, ())
    assert found(store) == []
    assert do(store, lambda tx: hold(tx, "NT1")).id == begun.id


def test_a_case_has_the_records_of_both_directions(store: Store, transfers: Sender) -> None:
    """What was kept is what is read, in one case for each partner."""
    inbound = a_stream(store, name=StreamName(PARTNER, "320600", DATASET))
    theirs = StepRecord(3, date(2026, 3, 9), True, PARTNER, inbound.id, None, 2, 7)
    keep(store, "NT1", [outbound(transfers, submit(transfers, 1)), theirs])
    keep(store, "NT1", [], partner="320500", state=CaseState.CLOSED)
    first, second = store.read(lambda tx: tx.cases(CaseFilter(digest=digest("NT1")), limit=9))
    assert (first.dataset, first.partner, first.number, first.clock_day) == (DATASET, PARTNER, "NT1", DAY)
    assert set(first.records) == {outbound(transfers, first.records[0].record_id or 0), theirs}
    assert (second.partner, second.state, second.records) == ("320500", CaseState.CLOSED, ())


def test_a_record_is_kept_once(store: Store, transfers: Sender) -> None:
    """The same record again, by its id or by its sequence, changes nothing."""
    mine = outbound(transfers, submit(transfers, 1))
    theirs = StepRecord(3, DAY, False, PARTNER, transfers.stream.id, None, 1, 7)
    for _ in range(2):
        keep(store, "NT1", [mine, theirs])
    (case,) = store.read(lambda tx: tx.cases(EVERY, limit=9))
    assert len(case.records) == 2


def test_an_answer_gives_sequences_and_takes_refused_steps_back(store: Store, transfers: Sender) -> None:
    """The cases that changed are returned as they are now; records of other batches stay unanswered."""
    first = submit(transfers, 1, 2)
    batch = transfers.seal()
    later = submit(transfers, 3)
    keep(store, "NT1", [outbound(transfers, first), outbound(transfers, first + 1, step=2)])
    keep(store, "NT2", [outbound(transfers, later)])
    (changed,) = do(store, lambda tx: tx.answer_step_records(batch, {2}))
    assert changed.number == "NT1"
    assert [(one.record_id, one.epoch, one.sequence) for one in changed.records] == [(first, 1, 1)]
    (other,) = store.read(lambda tx: tx.cases(CaseFilter(digest=digest("NT2")), limit=9))
    assert [(one.epoch, one.sequence) for one in other.records] == [(0, 0)]
    assert [one.number for one in do(store, lambda tx: tx.answer_step_records(batch, {2}))] == ["NT1"]


def test_records_that_are_not_sent_are_dropped(store: Store, transfers: Sender) -> None:
    """By their ids, of that stream alone."""
    first = submit(transfers, 1, 2)
    keep(store, "NT1", [outbound(transfers, first), outbound(transfers, first + 1, step=2)])
    assert do(store, lambda tx: tx.drop_step_records(transfers.stream.id + 1, [first])) == []
    (left,) = do(store, lambda tx: tx.drop_step_records(transfers.stream.id, [first]))
    assert [one.step for one in left.records] == [2]


def test_cases_are_filtered_and_paged(store: Store) -> None:
    """Open, overdue by the day on which the clock started, of one dataset, after an id."""
    for number in ("NT1", "NT2"):
        keep(store, number, [])
    keep(store, "NT3", [], state=CaseState.CLOSED)
    assert found(store) == ["NT1", "NT2", "NT3"]
    assert found(store, limit=2) == ["NT1", "NT2"]
    assert found(store, CaseFilter(open_only=True)) == ["NT1", "NT2"]
    assert found(store, CaseFilter(clock_upto={DATASET: DAY})) == ["NT1", "NT2"]
    assert found(store, CaseFilter(clock_upto={DATASET: date(2026, 3, 1)})) == []
    assert found(store, CaseFilter(clock_upto={})) == []
    assert found(store, CaseFilter(dataset="care.referral")) == []
    first = store.read(lambda tx: tx.cases(EVERY, limit=1))[0]
    assert [one.number for one in store.read(lambda tx: tx.cases(EVERY, after_id=first.id, limit=9))] == ["NT2", "NT3"]
    counted = store.read(lambda tx: tx.count_cases(CaseFilter(open_only=True)))
    assert counted == {(PARTNER, DATASET): 2}


def test_more_cases_than_a_statement_has_parameters(store: Store) -> None:
    """A batch of thousands of steps holds thousands of cases."""
    digests = [digest(str(number)) for number in range(1_201)]
    held = do(store, lambda tx: tx.hold_cases(DATASET, PARTNER, digests))
    assert held.keys() == set(digests)


def test_two_sides_that_act_at_once_wait_for_each_other(store: Store, transfers: Sender) -> None:
    """Whoever holds a case later sees what the other did: no step is judged by a state that is gone."""
    seen: list[int] = []

    def act(tx: Transaction, step: int) -> None:
        case = hold(tx, "NT1")
        seen.append(len(case.records))
        time.sleep(0.1)  # on PostgreSQL the other transaction has begun meanwhile
        tx.add_step_records(case.id, [StepRecord(step, DAY, False, PARTNER, transfers.stream.id, None, 1, step)])

    for future in [store.write(partial(act, step=step)) for step in (1, 2, 3)]:
        future.result(30)
    assert seen == [0, 1, 2]


def test_the_first_row_that_is_appended_is_named(transfers: Sender) -> None:
    """The others' ids follow it."""
    first = submit(transfers, 1, 2)
    assert [row.id for row in transfers.pending()] == [first, first + 1]
