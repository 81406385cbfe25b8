"""A transfer between two cities: what both believe of it, whoever acts first and whatever is lost or restored."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from services.domain.case import CaseState
from services.domain.stream import StreamName
from services.exchange.retell import retell_cases
from tests.simulation.case_cities import (
    APPLICATION,
    CLOSED,
    FORM,
    LETTER,
    VOUCHER,
    CaseCities,
    step,
)
from tests.simulation.cities import NANTONG, SHANGHAI

CASE = "NT2026000001"


@pytest.fixture
def cities(tmp_path: Path) -> Iterator[CaseCities]:
    """Both cities, acquainted."""
    made = CaseCities(tmp_path)
    yield made
    made.close()


def walk(cities: CaseCities, upto: int = CLOSED) -> None:
    """Take a case step by step, each delivered before the next."""
    for which in range(VOUCHER, upto + 1):
        city = cities.nantong if which in (VOUCHER, FORM) else cities.shanghai
        assert city.submit(step(CASE, which, which * 10)) == []
        cities.deliver(city)


def test_both_cities_see_the_whole_case(cities: CaseCities) -> None:
    """Steps of both, with their days, senders and sequences, and its end."""
    walk(cities)
    expected = {
        VOUCHER: (10, NANTONG, 1),
        APPLICATION: (20, SHANGHAI, 1),
        LETTER: (30, SHANGHAI, 2),
        FORM: (40, NANTONG, 2),
        CLOSED: (50, SHANGHAI, 3),
    }
    for city in (cities.nantong, cities.shanghai):
        assert city.standing(CASE) == expected
        case = city.case(CASE)
        assert case is not None
        assert (case.number, case.state) == (CASE, CaseState.CLOSED)
        assert city.rejected() == []


def test_an_impossible_step_is_refused_where_it_is_said(cities: CaseCities) -> None:
    """That row alone, with the state named and its key kept, so that a mended row closes it; nothing is sent."""
    walk(cities, VOUCHER)
    (refused,) = cities.shanghai.submit(step(CASE, CLOSED, 20), step(CASE, APPLICATION, 20))
    assert (refused.position, refused.violation.rule_id) == (1, "course.step")
    assert "转入申请" in refused.violation.reason
    assert CASE not in refused.violation.reason
    assert len(refused.key) == 16
    assert cities.shanghai.standing(CASE) == {VOUCHER: (10, NANTONG, 1), APPLICATION: (20, SHANGHAI, 0)}


def test_rows_of_one_chunk_are_judged_one_after_the_other(cities: CaseCities) -> None:
    """What a row before them takes makes room, what was refused does not."""
    refused = cities.shanghai.submit(step(CASE, LETTER, 10), step(CASE, CLOSED, 5), step(CASE, CLOSED, 20))
    assert [(one.position, one.violation.field_path) for one in refused] == [(2, "step_date")]
    assert list(cities.shanghai.standing(CASE)) == [LETTER, CLOSED]


def test_the_receivers_verdict_holds(cities: CaseCities) -> None:
    """Both act at once: what the partner refuses is taken back, and both believe the same."""
    walk(cities, LETTER)
    assert cities.shanghai.submit(step(CASE, CLOSED, 40)) == []
    assert cities.nantong.submit(step(CASE, FORM, 35)) == []
    assert list(cities.nantong.standing(CASE)) == [VOUCHER, APPLICATION, LETTER, FORM]
    cities.deliver(cities.nantong)
    ((rule, field, reason),) = cities.nantong.rejected()
    assert (rule, field) == ("course.step", "step")
    assert "办结" in reason
    cities.deliver(cities.shanghai)
    assert cities.nantong.standing(CASE) == cities.shanghai.standing(CASE)
    assert list(cities.nantong.standing(CASE)) == [VOUCHER, APPLICATION, LETTER, CLOSED]


def test_a_bad_step_never_blocks_a_good_one(cities: CaseCities) -> None:
    """Other records of the same batch are accepted, of that case and of others."""
    walk(cities, LETTER)
    cities.shanghai.submit(step(CASE, CLOSED, 40))
    cities.nantong.submit(step(CASE, FORM, 35), step("NT2", VOUCHER, 1), step(CASE, VOUCHER, 12))
    cities.deliver(cities.nantong)
    assert len(cities.nantong.rejected()) == 1
    assert list(cities.shanghai.standing("NT2")) == [VOUCHER]
    assert cities.shanghai.standing(CASE)[VOUCHER] == (12, NANTONG, 4)
    assert cities.shanghai.case("NT2") is not None


def test_of_a_refused_record_nothing_is_kept(cities: CaseCities) -> None:
    """A case whose only record was refused by the partner is not known to its sender any more, not even its number."""
    assert cities.nantong.submit(step(CASE, FORM, 1)) == []
    assert cities.shanghai.submit(step(CASE, APPLICATION, 50)) == []
    cities.deliver(cities.nantong)
    assert [rule for rule, _, _ in cities.nantong.rejected()] == ["course.step"]
    assert cities.nantong.case(CASE) is None
    assert cities.shanghai.standing(CASE) == {APPLICATION: (50, SHANGHAI, 0)}


def test_a_correction_replaces_the_day_and_a_refused_one_does_not(cities: CaseCities) -> None:
    """What stood before a refused correction stands again."""
    walk(cities, LETTER)
    cities.nantong.submit(step(CASE, VOUCHER, 15))
    cities.deliver(cities.nantong)
    assert cities.shanghai.standing(CASE)[VOUCHER] == cities.nantong.standing(CASE)[VOUCHER] == (15, NANTONG, 2)
    cities.shanghai.submit(step(CASE, APPLICATION, 17))
    cities.nantong.submit(step(CASE, VOUCHER, 18))
    cities.deliver(cities.nantong)
    assert cities.nantong.rejected()[0][1] == "step_date"
    assert cities.nantong.standing(CASE)[VOUCHER] == (15, NANTONG, 2)


def test_a_step_is_taken_back_unless_a_later_one_stands(cities: CaseCities) -> None:
    """At both ends; a refused retraction leaves the step."""
    walk(cities, VOUCHER)
    cities.nantong.submit(step(CASE, VOUCHER, 10, retracts=True))
    assert cities.nantong.case(CASE) is None
    cities.shanghai.submit(step(CASE, APPLICATION, 20))
    cities.deliver(cities.nantong)
    assert "转入申请" in cities.nantong.rejected()[0][2]
    cities.deliver(cities.shanghai)
    assert list(cities.nantong.standing(CASE)) == list(cities.shanghai.standing(CASE)) == [VOUCHER, APPLICATION]


def test_a_duplicate_batch_moves_nothing(cities: CaseCities) -> None:
    """Its original receipt again, and the case as it was."""
    walk(cities, LETTER)
    before = cities.shanghai.case(CASE)
    (batch, *_) = cities.nantong.unanswered(receipted=True)
    cities.shanghai.apply(batch)
    assert cities.shanghai.case(CASE) == before


def test_a_restored_receiver_comes_to_the_same_case(cities: CaseCities) -> None:
    """The case table goes back with the store, and the replayed records bring it forward again."""
    walk(cities, VOUCHER)
    copy = cities.shanghai.back_up()
    cities.nantong.submit(step("NT2", VOUCHER, 1), step(CASE, VOUCHER, 12))
    cities.deliver(cities.nantong)
    after = cities.shanghai.standing(CASE), cities.shanghai.standing("NT2")
    cities.shanghai.restore(copy)
    assert cities.shanghai.standing(CASE)[VOUCHER] == (10, NANTONG, 1)
    cities.replay(cities.nantong)
    assert (cities.shanghai.standing(CASE), cities.shanghai.standing("NT2")) == after


def test_a_restored_sender_takes_its_steps_back(cities: CaseCities) -> None:
    """Steps that the partner accepted stand again; the source that is submitted again doubles none of them."""
    walk(cities, VOUCHER)
    copy = cities.nantong.back_up()
    more = (step("NT2", VOUCHER, 1), step(CASE, VOUCHER, 12))
    cities.nantong.submit(*more, source="b")
    cities.deliver(cities.nantong)
    before = cities.nantong.standing(CASE), cities.nantong.standing("NT2")
    cities.nantong.restore(copy)
    assert cities.nantong.case("NT2") is None
    cities.take_back(cities.nantong)
    assert (cities.nantong.standing(CASE), cities.nantong.standing("NT2")) == before
    assert cities.nantong.submit(*more, source="b") == []
    cities.deliver(cities.nantong)
    assert (cities.nantong.standing(CASE), cities.nantong.standing("NT2")) == before
    case = cities.nantong.case(CASE)
    assert case is not None
    assert len(case.records) == 2


def test_what_is_void_is_taken_back(cities: CaseCities) -> None:
    """An operator gives up sealed records: their steps never were."""
    walk(cities, VOUCHER)
    cities.nantong.submit(step("NT2", VOUCHER, 1))
    cities.open(cities.nantong)
    cities.nantong.seal()
    cities.new_epoch(cities.nantong, void=True)
    assert cities.nantong.case("NT2") is None
    assert list(cities.nantong.standing(CASE)) == [VOUCHER]


def test_what_is_sent_in_a_new_epoch_has_its_new_sequence(cities: CaseCities) -> None:
    """The same records, sealed again."""
    walk(cities, VOUCHER)
    cities.nantong.submit(step("NT2", VOUCHER, 1))
    cities.open(cities.nantong)
    cities.nantong.seal()
    cities.new_epoch(cities.nantong, void=False)
    cities.deliver(cities.nantong)
    case = cities.nantong.case("NT2")
    assert case is not None
    assert [(one.epoch, one.sequence) for one in case.records] == [(2, 1)]


def test_cases_of_records_that_stood_before_are_told_at_start(cities: CaseCities) -> None:
    """After an upgrade nothing is known of cases: accepted, sealed and pending records tell them again, once."""
    walk(cities, LETTER)
    cities.nantong.submit(step("NT2", VOUCHER, 1))
    cities.open(cities.nantong)
    cities.nantong.seal()
    cities.nantong.submit(step("NT3", VOUCHER, 1))
    before = [city.standing(number) for city in cities.both for number in (CASE, "NT2", "NT3")]
    for city in cities.both:
        city.forget_cases()
        assert city.case(CASE) is None
    told = [city.write(partial(retell_cases, parts=city.parts)) for city in cities.both]
    assert told == [5, 3]
    assert [city.standing(number) for city in cities.both for number in (CASE, "NT2", "NT3")] == before
    assert [city.write(partial(retell_cases, parts=city.parts)) for city in cities.both] == [0, 0]
    cities.deliver(cities.nantong)
    assert cities.nantong.standing("NT2") == cities.shanghai.standing("NT2") == {VOUCHER: (1, NANTONG, 2)}


def test_a_citys_own_register_tells_no_case(cities: CaseCities) -> None:
    """What a city keeps to answer questions from holds both sides' steps, and is nobody's case."""
    nantong = cities.nantong
    nantong.outbound = StreamName(NANTONG, NANTONG, nantong.outbound.dataset)
    assert nantong.submit(step(CASE, CLOSED, 1), step(CASE, VOUCHER, 9)) == []
    assert nantong.case(CASE) is None
    assert nantong.write(partial(retell_cases, parts=nantong.parts)) == 0


def test_steps_of_one_run_need_not_be_in_order(cities: CaseCities) -> None:
    """A table is read in the order of its keys: an end may come before what it ends."""
    shanghai = cities.shanghai
    assert shanghai.submit(step(CASE, CLOSED, 9), step(CASE, LETTER, 2)) == []
