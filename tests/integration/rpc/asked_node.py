"""Shanghai's typed services on loopback with real TLS, over a register that holds its golden rows."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf.json_format import ParseDict
from google.protobuf.message_factory import GetMessageClass

from certs.verification import CallerVerifier
from services.domain.access import Access
from services.domain.agreement import Agreement
from services.domain.errors import ExchangeError, Unavailable
from services.domain.limits import Limits
from services.domain.lookup import Query
from services.domain.outbox import OutboxRow, Source
from services.domain.partner import Partner, PartnerState
from services.domain.revocation import Grain, Revocation
from services.domain.stream import Direction, Stream, StreamName
from services.exchange.access_lines import AccessLines
from services.exchange.look_up import LookUp
from services.exchange.quota import Quotas
from services.exchange.register import Register, Reply
from services.node.asking import fields_of
from services.node.callers import CALLERS
from services.ports.store import Store, Transaction
from services.rpc.callers import CallerGuard
from services.rpc.credentials import ServerTrust
from services.rpc.lookups import Lookups, compile_questions
from services.rpc.questions import QUESTIONS, SERVICES, Question
from services.rpc.server import NodeServer, Service
from services.store.opening import open_store
from services.store.schema import migrate
from services.wire.bodies import BodyWriter, content_of
from services.wire.codecs import IdentityCodec
from services.wire.datasets import load_datasets
from tests.integration.rpc.cities import NANTONG, SHANGHAI, SUZHOU, City, SystemClock
from tests.observer import FakeCalls
from tests.simulation.cities import BEGIN, FakeClock, make_agreement
from yrdx.types.v1.lookup_pb2 import LookupContext

ZHANG: Final = {"person_number": "310101198002290015", "person_name": "张三"}
WANG: Final = {"person_number": "31010119480615001X", "person_name": "王五"}
LORRY: Final = {"plate_number": "沪A00001", "plate_colour": 2}
ABSENT: Final = {"person_number": "310101198002290023", "plate_number": "沪A99999"}
ASKED: Final[Mapping[str, Mapping[str, Any]]] = {
    "enrolment": {**ZHANG, "scheme": 110},
    "contributions": {**ZHANG, "scheme": 110, "from_month": "2026-01", "to_month": "2026-12"},
    "transfer": ZHANG,
    "certification": {**ZHANG, "scheme": 110},
    "concession": WANG,
    "vehicle-licence": {**LORRY, "dangerous_goods_class": "3"},
    "driver-licence": {**WANG, "category": 2},
    "last-seen": LORRY,
    "coverage": WANG,
    "referral": {**WANG, "hospital_code": "H32061300001", "hospital_division": "320613"},
    "assessment": {**WANG, "scale_code": 3},
}
"""What each question is asked, so that it is found."""

PURPOSE, BASIS = "visit", "an invented decree"
DATASETS: Final = load_datasets()


def lookup_agreement(dataset: str, **changes: Any) -> Agreement:
    """Return an agreement by which Nantong asks Shanghai."""
    facts = {
        "id": f"L-{dataset}",
        "mode": "lookup",
        "dataset": dataset,
        "provider": SHANGHAI.code,
        "consumer": NANTONG.code,
        "purposes": (PURPOSE, "another purpose"),
        "legal_basis": BASIS,
    }
    return make_agreement(**{**facts, **changes})


def request(question: Question, *, absent: bool = False, **context: str) -> Any:
    """Return what a question asks, of somebody who is on record or of somebody who is not."""
    made: Any = GetMessageClass(question.request)()
    for name, value in {**ASKED[question.name], **({} if not absent else ABSENT)}.items():
        part, known = fields_of(question.request).get(name, ("", None))
        if known is not None:
            setattr(getattr(made, part) if part else made, name, value)
    right = {
        "city": SHANGHAI.code,
        "agreement_id": f"L-{question.dataset}",
        "purpose": PURPOSE,
        "legal_basis": BASIS,
        "request_id": str(uuid.UUID(int=7)),
        "clerk_reference": "clerk-7",
    }
    made.context.CopyFrom(LookupContext(**{**right, **context}))
    return made


@dataclass
class AskedHost:
    """What the services reach beyond the store.

    Attributes:
        partners: Answers of partners, by city: bytes, or the error that they end with.
        asked: What partners were asked.
    """

    partners: dict[str, bytes | ExchangeError] = field(default_factory=dict)
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)

    def pseudonym(self, subject: Sequence[str]) -> bytes:
        """Return a digest without a secret."""
        return sha256("|".join(subject).encode()).digest()

    async def ask(self, city: str, method: str, question: bytes) -> bytes:
        """Answer as a partner was told to."""
        self.asked.append((city, method, question))
        answer = self.partners.get(city, Unavailable("the partner is away"))
        if isinstance(answer, ExchangeError):
            raise answer
        return answer


@dataclass
class AskedNode:
    """The running server.

    Attributes:
        store: Its store.
        host: Beyond the store.
        clock: Clock of its answers.
        port: Where it listens.
    """

    store: Store
    host: AskedHost
    clock: FakeClock
    port: int

    def channel(self, leaf: tuple[bytes, bytes]) -> grpc.aio.Channel:
        """Return a channel with a certificate."""
        chain_pem, key_pem = leaf
        credentials = grpc.ssl_channel_credentials(SHANGHAI.roots_pem, key_pem, chain_pem)
        name = ("grpc.ssl_target_name_override", f"gateway.{SHANGHAI.code}.yrdx")
        return grpc.aio.secure_channel(f"127.0.0.1:{self.port}", credentials, options=[name])

    def accesses(self) -> list[Access]:
        """Return the whole access log."""
        return list(self.store.read(lambda tx: tx.accesses(after_id=0, limit=10_000)))

    def write(self, work: Any) -> None:
        """Change the store."""
        self.store.write(work).result(timeout=30)


def golden_messages(dataset: str) -> list[Any]:
    """Return what Shanghai's golden rows of a dataset become."""
    file = resources.files("adapters") / "shanghai" / "samples" / f"{dataset.replace('.', '_')}.jsonl"
    message_class = DATASETS.find(dataset, "1").message_class
    lines = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return [ParseDict(line["standard"], message_class()) for line in lines]


def register(tx: Transaction, dataset: str, messages: Sequence[Any]) -> None:
    """Put messages into Shanghai's register."""
    known = DATASETS.find(dataset, "1")
    writer = BodyWriter(known.type_url, real_data=False)
    name = StreamName(SHANGHAI.code, SHANGHAI.code, dataset)
    stream = tx.add_stream(Stream(0, name, Direction.OUTBOUND))
    source = tx.add_source(Source(0, stream.id, "sha256:00", "golden.csv"))
    rows = []
    for position, message in enumerate(messages, 1):
        content, key = message.SerializeToString(), known.key(message)
        rows.append(OutboxRow(position, key, bytes(16), writer.upsert(key, content), content_of(content)))
    tx.append_outbox(stream.id, source.id, rows, now=BEGIN, delivered=False)


def fill(tx: Transaction, agreements: Sequence[Agreement], revoked: Sequence[str]) -> None:
    """Introduce the partners and fill the register."""
    for city in (NANTONG, SUZHOU):
        tx.put_partner(Partner(city.code, b"bundle", "fingerprint", "127.0.0.1:1", PartnerState.LIVE))
    for agreement in agreements:
        tx.put_agreement(agreement)
    tx.put_revocations([Revocation(Grain.AGREEMENT, one, "test", "test", BEGIN) for one in revoked])
    for dataset in {question.dataset for question in QUESTIONS}:
        register(tx, dataset, golden_messages(dataset))


def filled_store(path: Path, agreements: Sequence[Agreement], *, revoked: Sequence[str] = ()) -> Path:
    """Make a store with partners, agreements and register, to be copied."""
    url = f"sqlite:///{path}"
    migrate(url)
    store = open_store(url)
    store.write(partial(fill, agreements=agreements, revoked=revoked)).result(timeout=30)
    store.close()
    return path


@asynccontextmanager
async def asked_node(path: Path) -> AsyncIterator[AskedNode]:
    """Serve Shanghai's typed services over a store while the block runs."""
    store = open_store(f"sqlite:///{path}")
    host, clock = AskedHost(), FakeClock()
    lines, compiled = AccessLines(SHANGHAI.code, clock, host.pseudonym), compile_questions(DATASETS)
    register = Register(store, compiled, IdentityCodec(), Quotas(clock), lines)

    async def answer(queries: Sequence[Query]) -> Sequence[Reply]:
        return await asyncio.to_thread(register.answer, queries)

    look_up = LookUp(store, lines, answer)
    lookups = Lookups(SHANGHAI.code, host, compiled, look_up)  # type: ignore[arg-type]  # the services ask no more of it
    server = _server(lookups, [NANTONG, SUZHOU])
    await server.start()
    try:
        yield AskedNode(store, host, clock, server.port)
    finally:
        await server.stop(0)
        store.close()


def _server(lookups: Lookups, partners: Sequence[City]) -> NodeServer:
    cities = (SHANGHAI, *partners)
    chain_pem, key_pem = SHANGHAI.leaf("gateway")
    trust = ServerTrust(chain_pem=chain_pem, key_pem=key_pem, roots_pem=b"".join(city.roots_pem for city in cities))
    believed = CallerVerifier({city.code: [city.authority.certificate] for city in cities})
    methods = {f"/{service.full_name}/{method.name}" for service in SERVICES for method in service.methods}
    guard = CallerGuard(
        {method: entries for method, entries in CALLERS.items() if method in methods},
        own_city=SHANGHAI.code,
        trust=lambda: believed,
        clock=SystemClock(),
    )
    services = [Service(service, partial(lookups.add_to, service=service)) for service in SERVICES]
    calls = FakeCalls()
    return NodeServer(services, guard, trust.credentials, listen="127.0.0.1:0", limits=Limits(), observer=calls)
