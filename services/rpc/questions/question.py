"""A question of the typed services: an rpc, the records that answer it, and a pure function from them to the answer."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from google.protobuf.descriptor import Descriptor, ServiceDescriptor

from services.domain.lookup import Asked

T = TypeVar("T")

RECORDS_MAX: Final = 10_000
"""Records of one subject that are looked at; fifty years of contributions under five schemes are 3,000."""

Answer = Callable[[Any, Sequence[Any], Asked], Any]
"""From the request, the subject's records (at least one, the oldest first) and what else the answer depends on, to the
response without its outcome; or to the `services.domain.lookup.Outcome`, where that is not FOUND."""

_MIDDLE_DOTS: Final = str.maketrans(dict.fromkeys("•・∙‧", "·"))


@dataclass(frozen=True, slots=True)
class Question:
    """One entry of the table of questions.

    Attributes:
        name: What people and the access log call it, "coverage".
        service: The service that asks it.
        rpc: Its rpc; the batch twin is "Batch" and this name.
        dataset: Dataset whose records answer it.
        fields: Fields of these records that the answer is taken from, beside those that name the subject.
        answer: The pure function.
        newest: Most records of a subject that are looked at.
        standard: Version of the dataset's standard.
    """

    name: str
    service: ServiceDescriptor
    rpc: str
    dataset: str
    fields: Collection[str]
    answer: Answer
    newest: int = RECORDS_MAX
    standard: str = "1"

    @property
    def method(self) -> str:
        """Full name of its rpc, "/yrdx.care.v1.CareService/GetCoverage"."""
        return f"/{self.service.full_name}/{self.rpc}"

    @property
    def batch_method(self) -> str:
        """Full name of the batch twin."""
        return f"/{self.service.full_name}/Batch{self.rpc}"

    @property
    def request(self) -> Descriptor:
        """Type of the request."""
        request: Descriptor = self.service.methods_by_name[self.rpc].input_type
        return request


def verify_table(questions: Sequence[Question], services: Iterable[ServiceDescriptor]) -> Sequence[Question]:
    """Return a table of questions that has exactly the rpcs of some services.

    Raises:
        ValueError: An rpc has no entry, an entry no rpc or no batch twin, or two have one name.
    """
    served = {f"/{service.full_name}/{method.name}" for service in services for method in service.methods}
    named = {method for question in questions for method in (question.method, question.batch_method)}
    if served != named:
        raise ValueError(f"questions and rpcs differ: {sorted(served ^ named)}")
    if len({question.name for question in questions}) != len(questions):
        raise ValueError("two questions have one name")
    return questions


def of_person(request: Any, records: Iterable[Any]) -> Iterator[Any]:  # noqa: ANN401 - any request about a person
    """Yield the records that name the person as the request does: a number alone opens nothing."""
    asked = _plain(request.person.person_name)
    return (record for record in records if _plain(record.person_name) == asked)


def only(values: Iterable[T]) -> T | None:
    """Return the one value that all agree on; None where they differ."""
    distinct = list(dict.fromkeys(values))
    return distinct[0] if len(distinct) == 1 else None


def latest(records: Iterable[Any], when: Callable[[Any], Any]) -> list[Any]:
    """Return the records of the latest instant or day; several where that is on record more than once."""
    known = list(records)
    last = max(map(when, known), default=None)
    return [record for record in known if when(record) == last]


def covers(today: str, first: str, last: str) -> bool:
    """Say whether a day lies between two, inclusive; an empty last one is without end. ISO dates compare as texts."""
    return first <= today and (not last or today <= last)


def last_day(days: Iterable[str]) -> str:
    """Return the latest of some last days; an empty one, without end, is later than any."""
    return max(days, key=lambda day: day or "~", default="")


def city_of(division: str) -> str:
    """Return the city in which a division lies: municipalities are named by their first two digits (GB/T 2260)."""
    return f"{division[:2]}0000" if division[:2] in _MUNICIPALITIES else f"{division[:4]}00"


_MUNICIPALITIES: Final = frozenset(("11", "12", "31", "50"))


def _plain(name: str) -> str:
    return unicodedata.normalize("NFKC", name).translate(_MIDDLE_DOTS).strip()
