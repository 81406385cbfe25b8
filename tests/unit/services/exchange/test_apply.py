"""Receiving: a batch is verified, then applied once; what is forged changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from services.domain import merkle
from services.domain.batch import Batch, Record
from services.domain.errors import (
    AgreementMissing,
    ContentConflict,
    EpochClosed,
    EpochUnknown,
    ExchangeError,
    HeadMismatch,
    Malformed,
    NotPermitted,
    PartnerPaused,
    PartnerUnknown,
    RootInvalid,
    SequenceGap,
    SignatureInvalid,
    TooLarge,
)
from services.domain.partner import Partner, PartnerState
from services.domain.tags import BATCH
from services.exchange.apply import apply_batch
from services.exchange.verify import verify_batch
from services.ports.store import Transaction
from tests.simulation.cities import NANTONG, SHANGHAI, make_agreement, signing_key
from tests.simulation.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Two cities with three rows delivered."""
    world = World(tmp_path)
    world.submit("a", 3, answer_lost=False)
    world.work(world.processes[0], 1)
    yield world
    world.close()


def next_batch(world: World) -> Batch:
    """Seal a batch and take it off the network."""
    first = world.processes[0]
    world.submit("a", 3, answer_lost=False)
    world.dial(first)
    world.deliver(0, keep=False)
    world.deliver(0, keep=False)
    world.seal(first)
    content = world.network.pop().content
    assert isinstance(content, Batch)
    return content


def resealed(world: World, batch: Batch, **changes: object) -> Batch:
    """Return the batch with another header, signed rightly: what a faulty sender might make."""
    header = replace(batch.header, **changes)  # type: ignore[arg-type]
    signed = world.sender_parts.signer.sign(BATCH, world.sender_parts.contents.header_to_bytes(header))
    return replace(batch, header=header, signed_header=signed)


Forge = Callable[[World, Batch], Batch]

REFUSED: dict[str, tuple[Forge, type[ExchangeError]]] = {
    "a changed record": (
        lambda _, b: replace(b, records=[Record(b.records[0].salt, b"a0|changed"), *b.records[1:]]),
        RootInvalid,
    ),
    "a changed salt": (
        lambda _, b: replace(b, records=[Record(bytes(16), b.records[0].body), *b.records[1:]]),
        RootInvalid,
    ),
    "records in another order": (lambda _, b: replace(b, records=list(reversed(b.records))), RootInvalid),
    "a missing record": (lambda _, b: replace(b, records=b.records[:-1]), Malformed),
    "no records": (lambda w, b: resealed(w, replace(b, records=[]), record_count=0), Malformed),
    "a foreign signature": (
        lambda _, b: replace(
            b,
            signed_header=b.signed_header._replace(
                signature=signing_key(SHANGHAI).sign(BATCH + b.signed_header.content)
            ),
        ),
        SignatureInvalid,
    ),
    "a signature under another tag": (
        lambda w, b: replace(b, signed_header=w.sender_parts.signer.sign(b"yrdx-opening-v1", b.signed_header.content)),
        SignatureInvalid,
    ),
    "a gap": (lambda w, b: shifted(w, b, 1), SequenceGap),
    "another history": (lambda w, b: resealed(w, b, previous_hash=bytes(32)), HeadMismatch),
    "a later epoch": (lambda w, b: resealed(w, b, epoch=2), EpochUnknown),
    "an unknown agreement": (lambda w, b: resealed(w, b, agreement_id="OTHER"), AgreementMissing),
    "a stream of another city": (
        lambda w, b: resealed(w, b, stream=replace(b.header.stream, from_city="320500")),
        NotPermitted,
    ),
    "another hash algorithm": (lambda w, b: resealed(w, b, hash_algorithm="SM3"), RootInvalid),
}


def shifted(world: World, batch: Batch, by: int) -> Batch:
    """Return the batch as if it began later, with the right root for that."""
    first = batch.header.first_sequence + by
    digest = world.sender_parts.digests["SHA256"]
    root = merkle.root(merkle.record_leaves(first, batch.records, digest), digest)
    return resealed(world, batch, first_sequence=first, root=root)


@pytest.mark.parametrize("name", REFUSED)
def test_a_forged_batch_is_refused_and_changes_nothing(world: World, name: str) -> None:
    """Header, signature, root and order are stream errors; inbox and watermark stay."""
    forge, error = REFUSED[name]
    batch = next_batch(world)
    before = world.inbox()
    with pytest.raises(error):
        world.apply(forge(world, batch))
    assert world.inbox() == before
    assert len(world.apply(batch).signature) == 64


def test_a_duplicate_gets_the_original_receipt(world: World) -> None:
    """Byte for byte, however often and however late."""
    batch = next_batch(world)
    original = world.apply(batch)
    world.clock.advance(60 * 60 * 24 * 40)
    assert world.apply(batch) == original
    assert len(world.inbox()) == len(set(world.inbox()))


def test_the_same_range_with_another_content_is_a_conflict(world: World) -> None:
    """It is refused with a statement that this city signed, and nothing is overwritten."""
    batch = next_batch(world)
    world.apply(batch)
    before = world.inbox()
    other = resealed(world, batch, sealed_time=batch.header.sealed_time.replace(microsecond=1))
    with pytest.raises(ContentConflict) as refused:
        world.apply(other)
    assert refused.value.statement
    assert world.inbox() == before


def test_a_closed_epoch_takes_nothing_new(world: World) -> None:
    """Above its watermark a closed epoch is closed."""
    batch = next_batch(world)
    world.new_epoch()
    world.dial(world.processes[0])
    world.deliver(0, keep=False)
    with pytest.raises(EpochClosed):
        world.apply(batch)


def test_a_batch_above_the_limits_is_refused(world: World) -> None:
    """More records or bytes than this node takes."""
    batch = next_batch(world)
    small = replace(world.receiver_parts, limits=_Small())  # type: ignore[arg-type]
    with pytest.raises(TooLarge):
        verify_batch(small, batch, NANTONG, ("*",))


class _Small:
    batch_records_max = 1
    batch_bytes_max = 1
    record_bytes_max = 1


@pytest.mark.parametrize(
    ("state", "error"), [(PartnerState.PAUSED, PartnerPaused), (PartnerState.UNCONFIRMED, PartnerUnknown)]
)
def test_a_partner_that_is_not_live_sends_nothing(
    world: World, state: PartnerState, error: type[ExchangeError]
) -> None:
    """An operator's pause holds within the next batch."""
    batch = next_batch(world)

    def change(tx: Transaction) -> None:
        tx.put_partner(Partner(NANTONG, b"bundle", "fingerprint", "127.0.0.1:1", state))

    world.write("receiver", change)
    with pytest.raises(error):
        world.apply(batch)


def test_an_agreement_that_ended_covers_what_was_sealed_before(world: World) -> None:
    """The sealed time counts, not the time of arrival."""
    batch = next_batch(world)
    world.clock.advance(60 * 60 * 24 * 900)
    assert not make_agreement().in_force(world.clock.now())
    world.apply(batch)


def test_a_mended_row_is_refused_once_a_newer_one_stands(world: World) -> None:
    """A record that mends a rejected one loses against a newer record of its subject."""
    batch = next_batch(world)
    world.apply(batch)
    mend = Record(bytes(16), b"a0|good|mends=1")
    verified = verify_batch(world.receiver_parts, forged_next(world, batch, [mend]), NANTONG, ("*",))
    applied = world.write("receiver", partial(apply_batch, parts=world.receiver_parts, verified=verified))
    assert applied.receipt is not None
    receipt = world.receiver_parts.contents.receipt_from_bytes(applied.receipt.content)
    assert [one.violation.rule_id for one in receipt.rejections] == ["mends.superseded"]


def forged_next(world: World, batch: Batch, records: list[Record]) -> Batch:
    """Return a batch that rightly continues another, with records of the test's choice."""
    digest = world.sender_parts.digests["SHA256"]
    first = batch.header.last_sequence + 1
    return resealed(
        world,
        replace(batch, records=records),
        first_sequence=first,
        record_count=len(records),
        previous_hash=digest(BATCH + batch.signed_header.content),
        root=merkle.root(merkle.record_leaves(first, records, digest), digest),
    )
