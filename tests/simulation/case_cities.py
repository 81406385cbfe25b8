"""Two cities that tell each other transfer cases, without a network: real stores, real gates, every step by hand."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from services.domain.batch import Batch, Record, Signed
from services.domain.case import Case, case_digest
from services.domain.partner import Partner, PartnerState
from services.domain.rejection import LocalRejection
from services.domain.stream import Direction, Stream, StreamName
from services.exchange.apply import apply_batch
from services.exchange.dial import make_opening, read_answer, resume_from
from services.exchange.history import receipted_batches
from services.exchange.open import Opened, answer_opening, read_opening
from services.exchange.recover import allow_replay, finish_recovery, open_epoch, take_back
from services.exchange.seal import seal_pending
from services.exchange.settle import mark_diverged, settle_receipts, verify_receipt
from services.exchange.submit import Chunk, SubmittedRow, check_chunk, open_source, submit_chunk
from services.exchange.verify import verify_batch
from services.ports.cases import CaseFilter
from services.ports.store import Store, Transaction
from services.store.backup import backup
from services.store.opening import open_store
from services.store.schema import migrate
from services.wire.datasets import load_datasets
from services.wire.gate import ContractGate
from services.wire.moves import ContractCourses
from tests.simulation.cities import NANTONG, SHANGHAI, FakeClock, SeededRandom, make_agreement, make_parts, store_url
from yrdx.types.v1.types_pb2 import OPERATION_RETRACT, OPERATION_UPSERT, RecordBody

T = TypeVar("T")

DATASETS: Final = load_datasets()
TRANSFER: Final = DATASETS.find("social.transfer", "1")
VOUCHER, APPLICATION, LETTER, FORM, CLOSED = range(1, 6)
BEGIN: Final = date(2026, 1, 5)


def step(number: str, which: int, day: int, *, retracts: bool = False, **changes: str) -> bytes:
    """A step of a transfer from Nantong to Shanghai, so many days after the beginning, as a record's body."""
    message: Any = TRANSFER.message_class(
        case_number=number,
        step=which,
        step_date=(BEGIN + timedelta(days=day)).isoformat(),
        person_number="32062119800229001X",
        person_name="张三",
        **changes,
    )
    message.from_division.code, message.to_division.code = "320685", "310115"
    body = RecordBody(operation=OPERATION_RETRACT if retracts else OPERATION_UPSERT, key=TRANSFER.key(message))
    body.reason = "test" if retracts else ""
    body.message.type_url, body.message.value = TRANSFER.type_url, message.SerializeToString()
    return body.SerializeToString()


@dataclass
class City:
    """One city's node: its parts and its store."""

    code: str
    partner: str
    folder: Path
    clock: FakeClock

    def __post_init__(self) -> None:
        """Set up an empty store that knows the partner and both agreements."""
        gate = ContractGate(DATASETS, record_bytes_max=65_536)
        parts = make_parts(self.code, self.clock, SeededRandom())
        self.parts = replace(parts, gate=gate, inbox_gate=gate, courses=ContractCourses(DATASETS))
        self.outbound = StreamName(self.code, self.partner, TRANSFER.name)
        self._copies = 0
        migrate(self._url)
        self.store: Store = open_store(self._url)
        self.write(self._introduce)

    def submit(self, *bodies: bytes, source: str = "a") -> list[LocalRejection]:
        """Submit records in one chunk and return what this city refuses of them."""

        def work(tx: Transaction) -> list[LocalRejection]:
            opened = open_source(tx, self.parts, self.outbound, source, label=source, again=False)
            at = opened.source.position
            rows = [SubmittedRow(at + number, body) for number, body in enumerate(bodies, 1)]
            checked = check_chunk(self.parts, opened.terms, Chunk(at, at + len(rows), rows))
            return list(submit_chunk(tx, self.parts, opened, checked).rejected)

        return self.write(work)

    def case(self, number: str) -> Case | None:
        """Return a case as this city sees it."""
        wanted = CaseFilter(digest=case_digest(number, self.parts.digests["SHA256"]))
        found = self.store.read(lambda tx: tx.cases(wanted, limit=2))
        assert len(found) <= 1
        return found[0] if found else None

    def standing(self, number: str) -> dict[int, tuple[int, str, int]]:
        """Return what stands: by step the day since the beginning, who sent it, and its sequence."""
        case = self.case(number)
        records = case.standing_records() if case else {}
        return {which: ((one.day - BEGIN).days, one.city, one.sequence) for which, one in sorted(records.items())}

    def seal(self) -> list[Batch]:
        """Seal what is pending."""
        work = partial(seal_pending, parts=self.parts, name=self.outbound, fence=self.fence(), batches_max=9)
        return self.write(work)

    def settle(self, receipts: Sequence[Signed]) -> None:
        """Store the partner's answers."""
        verified = [verify_receipt(self.parts, self.outbound, receipt) for receipt in receipts]
        work = partial(settle_receipts, parts=self.parts, name=self.outbound, fence=self.fence(), receipts=verified)
        self.write(work)

    def apply(self, batch: Batch) -> Signed:
        """Apply a partner's batch and return its receipt."""
        verified = verify_batch(self.parts, batch, self.partner, ("*",))
        applied = self.write(partial(apply_batch, parts=self.parts, verified=verified))
        assert applied.receipt is not None
        return applied.receipt

    def unanswered(self, *, receipted: bool = False) -> list[Batch]:
        """Return sealed batches as they were sent: without an answer, or with it."""

        def find(tx: Transaction) -> list[Batch]:
            stream = self.stream(tx)
            batches = (tx.receipted if receipted else tx.unacknowledged)(
                stream.id, stream.position.epoch, after_sequence=0, limit=99
            )
            read = self.parts.contents.header_from_bytes
            return [
                Batch(read(one.signed_header.content), one.signed_header, list(map(Record._make, records)), one.receipt)
                for one in batches
                for records in [tx.sealed_records(one)]
            ]

        return self.store.read(find)

    def rejected(self) -> list[tuple[str, str, str]]:
        """Return rule, field and reason of the partner's refusals, in order."""
        rows = self.store.read(lambda tx: tx.rejected_rows(after_id=0, limit=99))
        return [(r.violation.rule_id, r.violation.field_path, r.violation.reason) for r in rows if r.by == "partner"]

    def fence(self) -> int:
        """Hold the lease."""
        now = self.clock.now()
        until = now + timedelta(seconds=30)
        fence = self.write(lambda tx: tx.take_lease(self.stream(tx).id, "sender", now=now, until=until))
        assert fence is not None
        return fence

    def stream(self, tx: Transaction) -> Stream:
        """Return the outbound stream."""
        found = tx.stream(self.outbound, Direction.OUTBOUND)
        assert found is not None
        return found

    def back_up(self) -> Path:
        """Copy the store."""
        self._copies += 1
        path = self.folder / f"{self.code}-{self._copies}.backup"
        backup(self._url, path)
        return path

    def restore(self, copy: Path) -> None:
        """Put a copy back and start again."""
        self.store.close()
        for stale in self.folder.glob(f"{self.code}.sqlite*"):
            stale.unlink()
        (self.folder / f"{self.code}.sqlite").write_bytes(copy.read_bytes())
        self.store = open_store(self._url)

    def forget_cases(self) -> None:
        """Empty the tables of cases behind the store's back: a store as it was before there were any."""
        self.store.close()
        with closing(sqlite3.connect(self.folder / f"{self.code}.sqlite")) as file, file:
            file.execute("DELETE FROM course_step")
            file.execute("DELETE FROM course_case")
        self.store = open_store(self._url)

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Run a unit of work."""
        return self.store.write(work).result(timeout=30)

    def _introduce(self, tx: Transaction) -> None:
        for provider, consumer in ((self.code, self.partner), (self.partner, self.code)):
            name = f"{provider}-{consumer}"
            tx.put_agreement(make_agreement(id=name, provider=provider, consumer=consumer, dataset=TRANSFER.name))
        tx.put_partner(Partner(self.partner, b"bundle", "fingerprint", "127.0.0.1:1", PartnerState.LIVE))

    @property
    def _url(self) -> str:
        return store_url(self.folder / f"{self.code}.sqlite")


class CaseCities:
    """Nantong, the former place, and Shanghai, the new one."""

    def __init__(self, folder: Path) -> None:
        """Set up both."""
        clock = FakeClock()
        self.nantong = City(NANTONG, SHANGHAI, folder, clock)
        self.shanghai = City(SHANGHAI, NANTONG, folder, clock)

    @property
    def both(self) -> tuple[City, City]:
        """Both cities."""
        return self.nantong, self.shanghai

    def other(self, city: City) -> City:
        """Return the partner of a city."""
        return self.shanghai if city is self.nantong else self.nantong

    def send(self, city: City) -> list[Signed]:
        """Bring what a city has pending to its partner; the answers are on the way then."""
        self.open(city)
        city.seal()
        return [self.other(city).apply(batch) for batch in city.unanswered()]

    def deliver(self, city: City) -> None:
        """Bring what a city has pending to its partner, and the answers back."""
        city.settle(self.send(city))

    def open(self, city: City) -> None:
        """Open a session."""
        opening = city.write(partial(make_opening, parts=city.parts, name=city.outbound, fence=city.fence()))
        answer = read_answer(city.parts, city.outbound, opening, self._answered(city, opening))
        city.write(partial(resume_from, name=city.outbound, fence=city.fence(), answer=answer))

    def replay(self, city: City) -> None:
        """Let a partner that was restored take a city's original batches."""
        receiver = self.other(city)
        opening = city.write(partial(make_opening, parts=city.parts, name=city.outbound, fence=city.fence()))
        self._refused_opening(city, opening)
        receiver.write(partial(allow_replay, name=city.outbound))
        for batch in city.unanswered(receipted=True):
            receiver.apply(batch)

    def take_back(self, city: City) -> None:
        """Let a city that was restored take its own batches back."""
        city.write(partial(mark_diverged, name=city.outbound, reason="restored"))
        opening = city.write(partial(make_opening, parts=city.parts, name=city.outbound))
        answer = read_answer(city.parts, city.outbound, opening, self._answered(city, opening))
        at = city.store.read(city.stream).position
        find = partial(
            receipted_batches,
            name=city.outbound,
            caller_city=city.code,
            epoch=1,
            after_sequence=at.watermark,
            page_size=0,
            full=True,
        )
        batches, more = self.other(city).store.read(find)
        assert not more
        city.write(partial(take_back, parts=city.parts, name=city.outbound, batches=batches))
        city.write(partial(finish_recovery, name=city.outbound, answer=answer))

    def new_epoch(self, city: City, *, void: bool) -> None:
        """End the epoch of a city's stream where its partner stands."""
        opening = city.write(partial(make_opening, parts=city.parts, name=city.outbound))
        answer = read_answer(city.parts, city.outbound, opening, self._answered(city, opening))
        work = partial(open_epoch, parts=city.parts, name=city.outbound, answer=answer, void=void, reason="test")
        city.write(work)

    def close(self) -> None:
        """Close both stores."""
        for city in self.both:
            city.store.close()

    def _answered(self, city: City, signed: Signed) -> Signed:
        answer = self._opened(city, signed).answer
        assert answer is not None
        return answer

    def _refused_opening(self, city: City, signed: Signed) -> None:
        assert self._opened(city, signed).refusal is not None

    def _opened(self, city: City, signed: Signed) -> Opened:
        receiver = self.other(city)
        opening = read_opening(receiver.parts, signed, city.code)
        return receiver.write(partial(answer_opening, parts=receiver.parts, signed=signed, opening=opening))
