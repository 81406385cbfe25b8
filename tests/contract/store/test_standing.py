"""What stands of every subject, as far as its sender knows."""

from __future__ import annotations

from struct import unpack

import pytest

from services.domain.batch import Record
from services.domain.outbox import OutboxRow
from services.domain.standing import UNKNOWN_CONTENT, WITHDRAWN, Standings
from services.domain.stream import StreamName
from services.ports.store import Store
from tests.contract.store.samples import Sender, a_content, a_key, a_row, do, merge_pass, record_of, submit_rows

OTHER = StreamName("320600", "320500", "social.contribution")


def said(subject: int, content: int, place: int = 0) -> OutboxRow:
    """Make a row that says something of a subject."""
    return a_row(place or content)._replace(key=a_key(subject), content=a_content(content))


def merge(sender: Sender, records_max: int = 1_000) -> int:
    """Merge some of what was submitted."""
    return merge_pass(sender.store, sender.stream.id, records_max)


def standing(sender: Sender) -> dict[bytes, bytes]:
    """Merge everything and return what stands: content by key."""
    while merge(sender):
        pass
    pages = sender.store.read(lambda tx: list(tx.standing_pages(sender.stream.id)))
    subjects = [subject for page in pages for subject in split(page)]
    assert [key for key, _, _ in subjects] == sorted(key for key, _, _ in subjects)
    return {key: content for key, content, _ in subjects}


def split(page: Standings) -> list[tuple[bytes, bytes, int]]:
    """Return (key, content, record id) of each subject of a page."""
    count = len(page.record_ids)
    keys, contents = unpack("16s" * count, page.keys), unpack("8s" * count, page.contents)
    return list(zip(keys, contents, page.record_ids, strict=True))


def find(sender: Sender, *subjects: int) -> list[tuple[bytes, bytes, int]]:
    """Return what stands under some keys."""
    keys = b"".join(map(a_key, subjects))
    return split(sender.store.read(lambda tx: tx.find_standing(sender.stream.id, keys)))


def test_nothing_stands_at_first(sender: Sender) -> None:
    """A stream without submissions has no subjects."""
    assert standing(sender) == {}


def test_the_last_word_stands(sender: Sender) -> None:
    """Of several records of one subject the last one stands, in one submission and over several."""
    submit_rows(sender, said(1, 10), said(2, 20), said(1, 11))
    assert standing(sender) == {a_key(1): a_content(11), a_key(2): a_content(20)}
    submit_rows(sender, said(2, 21))
    assert standing(sender) == {a_key(1): a_content(11), a_key(2): a_content(21)}


def test_merging_goes_step_by_step(sender: Sender) -> None:
    """A call merges whole submissions up to its bound, at least one, and says how many records are left."""
    for start in (1, 4, 7):
        submit_rows(sender, *(said(number, number) for number in range(start, start + 3)))
    assert [merge(sender, 5), merge(sender, 6), merge(sender, 1)] == [6, 0, 0]
    assert len(standing(sender)) == 9


def test_subjects_are_found_by_key(sender: Sender) -> None:
    """Those that stand are returned with their record, the others are not there."""
    submit_rows(sender, said(1, 10), said(2, 20))
    merge(sender)
    ((key, content, record_id),) = find(sender, 2, 3)
    assert (key, content) == (a_key(2), a_content(20))
    assert find(sender) == []
    assert sender.store.read(lambda tx: tx.outbox_records(sender.stream.id, [record_id])) == [record_of(20)]


def test_what_is_not_merged_is_found_too(sender: Sender) -> None:
    """The last word is found wherever it stands: merged, submitted since, or over one that was merged."""
    submit_rows(sender, said(1, 10), said(2, 20))
    merge(sender)
    submit_rows(sender, said(2, 21), said(3, 30), said(2, 22))
    submit_rows(sender, said(3, 0, place=31)._replace(content=WITHDRAWN), said(5, 50))
    words = {key: content for key, content, _ in find(sender, 1, 2, 3, 4)}
    assert words == {a_key(1): a_content(10), a_key(2): a_content(22), a_key(3): WITHDRAWN}
    records = {key: record_id for key, _, record_id in find(sender, 1, 2, 3, 4)}
    while merge(sender):
        pass
    assert records == {key: record_id for key, _, record_id in find(sender, 1, 2, 3, 4)}


def test_what_was_refused_is_not_found(sender: Sender) -> None:
    """A refused record that was never merged gives way to the one before it."""
    submit_rows(sender, said(1, 10), said(2, 20))
    merge(sender)
    submit_rows(sender, said(1, 11), said(2, 21), said(2, 22))
    sender.settle(sender.seal(), 3, 5)
    words = {key: content for key, content, _ in find(sender, 1, 2)}
    assert words == {a_key(1): a_content(10), a_key(2): a_content(21)}


def test_many_subjects(sender: Sender) -> None:
    """Pages and statements of bounded size hold everything."""
    for start in range(0, 12_000, 2_000):
        submit_rows(sender, *(said(number, number) for number in range(start + 1, start + 2_001)))
    assert len(standing(sender)) == 12_000
    assert len(find(sender, *range(11_000, 13_000))) == 1_001


@pytest.mark.parametrize("merged", ["before the answer", "after the answer"])
class TestRefused:
    def test_what_stood_before_stands_again(self, sender: Sender, merged: str) -> None:
        """A refused record never stood: the one before it does, whenever it was merged."""
        submit_rows(sender, said(1, 10))
        sender.settle(sender.seal())
        submit_rows(sender, said(1, 11), said(2, 20))
        if merged == "before the answer":
            assert standing(sender) == {a_key(1): a_content(11), a_key(2): a_content(20)}
        sender.settle(sender.seal(), 2, 3)
        assert standing(sender) == {a_key(1): a_content(10)}

    def test_a_later_record_stays(self, sender: Sender, merged: str) -> None:
        """The refusal of an older record changes nothing about the newer one."""
        submit_rows(sender, said(1, 10))
        batch = sender.seal()
        submit_rows(sender, said(1, 11))
        if merged == "before the answer":
            standing(sender)
        sender.settle(batch, 1)
        assert standing(sender) == {a_key(1): a_content(11)}
        sender.settle(sender.seal(), 2)
        assert standing(sender) == {}

    def test_what_an_operator_declared_undeliverable_does_not_stand(self, sender: Sender, merged: str) -> None:
        """A void record is as if it had never been sent."""
        submit_rows(sender, said(1, 10))
        sender.settle(sender.seal())
        submit_rows(sender, said(1, 11), said(2, 20))
        sender.seal()
        if merged == "before the answer":
            standing(sender)
        do(sender.store, lambda tx: tx.void_unacknowledged(sender.stream.id, 1, reason="lost"))
        assert standing(sender) == {a_key(1): a_content(10)}


def test_a_withdrawn_subject_is_known_as_such(sender: Sender) -> None:
    """It is listed, with a content that no record has."""
    submit_rows(sender, said(1, 10), said(1, 0, place=2)._replace(content=WITHDRAWN))
    assert standing(sender) == {a_key(1): WITHDRAWN}


def test_streams_do_not_mix(sender: Sender, store: Store) -> None:
    """The same subject stands on its own in every stream, and a record is looked up in its own stream alone."""
    other = Sender(store, OTHER)
    submit_rows(sender, said(1, 10))
    submit_rows(other, said(1, 11))
    assert standing(sender) == {a_key(1): a_content(10)}
    assert standing(other) == {a_key(1): a_content(11)}
    ((_, _, there),) = find(other, 1)
    with pytest.raises(ValueError, match="own stream"):
        store.read(lambda tx: tx.outbox_records(sender.stream.id, [there]))


def test_a_deleted_payload_is_an_empty_record(sender: Sender) -> None:
    """What stands outlives its payload."""
    submit_rows(sender, said(1, 10))
    sender.seal()
    merge(sender)
    ((_, _, record_id),) = find(sender, 1)
    do(sender.store, lambda tx: tx.void_unacknowledged(sender.stream.id, 1, reason="lost"))
    assert sender.store.read(lambda tx: tx.outbox_records(sender.stream.id, [record_id])) == [Record(b"", b"")]


def test_digests_have_one_length() -> None:
    """Whoever compares them relies on it."""
    assert {len(WITHDRAWN), len(UNKNOWN_CONTENT), len(a_content(1))} == {8}
