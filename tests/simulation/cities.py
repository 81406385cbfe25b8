"""Two cities without a network: real stores, real signatures, a clock that tests move, a gate that knows bad rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random

from certs.digests import DIGESTS
from certs.errors import SignatureRefused
from certs.signing import SigningKey
from services.domain.agreement import Agreement
from services.domain.batch import Signed
from services.domain.course import Move
from services.domain.errors import SignatureInvalid
from services.domain.limits import Limits
from services.domain.partner import Partner, PartnerState
from services.domain.receipt import Violation
from services.domain.stream import StreamName
from services.exchange.parts import Parts
from services.ports.gate import Datasets, Passed
from services.ports.store import Transaction
from services.wire.codecs import IdentityCodec
from services.wire.contents import WireContents

NANTONG, SHANGHAI = "320600", "310000"
DATASET = "social.contribution"
STREAM = StreamName(NANTONG, SHANGHAI, DATASET)
BEGIN = datetime(2026, 3, 2, 1, tzinfo=UTC)


@dataclass
class FakeClock:
    """A clock that stands still until it is moved."""

    at: datetime = BEGIN

    def now(self) -> datetime:
        """Return the present instant."""
        return self.at

    def monotonic_s(self) -> float:
        """Return seconds since the beginning."""
        return (self.at - BEGIN).total_seconds()

    def advance(self, seconds: float) -> None:
        """Move on."""
        self.at += timedelta(seconds=seconds)


@dataclass
class SeededRandom:
    """Randomness that a seed repeats."""

    random: Random = field(default_factory=lambda: Random(7))

    def salts(self, count: int) -> list[bytes]:
        """Return salts."""
        return [self.random.randbytes(16) for _ in range(count)]

    def bits(self, count: int) -> int:
        """Return a number."""
        return self.random.getrandbits(count)

    def uniform(self, low: float, high: float) -> float:
        """Return jitter."""
        return self.random.uniform(low, high)


@dataclass
class KeyRing:
    """Signs for one city and knows both cities' keys."""

    city: str
    keys: dict[str, SigningKey]

    def sign(self, tag: bytes, content: bytes) -> Signed:
        """Sign."""
        key = self.keys[self.city]
        return Signed(content, key.key_id, key.sign(tag + content))

    def verify(self, city: str, tag: bytes, signed: Signed) -> Signed:
        """Verify."""
        try:
            self.keys[city].public.verify(signed.signature, tag + signed.content)
        except (SignatureRefused, KeyError) as error:
            raise SignatureInvalid(f"not a signature of {city}") from error
        return signed


class FakeGate:
    """Bodies are ``<subject>|<text>``, or ``<subject>|<text>|mends=<sequence>``; a text with "bad" breaks a rule."""

    @property
    def datasets(self) -> Datasets:
        """Return the one dataset."""
        return {DATASET: ("1",)}

    def standards(self, dataset: str) -> Sequence[str]:
        """Return the one version."""
        return self.datasets.get(dataset, ())

    def indispensable(self, dataset: str, standard: str) -> frozenset[str]:
        """Return nothing: agreements of the simulation let everything through."""
        return frozenset()

    def check(
        self, dataset: str, standard: str, bodies: Sequence[bytes], *, fields: Sequence[str] = ("*",)
    ) -> list[Passed | Violation]:
        """Judge bodies."""
        assert dataset == DATASET
        assert standard == "1"
        return [self._judge(body) for body in bodies]

    def complete_key(self, dataset: str, standard: str, body: bytes) -> bytes:
        """Return the body: its key is computed from it."""
        return body

    def _judge(self, body: bytes) -> Passed | Violation:
        subject, _, rest = body.partition(b"|")
        if not subject or b"bad" in rest:
            return Violation("text", "text.bad", "the text is bad")
        mends = int(rest.partition(b"mends=")[2] or 0)
        return Passed(1, sha256(subject).digest()[:16], mends)


class NoCourses:
    """No record of a simulation tells a case."""

    datasets: Sequence[str] = ()

    def course(self, dataset: str) -> None:
        """Return nothing."""

    def moves(self, dataset: str, standard: str, bodies: Sequence[bytes]) -> list[Move]:
        """Never asked."""
        raise AssertionError("there is no course")


class TrustingGate(FakeGate):
    """The sender's gate in simulations: it lets bad rows through, so that the receiver has something to reject."""

    def _judge(self, body: bytes) -> Passed | Violation:
        subject = body.partition(b"|")[0]
        return Passed(1, sha256(subject).digest()[:16], 0)


def make_parts(city: str, clock: FakeClock, random: SeededRandom, gate: FakeGate | None = None) -> Parts:
    """Return a city's parts; keys are the same for every call."""
    keys = {name: signing_key(name) for name in (NANTONG, SHANGHAI)}
    ring = KeyRing(city, keys)
    return Parts(
        city=city,
        clock=clock,
        random=random,
        contents=WireContents(),
        signer=ring,
        verifier=ring,
        gate=gate or FakeGate(),
        inbox_gate=gate or FakeGate(),
        courses=NoCourses(),
        codec=IdentityCodec(),
        digests=DIGESTS,
        limits=Limits(),
    )


_KEYS: dict[str, SigningKey] = {}


def signing_key(city: str) -> SigningKey:
    """Return a city's signing key."""
    return _KEYS.setdefault(city, SigningKey.generate())


def make_agreement(**changes: object) -> Agreement:
    """Return the agreement of the simulated stream."""
    facts: dict[str, object] = {
        "id": "NT-SH-2026-001",
        "version": 1,
        "provider": NANTONG,
        "consumer": SHANGHAI,
        "dataset": DATASET,
        "standard": "1",
        "mode": "push",
        "fields": ("*",),
        "purposes": ("relation-transfer",),
        "legal_basis": "test",
        "valid_from": date(2026, 1, 1),
        "valid_until": date(2027, 12, 31),
        "retention_days": 365,
    }
    return Agreement(**{**facts, **changes})  # type: ignore[arg-type]


def introduce(tx: Transaction, partner: str) -> None:
    """Store the agreement and a live partner."""
    tx.put_agreement(make_agreement())
    tx.put_partner(Partner(partner, b"bundle", "fingerprint", "127.0.0.1:1", PartnerState.LIVE))


def store_url(path: Path) -> str:
    """Return the URL of a SQLite store."""
    return f"sqlite:///{path}"
