"""What a transfer may do, by the course that its standard declares."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.case import Case, StepRecord
from services.domain.course import Course, Move, Standing, Taken, lies_in
from services.wire.datasets import load_datasets
from services.wire.moves import ContractCourses

NANTONG, SHANGHAI = "320600", "310000"
FROM, TO = "320685", "310115"
VOUCHER, APPLICATION, LETTER, FORM, CLOSED = range(1, 6)
FORMER_PLACE = {VOUCHER, FORM}
BEGIN = date(2026, 1, 5)


def _declared() -> Course:
    course = ContractCourses(load_datasets()).course("social.transfer")
    assert course is not None
    return course


COURSE = _declared()


def city_of(step: int) -> str:
    """Who sends a step of a transfer from Nantong to Shanghai."""
    return NANTONG if step in FORMER_PLACE else SHANGHAI


def move(step: int, day: int = 0, *, retracts: bool = False) -> Move:
    """A step of that transfer, so many days after the beginning."""
    division = FROM if step in FORMER_PLACE else TO
    return Move("NT2026000001", step, BEGIN + timedelta(days=day), division, retracts)


def standing_after(*moves: Move) -> Standing:
    """What stands after steps that must all be possible."""
    standing: Standing = {}
    for one in moves:
        assert COURSE.refusal(standing, one, city_of(one.step)) is None, one
        standing = COURSE.after(standing, one, city_of(one.step))
    return standing


def refusal(standing: Standing, one: Move, city: str = "") -> tuple[str, str, str]:
    """Rule, field and reason of a refusal that must come."""
    violation = COURSE.refusal(standing, one, city or city_of(one.step))
    assert violation is not None
    return violation.rule_id, violation.field_path, violation.reason


def is_lawful(standing: Standing) -> bool:
    """Say in other words than the code's what must hold of a case at any time."""
    steps = COURSE.in_order(standing)
    days = [standing[step.number].day for step in steps]
    sides = {(step.role, standing[step.number].city) for step in steps}
    return (
        (not steps or steps[0].number != CLOSED)
        and days == sorted(days)
        and (CLOSED not in standing or bool({LETTER, FORM} & standing.keys()))
        and len(sides) == len({role for role, _ in sides}) == len({city for _, city in sides})
    )


@st.composite
def courses(draw: st.DrawFn) -> list[Move]:
    """A lawful course with some steps left out, in the order in which it happened."""
    steps = draw(st.sets(st.sampled_from([VOUCHER, APPLICATION, LETTER, FORM]), min_size=1))
    closes = bool({LETTER, FORM} & steps) and draw(st.booleans())
    steps |= {CLOSED} if closes else set()
    days = sorted(draw(st.lists(st.integers(0, 90), min_size=len(steps), max_size=len(steps))))
    return [move(step, day) for step, day in zip(sorted(steps), days, strict=True)]


@st.composite
def deliveries(draw: st.DrawFn, course: Sequence[Move]) -> list[Move]:
    """The course as a city may see it: each city's steps in their order, the closing after all others."""
    body, end = [one for one in course if one.step != CLOSED], [one for one in course if one.step == CLOSED]
    queues = [[one for one in body if city_of(one.step) == city] for city in (NANTONG, SHANGHAI)]
    seen: list[Move] = []
    while any(queues):
        seen.append(draw(st.sampled_from([queue for queue in queues if queue])).pop(0))
    return seen + end


@given(st.data())
def test_any_order_of_deliveries_ends_in_the_same_state(data: st.DataObject) -> None:
    """Two streams are not ordered against each other: both cities take every step and see the same case."""
    course = data.draw(courses())
    seen = data.draw(deliveries(course))
    assert standing_after(*seen) == standing_after(*course)


ANY_MOVE = st.builds(
    lambda step, day, retracts: move(step, day, retracts=retracts),
    st.integers(VOUCHER, CLOSED),
    st.integers(0, 5),
    st.booleans(),
)


@given(st.lists(st.tuples(ANY_MOVE, st.sampled_from([NANTONG, SHANGHAI]), st.booleans()), max_size=20))
def test_whatever_is_said_a_case_stays_lawful(said: Iterable[tuple[Move, str, bool]]) -> None:
    """Steps in any order, of any day, from either side, corrected and taken back: what stands could have happened."""
    standing: Standing = {}
    for one, city, swapped in said:
        division = {FROM: TO, TO: FROM}[one.division] if swapped else one.division
        told = one._replace(division=division)
        if COURSE.refusal(standing, told, city) is None:
            standing = COURSE.after(standing, told, city)
        assert is_lawful(standing), standing


@pytest.mark.parametrize(
    ("before", "step", "state"),
    [
        ([], CLOSED, "no step stands"),
        ([VOUCHER], CLOSED, "voucher"),
        ([VOUCHER, APPLICATION], CLOSED, "application"),
        ([LETTER, CLOSED], FORM, "closed"),
        ([VOUCHER, FORM, CLOSED], LETTER, "closed"),
        ([APPLICATION, LETTER, CLOSED], VOUCHER, "closed"),
    ],
)
def test_impossible_steps_are_refused_with_the_state_named(before: list[int], step: int, state: str) -> None:
    """Closing needs a letter or a form, and after it there is nothing more."""
    rule, field, reason = refusal(standing_after(*map(move, before)), move(step))
    assert (rule, field) == ("course.step", "step")
    assert state in reason
    assert reason[0] == "该"


def test_days_follow_the_steps() -> None:
    """A step before the former one, or after the later one, names that one and no day."""
    standing = standing_after(move(VOUCHER, 10), move(LETTER, 20))
    for step, day, other in ((FORM, 19, "contact letter"), (APPLICATION, 9, "voucher"), (APPLICATION, 21, "letter")):
        rule, field, reason = refusal(standing, move(step, day))
        assert (rule, field) == ("course.step", "step_date")
        assert other in reason
        assert "2026" not in reason
    assert COURSE.refusal(standing, move(FORM, 20), NANTONG) is None, "the same day is in order"


def test_a_correction_moves_the_day_between_its_neighbours() -> None:
    """The same step again replaces its day, also once the case is closed, but never past its neighbours."""
    standing = standing_after(move(VOUCHER), move(LETTER, 20), move(FORM, 30), move(CLOSED, 40))
    corrected = COURSE.after(standing, move(FORM, 25), NANTONG)
    assert COURSE.refusal(standing, move(FORM, 25), NANTONG) is None
    assert corrected[FORM] == Taken(BEGIN + timedelta(days=25), NANTONG)
    assert refusal(standing, move(FORM, 41))[1] == "step_date"


def test_a_step_is_taken_back_from_the_end() -> None:
    """While a later one stands it stays; one that does not stand is taken back without harm."""
    standing = standing_after(move(VOUCHER), move(LETTER, 20))
    assert "contact letter" in refusal(standing, move(VOUCHER, retracts=True))[2]
    rest = COURSE.after(standing, move(LETTER, 20, retracts=True), SHANGHAI)
    assert rest.keys() == {VOUCHER}
    assert COURSE.refusal(rest, move(LETTER, 20, retracts=True), SHANGHAI) is None


def test_each_step_is_one_sides() -> None:
    """The former place sends voucher and form, the new place the rest; the sides of a case never change."""
    wrong = refusal({}, move(VOUCHER), SHANGHAI)
    assert wrong[:2] == ("course.sender", "from_division")
    standing = standing_after(move(VOUCHER))
    turned = move(FORM, 5)._replace(division=TO)  # Shanghai calls itself the former place of Nantong's case
    assert refusal(standing, turned, SHANGHAI)[:2] == ("course.sender", "from_division")
    own = move(LETTER, 5)._replace(division=FROM)  # Nantong calls itself the new place of its own case
    assert refusal(standing, own, NANTONG)[:2] == ("course.sender", "to_division")


@pytest.mark.parametrize(
    ("division", "city", "lies"),
    [
        ("320685", "320600", True),
        ("320600", "320600", True),
        ("310115", "310000", True),
        ("321003", "321000", True),
        ("321102", "321000", False),
        ("320506", "320600", False),
        ("320000", "320600", False),
    ],
)
def test_divisions_belong_to_cities(division: str, city: str, lies: bool) -> None:
    """By pairs of digits: Yangzhou's 3210 is not the beginning of Zhenjiang's 3211."""
    assert lies_in(division, city) is lies


class Model:
    """Two cities and what is on the way between them: no store, no bytes, only the rules."""

    def __init__(self) -> None:
        self.records: dict[str, list[StepRecord]] = {NANTONG: [], SHANGHAI: []}
        self.sent: dict[str, list[tuple[int, Move]]] = {NANTONG: [], SHANGHAI: []}
        self.answers: dict[str, list[tuple[int, int]]] = {NANTONG: [], SHANGHAI: []}
        self.next_id = 0
        self.sequences = {NANTONG: 0, SHANGHAI: 0}

    def standing(self, city: str) -> Standing:
        """What a city believes."""
        return Case(1, "", "", records=self.records[city]).standing()

    def submit(self, city: str, one: Move) -> None:
        """A city says a step, if it can as far as it knows."""
        if COURSE.refusal(self.standing(city), one, city) is None:
            self.next_id += 1
            self.records[city].append(StepRecord(one.step, one.day, one.retracts, city, 1, self.next_id))
            self.sent[city].append((self.next_id, one))

    def deliver(self, city: str) -> None:
        """The partner judges a city's next record, whose answer is on the way then."""
        if self.sent[city]:
            record_id, one = self.sent[city].pop(0)
            partner = other(city)
            self.sequences[city] += 1
            accepted = COURSE.refusal(self.standing(partner), one, city) is None
            if accepted:
                record = StepRecord(one.step, one.day, one.retracts, city, 2, None, 1, self.sequences[city])
                self.records[partner].append(record)
            self.answers[city].append((record_id, self.sequences[city] if accepted else 0))

    def settle(self, city: str) -> None:
        """A city learns the verdict on its oldest record: a refused one is taken back."""
        if self.answers[city]:
            record_id, sequence = self.answers[city].pop(0)
            kept = [one for one in self.records[city] if one.record_id != record_id or sequence]
            self.records[city] = [
                one._replace(epoch=1, sequence=sequence) if one.record_id == record_id else one for one in kept
            ]

    def rest(self) -> None:
        """Nothing is on the way any more."""
        for city in (NANTONG, SHANGHAI):
            while self.sent[city]:
                self.deliver(city)
            while self.answers[city]:
                self.settle(city)


def other(city: str) -> str:
    """The partner."""
    return SHANGHAI if city == NANTONG else NANTONG


ACTS = st.tuples(st.sampled_from(["submit", "deliver", "settle"]), st.sampled_from([NANTONG, SHANGHAI]), ANY_MOVE)


@given(st.lists(ACTS, max_size=40))
def test_both_sides_come_to_rest_in_the_same_state(acts: Iterable[tuple[str, str, Move]]) -> None:
    """Two sides act at once: the receiver's verdict holds, what is refused there is taken back, and both agree."""
    model = Model()
    for act, city, one in acts:
        if act == "submit":
            model.submit(city_of(one.step), one)
        elif act == "deliver":
            model.deliver(city)
        else:
            model.settle(city)
    model.rest()
    assert model.standing(NANTONG) == model.standing(SHANGHAI)


def test_days_of_a_lawful_course_rise() -> None:
    """The model of these tests is not empty: it says what the declared course says."""
    steps = list(COURSE.steps.values())
    assert [step.number for step in steps] == [VOUCHER, APPLICATION, LETTER, FORM, CLOSED]
    assert [step.number for step in steps if not step.following] == [CLOSED]
    assert all(former.following for former, _ in pairwise(steps))
