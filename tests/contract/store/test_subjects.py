"""What was said about a subject: the question behind every look-up."""

from __future__ import annotations

from threading import Event

import pytest

from services.domain.outbox import OutboxRow
from services.domain.standing import WITHDRAWN
from services.domain.stream import StreamName
from services.ports.store import Store, Transaction
from services.store.dialect.sqlite import SqliteDialect
from services.store.engines import sqlite_engine, sqlite_path
from services.store.opening import open_store
from services.store.transaction.subjects import _stands, _tail
from tests.contract.store.samples import NAME, NOW, Sender, a_content, a_row, a_source, do, merge_pass, submit_rows

ELSEWHERE = StreamName("320600", "320500", "social.contribution")
REGISTER = StreamName("320600", "320600", "social.contribution")
OTHER_DATASET = StreamName("320600", "310000", "social_contribution.x")
ALIKE = StreamName("320600", "310000", "socialxcontribution.x")

ANNA, BEN, LAST = b"person 1", b"person 2", b"\xff" * 8


def said(subject: bytes, key: int, number: int) -> OutboxRow:
    """Make a row about a subject, whose body says a number."""
    return a_row(number)._replace(key=subject + b"%08d" % key)


def merge(sender: Sender) -> None:
    """Merge everything that was submitted."""
    while merge_pass(sender.store, sender.stream.id):
        pass


def found(store: Store, subject: bytes, *, newest: int = 100, dataset: str = NAME.dataset) -> list[bytes]:
    """Return what was said about a subject."""
    (bodies,) = store.read(lambda tx: tx.said_of(dataset, [subject], newest=newest))
    return bodies


def bodies(*numbers: int) -> list[bytes]:
    """Return the bodies of rows."""
    return [b"body %d" % number for number in numbers]


@pytest.mark.parametrize("merged", [True, False], ids=["merged", "not merged yet"])
class TestEitherSide:
    """Whether a submission was merged into what stands makes no difference to the answer."""

    def test_a_subject_is_found_whole_and_alone(self, sender: Sender, merged: bool) -> None:
        """All of its keys and nobody else's, also at the end of the range of keys."""
        submit_rows(sender, said(ANNA, 1, 1), said(BEN, 1, 2), said(ANNA, 2, 3), said(LAST, 9, 4))
        if merged:
            merge(sender)
        assert found(sender.store, ANNA) == bodies(1, 3)
        assert found(sender.store, LAST) == bodies(4)
        assert found(sender.store, b"nobody..") == []

    def test_the_last_word_on_a_key_counts(self, sender: Sender, merged: bool) -> None:
        """A correction takes the place of what it corrects, a retraction leaves nothing."""
        submit_rows(sender, said(ANNA, 1, 1), said(ANNA, 2, 2))
        merge(sender)
        submit_rows(sender, said(ANNA, 1, 3), said(ANNA, 2, 4)._replace(content=WITHDRAWN))
        if merged:
            merge(sender)
        assert found(sender.store, ANNA) == bodies(3)

    def test_what_the_receiver_refused_was_never_said(self, sender: Sender, merged: bool) -> None:
        """What stood before it counts again."""
        submit_rows(sender, said(ANNA, 1, 1))
        sender.settle(sender.seal())
        submit_rows(sender, said(ANNA, 1, 2), said(ANNA, 2, 3))
        if merged:
            merge(sender)
        sender.settle(sender.seal(), 2)
        assert found(sender.store, ANNA) == bodies(1, 3)

    def test_the_last_word_counts_over_all_streams(self, sender: Sender, merged: bool) -> None:
        """Whoever it was said to, and also where it was said to nobody: in the city's own register."""
        elsewhere, register = Sender(sender.store, ELSEWHERE), Sender(sender.store, REGISTER)
        submit_rows(sender, said(ANNA, 1, 1), said(ANNA, 2, 2))
        submit_rows(elsewhere, said(ANNA, 1, 3))
        submit_rows(register, said(ANNA, 3, 4), said(ANNA, 2, 5), delivered=False)
        submit_rows(sender, said(ANNA, 3, 6)._replace(content=WITHDRAWN))
        if merged:
            for one in (sender, elsewhere, register):
                merge(one)
        assert found(sender.store, ANNA) == bodies(3, 5)

    def test_many_subjects_are_found_at_once(self, sender: Sender, merged: bool) -> None:
        """Each as if it were asked for alone: in the order of asking, also twice, also nobody."""
        submit_rows(sender, *(said(who, number, number) for number in range(1, 5) for who in (ANNA, BEN, LAST)))
        if merged:
            merge(sender)
        wanted = [LAST, b"nobody..", ANNA, LAST]
        answers = sender.store.read(lambda tx: tx.said_of(NAME.dataset, wanted, newest=2))
        assert answers == [bodies(3, 4), [], bodies(3, 4), bodies(3, 4)]

    def test_the_newest_are_looked_at(self, sender: Sender, merged: bool) -> None:
        """Of a subject with more records than are wanted, those submitted last."""
        submit_rows(sender, *(said(ANNA, number, number) for number in range(1, 21)))
        if merged:
            merge(sender)
        assert found(sender.store, ANNA, newest=3) == bodies(18, 19, 20)


def test_datasets_do_not_mix(sender: Sender) -> None:
    """A name is a name, whatever it means to a database's patterns."""
    other, alike = Sender(sender.store, OTHER_DATASET), Sender(sender.store, ALIKE)
    submit_rows(other, said(ANNA, 1, 1))
    submit_rows(alike, said(ANNA, 2, 2))
    assert found(sender.store, ANNA, dataset=OTHER_DATASET.dataset) == bodies(1)
    merge(other)
    merge(alike)
    assert found(sender.store, ANNA, dataset=OTHER_DATASET.dataset) == bodies(1)


def test_bytes_across_two_keys_are_no_subject(sender: Sender) -> None:
    """The end of one key and the beginning of the next may look like anybody."""
    first, second = b"AAAAAAAA" + b"aaaaANNA", b"ANNAaaaa" + b"BBBBBBBB"
    submit_rows(sender, a_row(1)._replace(key=first), a_row(2)._replace(key=second))
    assert found(sender.store, b"ANNAANNA") == []


def test_deleted_payloads_are_left_out(sender: Sender) -> None:
    """What nobody can read any more answers nothing."""
    submit_rows(sender, said(ANNA, 1, 1))
    sender.seal()
    do(sender.store, lambda tx: tx.void_unacknowledged(sender.stream.id, 1, reason="lost"))
    assert found(sender.store, ANNA) == []


def test_nothing_is_searched_from_end_to_end(sqlite_url: str) -> None:
    """A subject is a range of what stands, and a stream's last submissions are one of all submissions."""
    dialect, engine = SqliteDialect(), sqlite_engine(sqlite_path(sqlite_url), writes=False)
    with engine.connect() as connection:
        for statement in (_stands(dialect), _tail(dialect)):
            compiled = statement.compile(dialect=engine.dialect)
            values = {"names": "%", "spans": bytes(32), "newest": 1, **compiled.params}
            arguments = tuple(values[name] or b"" for name in compiled.positiontup or ())
            plan = [row[3].split() for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", arguments)]
            searched = {"standing", "submission", "outbox"}
            assert searched & {step[1] for step in plan if step[0] == "SEARCH"}
            assert not searched & {step[1] for step in plan if step[0] == "SCAN"}
    engine.dispose()


def test_what_is_not_merged_is_counted(sender: Sender) -> None:
    """Per stream, however much other streams were told meanwhile; nothing is named once all is merged."""
    register = Sender(sender.store, REGISTER)
    submit_rows(sender, said(ANNA, 1, 1))
    submit_rows(register, said(ANNA, 2, 2), said(BEN, 3, 3), delivered=False)
    assert sender.store.read(lambda tx: tx.unmerged()) == {sender.stream.id: 1, register.stream.id: 2}
    merge(register)
    assert sender.store.read(lambda tx: tx.unmerged()) == {sender.stream.id: 1}


def test_a_merge_waits_for_submissions_that_are_under_way(postgresql_url: str) -> None:
    """On PostgreSQL a later submission may be on disk before an earlier one: neither is ever passed over."""
    store = open_store(postgresql_url)
    first = Sender(store)
    second = a_source(store, first.stream, "sha256:01")
    begun, go_on = Event(), Event()

    def slowly(tx: Transaction) -> None:
        tx.append_outbox(first.stream.id, first.source.id, [said(ANNA, 1, 1)], now=NOW)
        begun.set()
        assert go_on.wait(20)

    slow = store.write(slowly)
    assert begun.wait(20)
    do(store, lambda tx: tx.append_outbox(first.stream.id, second.id, [said(ANNA, 2, 2)], now=NOW))
    merging = store.write(lambda tx: len(tx.unmerged_words(first.stream.id, records_max=1_000).words))
    with pytest.raises(TimeoutError):
        merging.result(timeout=0.3)
    go_on.set()
    assert (slow.result(timeout=20), merging.result(timeout=20)) == (None, 2)
    assert merge_pass(store, first.stream.id) == 0
    assert store.read(lambda tx: tx.unmerged()) == {}
    assert found(store, ANNA) == bodies(1, 2)
    store.close()


def test_a_register_has_nothing_pending(store: Store) -> None:
    """Nobody receives it: its rows count as acknowledged, and no batch will ever hold them."""
    register = Sender(store, REGISTER)
    submit_rows(register, said(ANNA, 1, 1), said(ANNA, 2, 2), delivered=False)
    progress = store.read(lambda tx: tx.stream_progress(register.stream.id))
    assert (progress.submitted, progress.acknowledged, progress.pending) == (2, 2, 0)
    assert (register.pending(), progress.oldest_pending_time) == ([], None)


def test_what_stands_keeps_its_content(sender: Sender) -> None:
    """The digests of a register tell what a later file changes, as those of any stream."""
    submit_rows(sender, said(ANNA, 1, 1), delivered=False)
    merge(sender)
    (page,) = sender.store.read(lambda tx: list(tx.standing_pages(sender.stream.id)))
    assert page.contents == a_content(1)
