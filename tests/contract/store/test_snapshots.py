"""Reading a store beside the process that writes it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from services.domain.errors import AgreementMissing
from services.domain.lookup import Asker, Query
from services.domain.revocation import Grain, Revocation
from services.node.access_key import access_key
from services.node.bench.postgres import PostgresServer
from services.node.home import Home
from services.node.register import RegisterProcess
from services.node.settings import Settings
from services.ports.store import Store
from services.rpc.questions import QUESTIONS
from services.store.opening import open_store
from services.store.snapshots import open_snapshots
from tests.contract.store.conftest import MIGRATED
from tests.contract.store.samples import do
from tests.contract.store.test_directory import AGREEMENT, PARTNER
from tests.integration.rpc.asked_node import fill, lookup_agreement, request
from tests.integration.rpc.cities import NANTONG, SHANGHAI
from tests.simulation.cities import BEGIN

COVERAGE = next(one for one in QUESTIONS if one.name == "coverage")


def test_what_is_committed_is_seen_by_the_next_look(store: Store, url: str) -> None:
    """Each reading is one snapshot; nothing is kept from the one before."""
    snapshots = open_snapshots(url)
    assert snapshots.read(lambda tx: tx.partners()) == []
    do(store, lambda tx: tx.put_partner(PARTNER))
    assert snapshots.read(lambda tx: tx.partners()) == [PARTNER]
    snapshots.close()


def test_whoever_reads_cannot_write(store: Store, url: str) -> None:
    """Nor by mistake: the database refuses it (PostgreSQL's SQLSTATE 25006)."""
    snapshots = open_snapshots(url)
    with pytest.raises(Exception, match=r"25006|SQLITE_READONLY"):
        snapshots.read(lambda tx: tx.put_partner(PARTNER))
    assert store.read(lambda tx: tx.partners()) == []
    snapshots.close()


async def test_the_registers_process_sees_a_revocation_at_once(store: Store, url: str, tmp_path: Path) -> None:
    """One group is answered, the next is not; nobody told the process anything."""
    home = Home(tmp_path)
    access_key(home.access_key)
    agreement = lookup_agreement(COVERAGE.dataset)
    do(store, partial(fill, agreements=[agreement], revoked=[]))
    query = Query(
        COVERAGE.method,
        request(COVERAGE).SerializeToString(),
        Asker(NANTONG.code, f"spiffe://{NANTONG.code}.yrdx/gateway/node"),
    )
    with RegisterProcess(home, Settings(city=SHANGHAI.code, store_url=url)) as process:
        (before,) = await process.answer([query])
        do(store, lambda tx: tx.put_revocations([Revocation(Grain.AGREEMENT, agreement.id, "test", "test", BEGIN)]))
        (after,) = await process.answer([query])
    assert before.refusal is None
    assert isinstance(after.refusal, AgreementMissing)


def test_dates_are_read_whatever_the_database_calls_them(postgres: PostgresServer, postgresql_url: str) -> None:
    """An administrator's DateStyle changes how PostgreSQL shows a day, and nothing here."""
    postgres.execute(f"ALTER DATABASE {MIGRATED} SET datestyle = 'German, DMY'")
    try:
        store = open_store(postgresql_url)
        do(store, lambda tx: tx.put_agreement(AGREEMENT))
        assert store.read(lambda tx: tx.agreement_versions(AGREEMENT.id)) == [AGREEMENT]
        store.close()
    finally:
        postgres.execute(f"ALTER DATABASE {MIGRATED} RESET datestyle")
