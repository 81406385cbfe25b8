"""Merging: whatever its steps, what stands is what merging record by record would have left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.domain.standing import Unmerged
from services.domain.stream import StreamName
from services.ports.store import Store
from tests.contract.store.samples import Sender, a_content, a_key, a_row, do, merge_pass, submit_rows
from tests.contract.store.test_standing import split

SUBJECTS = 5
STREAMS = count()

subjects = st.integers(1, SUBJECTS)
submitted = st.lists(st.tuples(subjects, st.booleans()), min_size=1, max_size=6)
sizes, steps = st.integers(1, 4), st.integers(0, 3)
courses = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), submitted),
        st.tuples(st.just("answer")),
        st.tuples(st.just("merge"), sizes),
        st.tuples(st.just("cut off"), sizes, steps),
        st.tuples(st.just("plan")),
    ),
    max_size=12,
)


@dataclass
class City:
    """A sender beside what must stand of its subjects, which hears of every record by itself.

    Attributes:
        sender: The sender.
        words: By subject, contents in the order of their records; refused ones are taken out.
        records: (subject, content) in the order of their sequences.
        doomed: Contents that will be refused: of each subject at most one, since what stood is kept one deep.
        planned: A pass that was begun, and goes on when others have merged already.
    """

    sender: Sender
    words: dict[int, list[int]] = field(default_factory=dict)
    records: list[tuple[int, int]] = field(default_factory=list)
    doomed: dict[int, int] = field(default_factory=dict)
    answered: int = 0
    planned: Unmerged | None = None

    def submit(self, said: Sequence[tuple[int, bool]]) -> None:
        """Submit records, some of which will be refused."""
        rows = []
        for subject, refused in said:
            content = len(self.records) + 1
            self.records.append((subject, content))
            self.words.setdefault(subject, []).append(content)
            if refused:
                self.doomed.setdefault(subject, content)
            rows.append(a_row(content)._replace(key=a_key(subject), content=a_content(content)))
        submit_rows(self.sender, *rows)

    def answer(self) -> None:
        """Let the partner answer what was not answered yet."""
        if self.answered == len(self.records):
            return
        refused = [
            sequence
            for sequence, (subject, content) in enumerate(self.records, 1)
            if sequence > self.answered and self.doomed.get(subject) == content
        ]
        self.sender.settle(self.sender.seal(), *refused)
        self.answered = len(self.records)
        for sequence in refused:
            subject, content = self.records[sequence - 1]
            self.words[subject].remove(content)

    def merge(self, unmerged: Unmerged, size: int, steps: int | None = None) -> None:
        """Merge a pass, or its first steps."""
        store, stream_id = self.sender.store, self.sender.stream.id
        words = sorted(unmerged.words)
        for start in range(0, len(words), size)[:steps]:
            some = words[start : start + size]
            do(store, lambda tx, some=some: tx.merge_words(stream_id, some, upto=unmerged.upto))  # type: ignore[misc]
        if steps is None:
            do(store, lambda tx: tx.mark_merged(stream_id, upto=unmerged.upto))

    def plan(self) -> Unmerged:
        """Begin a pass."""
        return do(self.sender.store, lambda tx: tx.unmerged_words(self.sender.stream.id, records_max=10))

    def found(self) -> dict[bytes, bytes]:
        """Return what a question finds."""
        keys = b"".join(map(a_key, range(1, SUBJECTS + 1)))
        page = self.sender.store.read(lambda tx: tx.find_standing(self.sender.stream.id, keys))
        return {key: content for key, content, _ in split(page)}

    def listed(self) -> dict[bytes, bytes]:
        """Return what is listed once all is merged."""
        while merge_pass(self.sender.store, self.sender.stream.id):
            pass
        pages = self.sender.store.read(lambda tx: list(tx.standing_pages(self.sender.stream.id)))
        return {key: content for page in pages for key, content, _ in split(page)}

    def expected(self) -> dict[bytes, bytes]:
        """Return what must stand."""
        return {a_key(subject): a_content(said[-1]) for subject, said in self.words.items() if said}


@given(course=courses)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_order_of_merging_leaves_the_last_words(store: Store, course: list[tuple[object, ...]]) -> None:
    """Passes of any steps, cut off, repeated, overtaken by others or by refusals: the last words are found."""
    city = City(Sender(store, StreamName("320600", "310000", f"dataset.n{next(STREAMS)}")))
    for what, *how in course:
        match what:
            case "submit":
                city.submit(*how)  # type: ignore[arg-type]
            case "answer":
                city.answer()
            case "plan":
                city.planned = city.plan()
            case _:
                city.merge(city.planned or city.plan(), *how)  # type: ignore[arg-type]
                city.planned = None
        assert city.found() == city.expected()
    if city.planned:
        merge_pass(store, city.sender.stream.id)
        city.merge(city.planned, 2)
    assert city.found() == city.expected() == city.listed()
