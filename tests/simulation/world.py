"""A sender with a zombie, a receiver, a network that loses, doubles and reorders, and operators who restore backups.

Every step is one use case of the product on a real SQLite store. What the sender's sources contain is fixed, so at
the end it is known what must stand in the receiver's inbox: every good row of every source that was answered, once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

from services.domain.batch import Batch, Record, Signed
from services.domain.errors import (
    Conflict,
    CursorMoved,
    Diverged,
    ExchangeError,
    LeaseLost,
    Malformed,
    Recovering,
)
from services.domain.opening import OpeningAnswer
from services.domain.stream import Direction, Position, Stream, StreamState
from services.exchange.apply import apply_batch
from services.exchange.dial import make_opening, read_answer, resume_from
from services.exchange.history import receipted_batches
from services.exchange.open import answer_opening, read_opening
from services.exchange.recover import allow_replay, finish_recovery, next_epoch_known, open_epoch, take_back
from services.exchange.seal import seal_pending
from services.exchange.settle import mark_diverged, settle_receipts, verify_receipt
from services.exchange.submit import Chunk, SubmittedRow, check_chunk, open_source, submit_chunk
from services.exchange.verify import verify_batch
from services.ports.store import Store, Transaction
from services.store.backup import backup
from services.store.opening import open_store
from services.store.schema import migrate
from tests.simulation.cities import (
    NANTONG,
    SHANGHAI,
    STREAM,
    FakeClock,
    FakeGate,
    SeededRandom,
    TrustingGate,
    introduce,
    make_parts,
    store_url,
)

T = TypeVar("T")

SUBJECTS = 3
BAD_EVERY = 5
LEASE_S = 30.0


def source_row(source: str, position: int) -> bytes:
    """Return what a source holds at a position; the same for ever."""
    text = "bad" if position % BAD_EVERY == 0 else "good"
    return f"{source}{position % SUBJECTS}|{text} {source}:{position}".encode()


@dataclass
class Process:
    """A sending process; a zombie is one whose lease another took."""

    name: str
    fence: int | None = None
    session: int = 0
    ready: bool = False
    opening: Signed | None = None


@dataclass
class Message:
    """Something under way. Those of a session that ended still arrive; their answers reach nobody."""

    kind: str
    process: Process
    session: int
    content: Signed | Batch


@dataclass
class World:
    """Both cities and everything between them."""

    folder: Path
    clock: FakeClock = field(default_factory=FakeClock)
    network: list[Message] = field(default_factory=list)
    answered: dict[str, int] = field(default_factory=dict)
    receipts: dict[bytes, set[bytes]] = field(default_factory=lambda: defaultdict(set))

    def __post_init__(self) -> None:
        """Set up both stores."""
        random = SeededRandom()
        self.sender_parts = make_parts(NANTONG, self.clock, random, TrustingGate())
        self.receiver_parts = make_parts(SHANGHAI, self.clock, random, FakeGate())
        self.processes = [Process("first"), Process("second")]
        self._copies: dict[str, list[Path]] = {"sender": [], "receiver": []}
        self._stores: dict[str, Store] = {}
        for name, partner in (("sender", SHANGHAI), ("receiver", NANTONG)):
            migrate(self._url(name))
            self._open(name)
            self.write(name, partial(introduce, partner=partner))

    # Sources

    def submit(self, source: str, count: int, *, answer_lost: bool) -> None:
        """A client submits its next rows; when the answer is lost it does not know that they stand."""
        with suppress(CursorMoved):
            self._submit(source, self.answered.get(source, 0), count)
            if not answer_lost:
                self.answered[source] = self.answered.get(source, 0) + count
            return
        # The client asks where the source stands and goes on from there: forwards after a lost answer.
        opened = self.write("sender", partial(self._open_source, source=source))
        self.answered[source] = max(self.answered.get(source, 0), opened)

    def submit_rest(self, source: str) -> None:
        """A client submits again what it was told stands and what does not stand any more."""
        answered = self.answered.get(source, 0)
        while (at := self.write("sender", partial(self._open_source, source=source))) < answered:
            self._submit(source, at, answered - at)

    def _submit(self, source: str, after: int, count: int) -> None:
        positions = range(after + 1, after + count + 1)
        chunk = Chunk(after, after + count, [SubmittedRow(p, source_row(source, p)) for p in positions])

        def work(tx: Transaction) -> None:
            parts = self.sender_parts
            opened = open_source(tx, parts, STREAM, source, label=source, again=False)
            submit_chunk(tx, parts, opened, check_chunk(parts, opened.terms, chunk))

        self.write("sender", work)

    def _open_source(self, tx: Transaction, source: str) -> int:
        return open_source(tx, self.sender_parts, STREAM, source, label=source, again=False).source.position

    # Sender

    def take_lease(self, process: Process) -> None:
        """A process takes the lease if it can; the former holder becomes a zombie without knowing it."""
        now = self.clock.now()

        def take(tx: Transaction) -> int | None:
            stream = tx.stream(STREAM, Direction.OUTBOUND)
            until = now + timedelta(seconds=LEASE_S)
            return tx.take_lease(stream.id, process.name, now=now, until=until) if stream else None

        fence = self.write("sender", take)
        if fence is not None:
            process.fence = fence

    def dial(self, process: Process) -> None:
        """A process opens a new session."""
        self.hang_up(process)
        if process.fence is None:
            return
        with suppress(LeaseLost, Diverged):
            work = partial(make_opening, parts=self.sender_parts, name=STREAM, fence=process.fence)
            process.opening = self.write("sender", work)
            self._send(process, "opening", process.opening)

    def seal(self, process: Process, batches_max: int = 1) -> None:
        """A process whose session is open seals and sends the next batches."""
        if not process.ready or process.fence is None:
            return
        try:
            work = partial(
                seal_pending, parts=self.sender_parts, name=STREAM, fence=process.fence, batches_max=batches_max
            )
            sealed = self.write("sender", work)
        except (LeaseLost, Diverged):
            self.hang_up(process)
            return
        for batch in sealed:
            self._send(process, "batch", batch)

    def send_again(self, process: Process) -> None:
        """A process sends its unanswered batches as they were sealed; a zombie may do this too."""
        if process.session and process.fence is not None:
            for batch in self._read("sender", partial(self._unanswered, replay=False)):
                self._send(process, "batch", batch)

    def work(self, process: Process, batches: int) -> None:
        """A process takes the lease if it can, opens a session and delivers; nothing is lost meanwhile."""
        self.take_lease(process)
        self.dial(process)
        self._deliver_all()
        for _ in range(batches):
            self.seal(process)
            self._deliver_all()

    def _deliver_all(self) -> None:
        while self.network:
            self.deliver(0, keep=False)

    def hang_up(self, process: Process) -> None:
        """End a process's session; its messages stay under way."""
        process.session += 1
        process.ready = False
        process.opening = None

    def crash(self, process: Process) -> None:
        """A process dies; a new one of its name knows nothing."""
        self.hang_up(process)
        process.fence = None

    # Network

    def deliver(self, index: int, *, keep: bool) -> None:
        """Deliver any message, in any order, perhaps again later."""
        if not self.network:
            return
        index %= len(self.network)
        message = self.network[index] if keep else self.network.pop(index)
        try:
            self._arrive(message)
        except ExchangeError as error:
            self._refused(message, error)

    def lose(self, index: int) -> None:
        """Lose a message."""
        if self.network:
            self.network.pop(index % len(self.network))

    def _arrive(self, message: Message) -> None:
        content, process = message.content, message.process
        if isinstance(content, Batch):
            self._send(process, "ack", self.apply(content), message.session)
        elif message.kind == "opening":
            self._send(process, "answer", self.answer(content), message.session)
        elif message.session == process.session and process.fence is not None:
            self._heard(process, message.kind, content)

    def _heard(self, process: Process, kind: str, content: Signed) -> None:
        if kind == "ack":
            receipts = [verify_receipt(self.sender_parts, STREAM, content)]
            fence, parts = process.fence or 0, self.sender_parts
            work = partial(settle_receipts, parts=parts, name=STREAM, fence=fence, receipts=receipts)
            self.write("sender", work)
        elif process.opening is not None:
            answer = read_answer(self.sender_parts, STREAM, process.opening, content)
            resume = self.write("sender", partial(resume_from, name=STREAM, fence=process.fence or 0, answer=answer))
            if resume.replay_until:
                for batch in self._read("sender", partial(self._unanswered, replay=True)):
                    self._send(process, "batch", batch)
            else:
                process.ready = True

    def _refused(self, message: Message, error: ExchangeError) -> None:
        """An error ends the session; if it is still that process's, it decides as the couriers do."""
        process = message.process
        if message.session != process.session or process.fence is None:
            return
        self.hang_up(process)
        if isinstance(error, Conflict | Malformed) and not isinstance(error, Diverged | Recovering | LeaseLost):
            self.write("sender", partial(mark_diverged, name=STREAM, reason=str(error)))

    def _send(self, process: Process, kind: str, content: Signed | Batch, session: int | None = None) -> None:
        self.network.append(Message(kind, process, session or process.session, content))

    # Receiver

    def answer(self, signed: Signed) -> Signed:
        """The receiver judges an opening."""
        opening = read_opening(self.receiver_parts, signed, NANTONG)
        work = partial(answer_opening, parts=self.receiver_parts, signed=signed, opening=opening)
        opened = self.write("receiver", work)
        if opened.refusal is not None:
            raise opened.refusal
        assert opened.answer is not None
        return opened.answer

    def apply(self, batch: Batch) -> Signed:
        """The receiver applies a batch."""
        verified = verify_batch(self.receiver_parts, batch, NANTONG, ("*",))
        applied = self.write("receiver", partial(apply_batch, parts=self.receiver_parts, verified=verified))
        if applied.conflict is not None:
            raise applied.conflict
        assert applied.receipt is not None
        return applied.receipt

    # Backups

    def back_up(self, name: str) -> None:
        """Copy a store while it serves."""
        path = self.folder / f"{name}-{len(self._copies[name])}.backup"
        backup(self._url(name), path)
        self._copies[name].append(path)

    def restore(self, name: str, index: int) -> None:
        """Stop a city's processes, put a copy back, start again."""
        if not self._copies[name]:
            return
        self._stores[name].close()
        for stale in self.folder.glob(f"{name}.sqlite*"):
            stale.unlink()
        copies = self._copies[name]
        (self.folder / f"{name}.sqlite").write_bytes(copies[index % len(copies)].read_bytes())
        self._open(name)
        if name == "sender":
            for process in self.processes:
                self.crash(process)

    # The end: every operator does what the messages tell, every client submits again, nothing is lost any more

    def heal(self) -> None:
        """Bring everything to rest."""
        self.clock.advance(LEASE_S * 2)
        for process in self.processes:
            self.crash(process)
        survivor = self.processes[0]
        self.network.clear()
        for _ in range(60):
            self._operate()
            for source in self.answered:
                self.submit_rest(source)
            if self._at_rest():
                return
            self.take_lease(survivor)
            self.dial(survivor)
            self._run_session(survivor)
        raise AssertionError("the stream did not come to rest")

    def _run_session(self, process: Process) -> None:
        self._deliver_all()
        if process.ready:
            self.send_again(process)
            self.seal(process)
        self._deliver_all()

    def _operate(self) -> None:
        inbound, outbound = self._stream("receiver", Direction.INBOUND), self._stream("sender", Direction.OUTBOUND)
        if inbound is not None and inbound.state is StreamState.RECOVERING:
            self.write("receiver", partial(allow_replay, name=STREAM))
        elif outbound is not None and outbound.state is StreamState.DIVERGED:
            with suppress(Recovering):
                self.recover_sender()

    def recover_sender(self) -> None:
        """Do what `yrdx stream recover` does, and `new-epoch` where that cannot help."""
        answer = self._ask_position()
        try:
            self._take_back_all(answer)
        except Conflict:
            self.new_epoch()

    def _ask_position(self) -> OpeningAnswer:
        opening = self.write("sender", partial(make_opening, parts=self.sender_parts, name=STREAM))
        return read_answer(self.sender_parts, STREAM, opening, self.answer(opening))

    def _take_back_all(self, answer: OpeningAnswer) -> None:
        while True:
            self._take_back_epoch()
            stream = self._stream("sender", Direction.OUTBOUND)
            assert stream is not None
            if stream.position.epoch >= answer.position.epoch:
                break
            epoch = stream.position.epoch + 1
            self.write("sender", partial(next_epoch_known, name=STREAM, epoch=epoch))
        self.write("sender", partial(finish_recovery, name=STREAM, answer=answer))

    def _take_back_epoch(self) -> None:
        more = True
        while more:
            stream = self._stream("sender", Direction.OUTBOUND)
            assert stream is not None
            at = stream.position
            find = partial(
                receipted_batches,
                name=STREAM,
                caller_city=NANTONG,
                epoch=at.epoch,
                after_sequence=at.watermark,
                page_size=0,
                full=True,
            )
            batches, more = self._read("receiver", find)
            self.write("sender", partial(take_back, parts=self.sender_parts, name=STREAM, batches=batches))

    def _at_rest(self) -> bool:
        inbound, outbound = self._stream("receiver", Direction.INBOUND), self._stream("sender", Direction.OUTBOUND)
        if outbound is None:
            return True
        pending = self._read("sender", lambda tx: tx.stream_progress(outbound.id).pending)
        return (
            not pending
            and outbound.state is StreamState.OPEN
            and (inbound is None or inbound.state is StreamState.OPEN)
            # A receiver that was restored to before the stream's first batch knows nothing of it.
            and (inbound.position if inbound else Position()) == outbound.position
        )

    # What must be true

    def inbox(self) -> list[bytes]:
        """Return the bodies of all accepted records, in order."""
        stream = self._stream("receiver", Direction.INBOUND)
        if stream is None:
            return []
        return self._read(
            "receiver",
            lambda tx: [
                record.body
                for record in tx.iterate_records(stream.id, upto_id=tx.last_record_id(stream.id), latest_only=False)
            ],
        )

    def expected(self) -> set[bytes]:
        """Return every good row that a client was told stands."""
        return {
            row
            for source, answered in self.answered.items()
            for row in (source_row(source, position) for position in range(1, answered + 1))
            if b"bad" not in row
        }

    def acknowledged(self) -> list[bytes]:
        """Return the bodies that the sender holds an accepting receipt for."""
        stream = self._stream("sender", Direction.OUTBOUND)
        if stream is None:
            return []
        return self._read(
            "sender", lambda tx: [record.body for _, _, record in tx.outbox_bodies(stream.id) if record.body]
        )

    def store(self, name: str) -> Store:
        """Return a city's store."""
        return self._stores[name]

    def pending(self) -> int:
        """Return how many records wait for an answer."""
        stream = self._stream("sender", Direction.OUTBOUND)
        return self._read("sender", lambda tx: tx.stream_progress(stream.id).pending) if stream else 0

    def state(self, name: str, direction: Direction) -> StreamState:
        """Return the state of one end."""
        stream = self._stream(name, direction)
        assert stream is not None
        return stream.state

    def position(self, direction: Direction) -> Position:
        """Return where one end stands."""
        stream = self._stream("sender" if direction is Direction.OUTBOUND else "receiver", direction)
        assert stream is not None
        return stream.position

    def sealed_batches(self) -> list[Batch]:
        """Return every batch the sender holds a receipt for, as it was sent."""
        return [replace(batch, original_receipt=None) for batch in self._read("sender", self._receipted)]

    def _receipted(self, tx: Transaction) -> list[Batch]:
        return self._unanswered(tx, replay=True)

    def receipt_bytes(self, name: str) -> list[bytes]:
        """Return every receipt that a city holds, in order."""
        direction = Direction.OUTBOUND if name == "sender" else Direction.INBOUND
        stream = self._stream(name, direction)
        assert stream is not None
        found = self._read(name, lambda tx: tx.receipted(stream.id, 1, after_sequence=0, limit=1000))
        return [batch.receipt.content for batch in found if batch.receipt is not None]

    def new_epoch(self) -> None:
        """Do what `yrdx stream new-epoch` does."""
        answer = self._ask_position()
        with suppress(Conflict, Malformed):
            self._take_back_epoch()
        self.write(
            "sender",
            partial(open_epoch, parts=self.sender_parts, name=STREAM, answer=answer, void=False, reason="test"),
        )

    # Stores

    def _unanswered(self, tx: Transaction, *, replay: bool) -> list[Batch]:
        stream = tx.stream(STREAM, Direction.OUTBOUND)
        if stream is None:
            return []
        found = []
        for epoch in range(1, stream.position.epoch + 1):
            find = tx.receipted if replay else tx.unacknowledged
            found += list(find(stream.id, epoch, after_sequence=0, limit=1000))
        contents = self.sender_parts.contents
        return [
            Batch(
                contents.header_from_bytes(stored.signed_header.content),
                stored.signed_header,
                [Record(*record) for record in tx.sealed_records(stored)],
                stored.receipt,
            )
            for stored in found
        ]

    def _stream(self, name: str, direction: Direction) -> Stream | None:
        return self._read(name, lambda tx: tx.stream(STREAM, direction))

    def _url(self, name: str) -> str:
        return store_url(self.folder / f"{name}.sqlite")

    def _open(self, name: str) -> None:
        self._stores[name] = open_store(self._url(name))

    def write(self, name: str, work: Callable[[Transaction], T]) -> T:
        """Run a unit of work in a city's store."""
        return self._stores[name].write(work).result(timeout=30)

    def _read(self, name: str, work: Callable[[Transaction], T]) -> T:
        return self._stores[name].read(work)

    def close(self) -> None:
        """Close both stores."""
        for store in self._stores.values():
            store.close()
