"""What the tests of sources share: a PostgreSQL, and a pair of cities that exchange flat and grouped records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.node.bench.postgres import PostgresServer, running_postgres
from tests.databases import Database, postgresql_database, sqlite_database
from tests.integration.sources.tables import DATASETS
from tests.integration.support.pairs import Pair, running


@pytest.fixture(scope="package")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Nantong and Shanghai, serving; a test that takes something from them gives it back."""
    with running(tmp_path_factory.mktemp("cities"), datasets=DATASETS) as cities:
        yield cities


@pytest.fixture(scope="package")
def postgres() -> Iterator[PostgresServer]:
    """A running PostgreSQL; a test that kills it starts it again."""
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """An empty database of the sender's; what the two kinds do otherwise, the contract suite tests every time."""
    if request.param == "sqlite":
        return sqlite_database(tmp_path / "sender.sqlite")
    return postgresql_database(request.getfixturevalue("postgres"))
