"""A sending city written from the contract and docs/protocol.md alone: its keys, its signatures, its own mistakes.

Nothing of the product makes the bytes that are sent; so a test can say anything, right or wrong.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self

import grpc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status

from yrdx.exchange.v1 import exchange_pb2, exchange_pb2_grpc

BATCH: Final = b"yrdx-batch-v1"
OPENING: Final = b"yrdx-opening-v1"
POSITION: Final = b"yrdx-position-v1"
RECEIPT: Final = b"yrdx-receipt-v1"
CONFLICT: Final = b"yrdx-conflict-v1"
GENESIS: Final = bytes(32)
ANSWER_WITHIN_S: Final = 20.0
UNKNOWN_FIELD: Final = b"\xa0\x06\x01"
"""Field 100 with the value 1: of a newer contract, perhaps."""


class Key:
    """An Ed25519 signing key."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        """Hold a key."""
        self._private = private
        public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_id = hashlib.sha256(public).digest()[:16].hex()

    @classmethod
    def of_home(cls, home: Path) -> Key:
        """Read a city's signing key from its home."""
        private = load_pem_private_key((home / "certs/current/signing.key").read_bytes(), None)
        assert isinstance(private, Ed25519PrivateKey)
        return cls(private)

    @classmethod
    def new(cls) -> Key:
        """Make a key that no bundle knows."""
        return cls(Ed25519PrivateKey.generate())

    @property
    def public(self) -> Ed25519PublicKey:
        """The public half."""
        return self._private.public_key()

    def sign(self, tag: bytes, message: Message) -> exchange_pb2.Signed:
        """Sign a message's bytes under a tag."""
        return self.sign_bytes(tag, message.SerializeToString())

    def sign_bytes(self, tag: bytes, content: bytes) -> exchange_pb2.Signed:
        """Sign any bytes under a tag."""
        return exchange_pb2.Signed(content=content, key_id=self.key_id, signature=self._private.sign(tag + content))


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
        return hashlib.sha256(BATCH + self.batch.header.content).digest()

    @property
    def request(self) -> exchange_pb2.DeliverRequest:
        """The batch as a request."""
        return exchange_pb2.DeliverRequest(batch=self.batch)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended.

    Attributes:
        answers: What was answered before it ended.
        code: Status code.
        info: ErrorInfo of the status; empty when there is none.
        status: The rich status; empty when there is none.
        details: The status's text.
    """

    answers: list[Any]
    code: grpc.StatusCode
    info: ErrorInfo
    status: Status
    details: str

    def detail(self, kind: type[Message]) -> Any:
        """Return the status's detail of a kind.

        Raises:
            AssertionError: It has none.
        """
        for packed in self.status.details:
            found = kind()
            if packed.Unpack(found):
                return found
        raise AssertionError(f"the status has no {kind.DESCRIPTOR.full_name}: {self.status}")

    @property
    def receipts(self) -> list[exchange_pb2.Signed]:
        """The signed receipts among the answers."""
        return [answer.acknowledgement.receipt for answer in self.answers if answer.HasField("acknowledgement")]


def assert_refused(refused: Outcome, code: grpc.StatusCode, reason: str) -> None:
    """Hold a refusal against what the protocol says it is."""
    assert (refused.code, refused.info.reason, refused.info.domain) == (code, reason, "yrdx"), refused.details
    assert not refused.receipts
    if code is grpc.StatusCode.INVALID_ARGUMENT:
        assert refused.detail(BadRequest).field_violations


def outcome(answers: Iterable[Any]) -> Outcome:
    """Read a call to its end."""
    found: list[Any] = []
    try:
        found.extend(answers)
    except grpc.RpcError as error:
        return failed(error, found)
    return Outcome(found, grpc.StatusCode.OK, ErrorInfo(), Status(), "")


def failed(error: Any, answers: list[Any] | None = None) -> Outcome:
    """Return how a call failed."""
    status, info = Status(), ErrorInfo()
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            status.ParseFromString(value)
    for packed in status.details:
        packed.Unpack(info)
    return Outcome(answers or [], error.code(), info, status, error.details() or "")


@contextmanager
def dialled(
    address: str,
    city: str,
    *,
    roots_pem: bytes,
    leaf: tuple[bytes, bytes] | None,
    options: Sequence[tuple[str, int]] = (),
) -> Iterator[grpc.Channel]:
    """Dial a city's gateway.

    Args:
        address: Where it listens.
        city: Whose gateway it must be.
        roots_pem: Authorities that are believed.
        leaf: Certificate and key that are shown; None: none.
        options: Of the channel.
    """
    chain_pem, key_pem = leaf or (None, None)
    credentials = grpc.ssl_channel_credentials(roots_pem, key_pem, chain_pem)
    chosen = [*options, ("grpc.ssl_target_name_override", f"gateway.{city}.yrdx"), ("grpc.enable_http_proxy", 0)]
    with grpc.secure_channel(address, credentials, options=chosen) as channel:
        yield channel


def leaf_of(home: Path, role: str) -> tuple[bytes, bytes]:
    """Return certificate and key of one of a home's parties, as PEM."""
    folder = home / "certs/current"
    return (folder / f"{role}.pem").read_bytes(), (folder / f"{role}.key").read_bytes()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Compute a tree's root as RFC 9162 section 2.1.1 defines it, by recursion."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + merkle_root(leaves[:split]) + merkle_root(leaves[split:])).digest()


def record_leaf(sequence: int, record: exchange_pb2.Record) -> bytes:
    """Hash one record at its place."""
    place = sequence.to_bytes(8, "big")
    return hashlib.sha256(b"\x00yrdx-record-v1" + place + record.salt + record.body).digest()


@dataclass
class Sender:
    """A city that speaks the protocol by itself.

    Attributes:
        city: Its code.
        to_city: The receiving city.
        home: Its home; only the keys in it are used.
        address: Where the receiver listens.
        roots_pem: The receiver's authorities.
        key: Signs.
        agreement_id: Agreement that it names.
        epoch: Epoch that it is in.
        sequence: Next sequence.
        head: Hash of its last header.
    """

    city: str
    to_city: str
    home: Path
    address: str
    roots_pem: bytes
    key: Key
    agreement_id: str
    epoch: int = 1
    sequence: int = 1
    head: bytes = GENESIS
    closed: exchange_pb2.StreamPosition | None = field(default=None)

    @property
    def stream(self) -> str:
        """Its stream to the receiver."""
        return f"{self.city}/{self.to_city}/social.contribution/0"

    def opening(self, *, key: Key | None = None, **changes: Any) -> exchange_pb2.DeliverRequest:
        """Return a signed opening; ``changes`` replace its fields."""
        fields: dict[str, Any] = {
            "stream": self.stream,
            "epoch": self.epoch,
            "hash_algorithm": exchange_pb2.HASH_ALGORITHM_SHA256,
            "agreement_id": self.agreement_id,
            "agreement_version": 1,
            "standard": "1",
            "closed": self.closed,
            "opened_time": _now(),
        }
        opening = exchange_pb2.Opening(**(fields | changes))
        return exchange_pb2.DeliverRequest(opening=(key or self.key).sign(OPENING, opening))

    def seal(self, bodies: Sequence[bytes], *, key: Key | None = None, **changes: Any) -> Sealed:
        """Seal records into the next batch, without moving on; ``changes`` replace fields of the header."""
        records = [exchange_pb2.Record(salt=os.urandom(16), body=body) for body in bodies]
        return self.seal_records(records, key=key, **changes)

    def seal_records(self, records: Sequence[exchange_pb2.Record], *, key: Key | None = None, **changes: Any) -> Sealed:
        """Seal records with salts of one's own."""
        first = int(changes.get("first_sequence", self.sequence))
        leaves = [record_leaf(sequence, record) for sequence, record in enumerate(records, first)]
        fields: dict[str, Any] = {
            "hash_algorithm": exchange_pb2.HASH_ALGORITHM_SHA256,
            "stream": self.stream,
            "epoch": self.epoch,
            "agreement_id": self.agreement_id,
            "agreement_version": 1,
            "standard": "1",
            "first_sequence": first,
            "record_count": len(records),
            "root": merkle_root(leaves) if leaves else GENESIS,
            "previous_hash": self.head,
            "sealed_time": _now(),
        }
        header = exchange_pb2.BatchHeader(**(fields | changes))
        return Sealed(header, exchange_pb2.Batch(header=(key or self.key).sign(BATCH, header), records=records))

    def moved(self, sealed: Sealed) -> None:
        """Go on after a batch that was acknowledged."""
        self.sequence = sealed.header.first_sequence + sealed.header.record_count
        self.head = sealed.hash

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
        leaf = leaf_of(self.home, role)
        with dialled(self.address, self.to_city, roots_pem=self.roots_pem, leaf=leaf, options=options) as channel:
            yield exchange_pb2_grpc.ExchangeServiceStub(channel)

    def copy(self, **changes: Any) -> Self:
        """Return a sender that differs in some fields."""
        return replace(self, **changes)


def verify_signed(public: Ed25519PublicKey, tag: bytes, signed: exchange_pb2.Signed) -> bytes:
    """Return signed bytes once their signature stands."""
    public.verify(signed.signature, tag + signed.content)
    return signed.content


def _now() -> Timestamp:
    stamp = Timestamp()
    stamp.GetCurrentTime()
    return stamp
