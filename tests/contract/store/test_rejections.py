"""Refused rows of both cities, and what closes them."""

from __future__ import annotations

from datetime import timedelta

from services.domain.receipt import Violation
from services.domain.rejection import LocalRejection, Mending, RejectedBy, RejectedRow
from services.domain.stream import StreamName
from services.ports.store import Store
from tests.contract.store.samples import NOW, VIOLATION, Sender, a_key, a_source, do

MALFORMED = Violation("", "csv.cells", "行的单元格数不对 (wrong number of cells)")
LATER = NOW + timedelta(hours=1)


def rejected(sender: Sender, *, open_only: bool = False) -> list[RejectedRow]:
    """List refused rows."""
    return list(sender.store.read(lambda tx: tx.rejected_rows(after_id=0, limit=5_000, open_only=open_only)))


def refuse_locally(sender: Sender, *rows: LocalRejection) -> None:
    """Keep rows that this side refused."""
    do(sender.store, lambda tx: tx.add_local_rejections(sender.stream.id, sender.source.id, rows, now=NOW))


def close(sender: Sender, *mended: Mending, keys: tuple[tuple[bytes, int], ...] = ()) -> int:
    """Close rejections by rows of the sender's source."""
    return do(
        sender.store,
        lambda tx: tx.close_rejections(sender.stream.id, sender.source.id, list(mended), list(keys), now=LATER),
    )


def test_both_cities_rejections_stand_in_one_list(sender: Sender) -> None:
    """Each says who refused the row, and where it stands in its source."""
    sender.submit(1, 2)
    sender.settle(sender.seal(), 2)
    refuse_locally(sender, LocalRejection(7, "AAC002", MALFORMED))
    partner, local = rejected(sender)
    assert (partner.by, partner.sequence, partner.position, partner.violation) == (RejectedBy.PARTNER, 2, 2, VIOLATION)
    assert (local.by, local.epoch, local.sequence, local.position) == (RejectedBy.LOCAL, 0, 0, 7)
    assert (local.column, local.violation, local.source_label) == ("AAC002", MALFORMED, partner.source_label)
    assert (partner.closed, local.closed) == (None, None)


def test_a_row_is_refused_here_once(sender: Sender) -> None:
    """Reading a source again adds nothing."""
    refuse_locally(sender, LocalRejection(7, "a", MALFORMED), LocalRejection(9, "b", MALFORMED))
    refuse_locally(sender, LocalRejection(7, "c", VIOLATION), LocalRejection(8, "d", MALFORMED))
    assert [(one.position, one.column) for one in rejected(sender)] == [(7, "a"), (9, "b"), (8, "d")]


def test_a_row_that_is_read_again_has_one_rejection(sender: Sender) -> None:
    """What earlier reads refused under the same key is closed; other keys, and this read's own rows, stay open."""
    rows = [LocalRejection(place, "a", MALFORMED, a_key(key)) for place, key in ((3, 1), (4, 2), (7, 1))]
    refuse_locally(sender, *rows, LocalRejection(5, "a", MALFORMED))
    stream_id, source_id, keys = sender.stream.id, sender.source.id, [a_key(1), a_key(9)]
    closed = do(sender.store, lambda tx: tx.close_reread(stream_id, source_id, keys, upto_position=5, now=LATER))
    assert closed == 1
    assert [one.position for one in rejected(sender, open_only=True)] == [4, 7, 5]
    assert [one.closed.reason for one in rejected(sender) if one.closed] == ["again"]


def test_a_mended_row_closes_what_it_names(sender: Sender) -> None:
    """The closed one says which row took its place and is not listed among open ones."""
    refuse_locally(sender, LocalRejection(7, "a", MALFORMED), LocalRejection(8, "b", MALFORMED))
    first, second = rejected(sender)
    assert close(sender, Mending(first.id, 3)) == 1
    (closed, _) = rejected(sender)
    assert closed.closed is not None
    assert (closed.closed.time, closed.closed.position) == (LATER, 3)
    assert closed.closed.source_label == f"{sender.source.name}.csv"
    assert [one.id for one in rejected(sender, open_only=True)] == [second.id]


def test_a_row_of_the_same_subject_closes_what_is_open(sender: Sender) -> None:
    """Whoever sends the subject again has mended it, with or without naming the rejection."""
    sender.submit(1, 2, 3)
    sender.settle(sender.seal(), 2, 3)
    refuse_locally(sender, LocalRejection(7, "a", MALFORMED, key=a_key(9)))
    assert close(sender, keys=((a_key(2), 11), (a_key(9), 12), (a_key(4), 13))) == 2
    assert [one.position for one in rejected(sender, open_only=True)] == [3]
    assert close(sender, keys=((a_key(2), 11),)) == 0


def test_what_is_open_is_looked_up_in_its_stream(sender: Sender, store: Store) -> None:
    """A rejection of another stream, a closed one and an unknown one are not open here."""
    other = Sender(store, StreamName("320600", "320500", "social.contribution"))
    refuse_locally(other, LocalRejection(1, "a", MALFORMED))
    refuse_locally(sender, LocalRejection(1, "a", MALFORMED), LocalRejection(2, "a", MALFORMED))
    ids = [one.id for one in rejected(sender)]
    close(sender, Mending(ids[2], 5))
    assert store.read(lambda tx: tx.open_rejections(sender.stream.id, [*ids, 99])) == {ids[1]}


def test_an_operator_closes_one_with_a_reason(sender: Sender) -> None:
    """Once; a second word changes nothing."""
    refuse_locally(sender, LocalRejection(7, "a", MALFORMED))
    (one,) = rejected(sender)

    def close_by_word(reason: str) -> bool:
        return do(sender.store, lambda tx: tx.close_rejection(one.id, reason=reason, now=LATER))

    assert [close_by_word("left the city"), close_by_word("again"), rejected(sender, open_only=True)] == [
        True,
        False,
        [],
    ]
    (closed,) = rejected(sender)
    assert closed.closed is not None
    assert (closed.closed.reason, closed.closed.position, closed.closed.source_label) == ("left the city", 0, "")


def test_submitting_a_source_anew_closes_its_own_local_rejections(sender: Sender) -> None:
    """Its rows are presented again; what the partner refused stays open."""
    sender.submit(1)
    sender.settle(sender.seal(), 1)
    refuse_locally(sender, LocalRejection(7, "a", MALFORMED))
    other = a_source(sender.store, sender.stream, "sha256:99")
    do(
        sender.store,
        lambda tx: tx.add_local_rejections(sender.stream.id, other.id, [LocalRejection(1, "", MALFORMED)], now=NOW),
    )
    name = sender.source.name
    assert do(sender.store, lambda tx: tx.close_former_runs(sender.stream.id, name, now=LATER)) == 1
    assert [(one.by, one.position) for one in rejected(sender, open_only=True)] == [("partner", 1), ("local", 1)]
