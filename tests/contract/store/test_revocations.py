"""Revocations stay, rise, and are found, on every store."""

from __future__ import annotations

from datetime import timedelta

from services.domain.revocation import CrlState, Grain, Revocation
from services.ports.store import Store
from tests.simulation.cities import BEGIN

LEAF = Revocation(Grain.LEAF, f"310000:{'ab' * 32}", "lost", "spiffe://320600.yrdx/operator/local", BEGIN)
AGREEMENT = Revocation(Grain.AGREEMENT, "NT-SH-1", "ended", "spiffe://320600.yrdx/operator/local", BEGIN)


def test_revocations_stay_in_order_and_once(store: Store) -> None:
    """What stands already keeps its first reason and time; the stamp rises with what is new alone."""
    before = store.read(lambda tx: tx.revocation_stamp())
    assert store.write(lambda tx: tx.put_revocations([LEAF, AGREEMENT])).result() == 2
    after = store.read(lambda tx: tx.revocation_stamp())
    again = Revocation(Grain.LEAF, LEAF.subject, "again", "crl", BEGIN + timedelta(days=1))
    assert store.write(lambda tx: tx.put_revocations([again])).result() == 0
    assert store.read(lambda tx: tx.revocations()) == [LEAF, AGREEMENT]
    assert store.read(lambda tx: tx.revoked_agreements()) == frozenset({"NT-SH-1"})
    assert store.read(lambda tx: tx.revocation_stamp()) == after > before


def test_a_citys_revocation_is_lifted_and_can_come_back(store: Store) -> None:
    """Who lifted it stays, the others' revocations stand, and every change raises the stamp: other processes see it."""
    city = Revocation(Grain.CITY, "310000", "told to", "spiffe://320600.yrdx/operator/local", BEGIN)
    lift = Revocation(Grain.LIFT, "310000:now", "cleared", "spiffe://320600.yrdx/operator/local", BEGIN)
    store.write(lambda tx: tx.put_revocations([AGREEMENT, city])).result()
    stamps = [store.read(lambda tx: tx.revocation_stamp())]
    store.write(lambda tx: tx.lift_city("310000", lift)).result()
    stamps.append(store.read(lambda tx: tx.revocation_stamp()))
    assert store.read(lambda tx: tx.revocations()) == [AGREEMENT, lift]
    assert store.write(lambda tx: tx.put_revocations([city])).result() == 1
    stamps.append(store.read(lambda tx: tx.revocation_stamp()))
    assert stamps == sorted(set(stamps))
    assert store.read(lambda tx: tx.revocations()) == [AGREEMENT, lift, city]


def test_a_list_of_fifty_thousand_serials_is_stored_at_once(store: Store) -> None:
    """An import is one unit of work, whatever its size."""
    serials = [Revocation(Grain.SERIAL, f"{'cd' * 32}:{n:x}", "", "crl", BEGIN) for n in range(1, 50_001)]
    assert store.write(lambda tx: tx.put_revocations(serials)).result() == 50_000
    assert len(store.read(lambda tx: tx.revocations())) == 50_000


def test_an_authority_has_one_list(store: Store) -> None:
    """The next one takes its place, and the stamp rises."""
    first = CrlState("ab" * 32, "310000", 1, BEGIN, BEGIN + timedelta(days=7))
    second = CrlState("ab" * 32, "310000", 2, BEGIN, BEGIN + timedelta(days=14))
    stamps = []
    for crl in (first, second):
        store.write(lambda tx, crl=crl: tx.put_crl(crl)).result()  # type: ignore[misc]
        stamps.append(store.read(lambda tx: tx.revocation_stamp()))
    assert store.read(lambda tx: tx.crls()) == [second]
    assert stamps[0] < stamps[1]
