"""Two demo homes that know each other: created, introduced by their bundles, bound by agreements both ways."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from datetime import date
from itertools import product
from pathlib import Path
from typing import Final

from adapters.samples import DATASETS
from certs.keystore import create_keystore
from services.domain.agreement import Agreement
from services.node.cli.bundle import current_bundle
from services.node.home import Home, new_home
from services.node.session import open_session
from services.node.settings_file import load_settings, settings_text, verify_settings
from services.node.system import SystemClock
from services.store import schema
from services.wire.agreements import agreement_to_pb
from yrdx.node.v1 import node_pb2


@dataclass(frozen=True, slots=True)
class DemoCity:
    """One demo city.

    Attributes:
        code: City code.
        dialect: Its dialect.
        name: Its name for people.
    """

    code: str
    dialect: str
    name: str


NANTONG: Final = DemoCity("320600", "local", "南通 Nantong")
SHANGHAI: Final = DemoCity("310000", "shanghai", "上海 Shanghai")
DATASET: Final = "social.contribution"


def free_port() -> int:
    """Return a loopback port that nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def create_city(folder: Path, city: DemoCity, *, port: int | None = None, store_url: str = "") -> Home:
    """Create a demo city's home, ``folder/<code>``; one that stands is left as it is.

    Args:
        folder: Where both homes lie.
        city: The city.
        port: Loopback port; None takes a free one.
        store_url: Store; empty: SQLite in the home.
    """
    path = folder / city.code
    if Home(path).settings.exists():
        return Home(path)
    chosen: dict[str, str | bool] = {
        "city": city.code,
        "dialect": city.dialect,
        "listen": f"127.0.0.1:{port or free_port()}",
        "demo": True,
    }
    if store_url:
        chosen["store_url"] = store_url
    settings = verify_settings(chosen, Home(path))
    with new_home(path) as home:
        create_keystore(path, city.code, now=SystemClock().now(), random=os.urandom)
        schema.migrate(settings.store_url)
        home.settings.write_text(settings_text(chosen), encoding="utf-8")
        home.settings.chmod(0o600)
    return home


def introduce(home: Home, partner: Home) -> None:
    """Add a partner's bundle to a home, and the agreements of both directions."""
    settings = load_settings(partner)
    bundle = current_bundle(partner, settings.advertised, now=SystemClock().now())
    with open_session(home.path) as session:
        session.stub.AddPartner(node_pb2.AddPartnerRequest(bundle=bundle.data, endpoint=settings.advertised))
        directions = ((NANTONG, SHANGHAI), (SHANGHAI, NANTONG))
        for dataset, (provider, consumer) in product(DATASETS, directions):
            agreement = agreement_to_pb(demo_agreement(provider.code, consumer.code, dataset))
            session.stub.ImportAgreement(node_pb2.ImportAgreementRequest(agreement=agreement))


def demo_agreement(provider: str, consumer: str, dataset: str = DATASET) -> Agreement:
    """Return the demo's agreement on a dataset in one direction."""
    kind = "" if dataset == DATASET else f"-{dataset}"
    return Agreement(
        id=f"DEMO-{provider}-{consumer}{kind}",
        version=1,
        provider=provider,
        consumer=consumer,
        dataset=dataset,
        standard="1",
        mode="push",
        fields=("*",),
        purposes=("relation-transfer",),
        legal_basis="演示：全部为虚构人员 · demo: all people are invented",
        valid_from=date(2026, 1, 1),
        valid_until=date(2035, 12, 31),
        retention_days=365,
        records_per_minute=60_000_000,
    )
