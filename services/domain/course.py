"""Courses: which steps a case may take, whose steps they are, and why one that it cannot take is refused.

A case is told by records that two cities send each other (``yrdx.types.v1.Dataset.course``). Their two streams are not
ordered against each other, so a step is judged by the steps that stand with it afterwards, never by what came first:
both cities reach the same state whatever was on the way. An end alone is final, nothing joins a case after it.

Pure: neither a clock nor a store. Reasons name steps that stand, never a value of the record that is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Final, NamedTuple

from services.domain.receipt import Violation

STEP_RULE: Final = "course.step"
SENDER_RULE: Final = "course.sender"
_WRONG_SENDER: Final = "该环节应由此区划所属城市报送 (this step is sent by the city that this division belongs to)"


class Move(NamedTuple):
    """What one record says of a case.

    Attributes:
        number: Names the case.
        step: Number of the step in its enum.
        day: Day on which it was taken.
        division: GB/T 2260 code of the place whose step it is.
        retracts: The record takes the step back.
    """

    number: str
    step: int
    day: date
    division: str
    retracts: bool


class Taken(NamedTuple):
    """A step that stands: its day, and the city that sent it."""

    day: date
    city: str


Standing = Mapping[int, Taken]
"""What stands of a case, by the step's number."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a course.

    Attributes:
        number: In its enum.
        value: Name of the enum's value.
        label: What people call it, in Chinese.
        english: The same in English.
        role: Division field that says whose step it is: "from_division".
        opens: A case may begin with it.
        following: Steps that may come next; none ends the case.
    """

    number: int
    value: str
    label: str
    english: str
    role: str
    opens: bool
    following: frozenset[int]


@dataclass(frozen=True, slots=True)
class Clock:
    """Time within which a case must end.

    Attributes:
        starts: Steps that start it; the first of them that stands counts.
        working_days: Working days after that day.
    """

    starts: Sequence[int]
    working_days: int


@dataclass(frozen=True, slots=True)
class Course:
    """What the cases of one dataset may do.

    Attributes:
        step_field: Field that holds the step.
        day_field: Field that holds its day.
        steps: By number, in the order in which a case takes them.
        clock: None where no law sets one.
    """

    step_field: str
    day_field: str
    steps: Mapping[int, Step]
    clock: Clock | None

    def refusal(self, standing: Standing, move: Move, city: str) -> Violation | None:
        """Say why a case cannot take a step.

        Args:
            standing: What stands of the case.
            move: The step.
            city: Who sends it.

        Returns:
            The violation (rule "course.sender" or "course.step"), or None where the case can.
        """
        step = self.steps[move.step]
        if not lies_in(move.division, city) or self._is_anothers(standing, step, city):
            return Violation(step.role, SENDER_RULE, _WRONG_SENDER)
        if move.retracts:
            return self._retraction_refusal(standing, step)
        return self._order_refusal(standing, step) or self._day_refusal(standing, step, move.day)

    def after(self, standing: Standing, move: Move, city: str) -> Standing:
        """Return what stands after a step that the case can take."""
        rest = {number: taken for number, taken in standing.items() if number != move.step}
        return rest if move.retracts else rest | {move.step: Taken(move.day, city)}

    def in_order(self, numbers: Iterable[int]) -> list[Step]:
        """Return steps in the order in which a case takes them."""
        wanted = set(numbers)
        return [step for number, step in self.steps.items() if number in wanted]

    def end(self, standing: Standing) -> Taken | None:
        """Return the step that ended a case, None while it is open."""
        return next((standing[step.number] for step in self.in_order(standing) if not step.following), None)

    def clock_start(self, standing: Standing) -> tuple[Step, date] | None:
        """Return the step that started a case's clock and its day; None where none did."""
        starts = self.clock.starts if self.clock else ()
        return next(((self.steps[number], standing[number].day) for number in starts if number in standing), None)

    def _is_anothers(self, standing: Standing, step: Step, city: str) -> bool:
        """Each side of a case is one city's, from its first step on."""
        return any((self.steps[one].role == step.role) != (taken.city == city) for one, taken in standing.items())

    def _retraction_refusal(self, standing: Standing, step: Step) -> Violation | None:
        _, later = self._neighbours(standing, step)
        if step.number not in standing or later is None:
            return None
        return self._refused(
            f"其后已有“{later.label}”，不能撤销 (a later step stands, {later.english}: this one cannot be taken back)"
        )

    def _order_refusal(self, standing: Standing, step: Step) -> Violation | None:
        if step.number in standing:  # a correction of its day
            return None
        if not standing:
            return None if step.opens else self._refused("尚无任何环节，不能由此开始 (no step stands: none begins so)")
        last = self.in_order(standing)[-1]
        if last.following and self._is_course([*standing, step.number]):
            return None
        return self._refused(f"现处“{last.label}”，不能有此环节 (it stands at {last.english}: this step cannot be)")

    def _day_refusal(self, standing: Standing, step: Step, day: date) -> Violation | None:
        former, later = self._neighbours(standing, step)
        if former and standing[former.number].day > day:
            words = f"日期早于“{former.label}” (the day is before that of the case's {former.english})"
        elif later and standing[later.number].day < day:
            words = f"日期晚于“{later.label}” (the day is after that of the case's {later.english})"
        else:
            return None
        return Violation(self.day_field, STEP_RULE, words)

    def _is_course(self, numbers: Sequence[int]) -> bool:
        steps = self.in_order(numbers)
        return steps[0].opens and all(later.number in former.following for former, later in pairwise(steps))

    def _neighbours(self, standing: Standing, step: Step) -> tuple[Step | None, Step | None]:
        """The steps that stand nearest before and after one."""
        steps = self.in_order([*standing, step.number])
        place = steps.index(step)
        return (steps[place - 1] if place else None, steps[place + 1] if place + 1 < len(steps) else None)

    def _refused(self, words: str) -> Violation:
        return Violation(self.step_field, STEP_RULE, f"该案{words}")


def lies_in(division: str, city: str) -> bool:
    """Say whether a division belongs to a city.

    Source:
        GB/T 2260: two digits each for province, prefecture and county; "00" stands for all of them.
    """
    pairs = [city[start : start + 2] for start in (0, 2, 4)]
    while pairs and pairs[-1] == "00":
        pairs.pop()
    return division.startswith("".join(pairs))
