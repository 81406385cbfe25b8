"""A sending city that can say anything, right or wrong: every field of what it signs may be replaced."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from certs.digests import DIGESTS
from certs.signing import PublicSigningKey, SigningKey
from services.domain import merkle
from services.domain.batch import Record
from services.domain.stream import GENESIS
from services.domain.tags import BATCH, OPENING
from services.node.conformance.calls import ANSWER_WITHIN_S, Leaf, Outcome, dialled, outcome
from yrdx.exchange.v1 import exchange_pb2, exchange_pb2_grpc

SHA256: Final = DIGESTS["SHA256"]
UNKNOWN_FIELD: Final = b"\xa0\x06\x01"
"""Field 100 with the value 1: of a newer contract, perhaps."""


@dataclass(frozen=True, slots=True)
class Key:
    """Signs messages of the contract.

    Attributes:
        private: The private half.
    """

    private: SigningKey

    @classmethod
    def of_home(cls, home: Path) -> Key:
        """Read a city's signing key from its home."""
        return cls(SigningKey.from_pem((home / "certs/current/signing.key").read_bytes()))

    @classmethod
    def new(cls) -> Key:
        """Make a key that no bundle knows."""
        return cls(SigningKey.generate())

    @property
    def key_id(self) -> str:
        """How bundles name the key."""
        return self.private.key_id

    @property
    def public(self) -> PublicSigningKey:
        """The public half."""
        return self.private.public

    def sign(self, tag: bytes, message: Message) -> exchange_pb2.Signed:
        """Sign a message's bytes under a tag."""
        return self.sign_bytes(tag, message.SerializeToString())

    def sign_bytes(self, tag: bytes, content: bytes) -> exchange_pb2.Signed:
        """Sign any bytes under a tag."""
        return exchange_pb2.Signed(content=content, key_id=self.key_id, signature=self.private.sign(tag + content))


@dataclass(frozen=True, slots=True)
class Sealed:
    """A batch as it is sent.

    Attributes:
        header: What its signed header says.
        batch: The message.
    """

    header: exchange_pb2.BatchHeader
    batch: exchange_pb2.Batch

    @property
    def hash(self) -> bytes:
        """The batch's identity."""
        return SHA256(BATCH + self.batch.header.content)

    @property
    def last_sequence(self) -> int:
        """Sequence of its last record."""
        return self.header.first_sequence + self.header.record_count - 1

    @property
    def request(self) -> exchange_pb2.DeliverRequest:
        """The batch as a request."""
        return exchange_pb2.DeliverRequest(batch=self.batch)


@dataclass(slots=True)
class Sender:
    """A city that speaks the protocol by itself, at one place of its stream.

    Attributes:
        city: Its code.
        to_city: The receiving city.
        home: Folder with its key store; only the current keys are used.
        address: Where the receiver listens.
        roots_pem: The receiver's authorities.
        key: Signs.
        agreement_id: Agreement that it names.
        agreement_version: Version of it.
        dataset: What it sends.
        standard: Version of the dataset's standard.
        epoch: Epoch that it is in.
        sequence: Next sequence.
        head: Hash of its last header.
        closed: Where the epoch before ended, in the opening of a new one.
    """

    city: str
    to_city: str
    home: Path
    address: str
    roots_pem: bytes
    key: Key
    agreement_id: str
    agreement_version: int = 1
    dataset: str = "social.contribution"
    standard: str = "1"
    epoch: int = 1
    sequence: int = 1
    head: bytes = GENESIS
    closed: exchange_pb2.StreamPosition | None = None

    @property
    def stream(self) -> str:
        """Its stream to the receiver."""
        return f"{self.city}/{self.to_city}/{self.dataset}/0"

    def opening(self, *, key: Key | None = None, **changes: Any) -> exchange_pb2.DeliverRequest:
        """Return a signed opening; ``changes`` replace its fields."""
        fields = {**self._named(), "closed": self.closed, "opened_time": _now()}
        opening = exchange_pb2.Opening(**(fields | changes))
        return exchange_pb2.DeliverRequest(opening=(key or self.key).sign(OPENING, opening))

    def seal(self, bodies: Sequence[bytes], *, key: Key | None = None, **changes: Any) -> Sealed:
        """Seal records into the next batch, without moving on; ``changes`` replace fields of the header."""
        records = [exchange_pb2.Record(salt=os.urandom(16), body=body) for body in bodies]
        return self.seal_records(records, key=key, **changes)

    def seal_records(self, records: Sequence[exchange_pb2.Record], *, key: Key | None = None, **changes: Any) -> Sealed:
        """Seal records with salts of one's own."""
        first = int(changes.get("first_sequence", self.sequence))
        leaves = merkle.record_leaves(first, [Record(one.salt, one.body) for one in records], SHA256)
        fields = {
            **self._named(),
            "first_sequence": first,
            "record_count": len(records),
            "root": merkle.root(leaves, SHA256) if leaves else GENESIS,
            "previous_hash": self.head,
            "sealed_time": _now(),
        }
        header = exchange_pb2.BatchHeader(**(fields | changes))
        return Sealed(header, exchange_pb2.Batch(header=(key or self.key).sign(BATCH, header), records=records))

    def moved(self, sealed: Sealed) -> None:
        """Go on after a batch that was acknowledged."""
        self.sequence, self.head = sealed.last_sequence + 1, sealed.hash

    def deliver(self, *requests: exchange_pb2.DeliverRequest) -> Outcome:
        """Send requests over one stream and read it to its end."""
        with self.stub() as stub:
            return outcome(stub.Deliver(iter(requests), timeout=ANSWER_WITHIN_S))

    def send(self, *batches: Sealed) -> Outcome:
        """Open the stream and send batches."""
        return self.deliver(self.opening(), *(sealed.request for sealed in batches))

    @contextmanager
    def stub(self, *, role: str = "gateway", options: Sequence[tuple[str, int]] = ()) -> Iterator[Any]:
        """Dial the receiver with one of this city's certificates."""
        with self.dialled(leaf_of(self.home, role), options=options) as stub:
            yield stub

    @contextmanager
    def dialled(self, leaf: Leaf | None, *, options: Sequence[tuple[str, int]] = ()) -> Iterator[Any]:
        """Dial the receiver with any certificate, or none."""
        with dialled(self.address, self.to_city, roots_pem=self.roots_pem, leaf=leaf, options=options) as channel:
            yield exchange_pb2_grpc.ExchangeServiceStub(channel)

    def copy(self, **changes: Any) -> Self:
        """Return a sender that differs in some fields."""
        return replace(self, **changes)

    def _named(self) -> dict[str, Any]:
        """Fields that an opening and a header have in common."""
        return {
            "stream": self.stream,
            "epoch": self.epoch,
            "hash_algorithm": exchange_pb2.HASH_ALGORITHM_SHA256,
            "agreement_id": self.agreement_id,
            "agreement_version": self.agreement_version,
            "standard": self.standard,
        }


def leaf_of(home: Path, role: str) -> Leaf:
    """Return certificate and key of one of a home's parties, as PEM."""
    folder = home / "certs/current"
    return (folder / f"{role}.pem").read_bytes(), (folder / f"{role}.key").read_bytes()


def verify_signed(public: PublicSigningKey, tag: bytes, signed: exchange_pb2.Signed) -> bytes:
    """Return signed bytes once their signature stands.

    Raises:
        SignatureRefused: It does not.
    """
    public.verify(signed.signature, tag + signed.content)
    return signed.content


def _now() -> Timestamp:
    stamp = Timestamp()
    stamp.GetCurrentTime()
    return stamp
