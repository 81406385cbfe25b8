"""Revocations and the lists they came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from sqlalchemy import delete, func, select

from services.domain.bundle_ack import BundleAck
from services.domain.revocation import CrlState, Grain, Revocation
from services.store.tables import BUNDLE_ACK, CRL, REVOCATION
from services.store.transaction.part import Part

_REVOKED_AGREEMENTS: Final = select(REVOCATION.c.subject).where(REVOCATION.c.grain == Grain.AGREEMENT.value)


class RevocationsPart(Part):
    """`services.ports.revocations.RevocationsPort`."""

    def revocations(self) -> Sequence[Revocation]:
        """See the port."""
        columns = [column for column in REVOCATION.c if column.name != "id"]
        rows = self._connection.execute(select(*columns).order_by(REVOCATION.c.id))
        return [Revocation(**{**row._mapping, "grain": Grain(row.grain)}) for row in rows]

    def put_revocations(self, revocations: Sequence[Revocation]) -> int:
        """See the port."""
        before = self._revocation_count()
        if revocations:
            values = [{**asdict(one), "grain": one.grain.value} for one in revocations]
            statement = self._dialect.insert(REVOCATION).on_conflict_do_nothing(index_elements=["grain", "subject"])
            self._connection.execute(statement, values)
        return self._revocation_count() - before

    def lift_city(self, city: str, lift: Revocation) -> None:
        """See the port."""
        # Inserted first: the stamp rises also where a store gives the number of a removed row away again.
        self.put_revocations([lift])
        this = (REVOCATION.c.grain == Grain.CITY.value, REVOCATION.c.subject == city)
        self._connection.execute(delete(REVOCATION).where(*this))

    def revoked_agreements(self) -> frozenset[str]:
        """See the port."""
        return frozenset(subject for (subject,) in self._dialect.rows(self._connection, _REVOKED_AGREEMENTS, {}))

    def revocation_stamp(self) -> int:
        """See the port."""
        newest = self._connection.execute(select(func.coalesce(func.max(REVOCATION.c.id), 0))).scalar_one()
        lists = self._connection.execute(select(func.coalesce(func.sum(CRL.c.number), 0))).scalar_one()
        return int(newest) + int(lists)

    def bundle_acks(self) -> Sequence[BundleAck]:
        """See the port."""
        rows = self._connection.execute(select(BUNDLE_ACK).order_by(BUNDLE_ACK.c.city))
        return [BundleAck(**row._mapping) for row in rows]

    def put_bundle_ack(self, ack: BundleAck) -> None:
        """See the port."""
        values = asdict(ack)
        replaced = {name: value for name, value in values.items() if name != "city"}
        statement = self._dialect.insert(BUNDLE_ACK).values(**values)
        self._connection.execute(statement.on_conflict_do_update(index_elements=["city"], set_=replaced))

    def crls(self) -> Sequence[CrlState]:
        """See the port."""
        return [CrlState(**row._mapping) for row in self._connection.execute(select(CRL).order_by(CRL.c.authority))]

    def put_crl(self, crl: CrlState) -> None:
        """See the port."""
        values = asdict(crl)
        replaced = {name: value for name, value in values.items() if name != "authority"}
        statement = self._dialect.insert(CRL).values(**values)
        self._connection.execute(statement.on_conflict_do_update(index_elements=["authority"], set_=replaced))

    def _revocation_count(self) -> int:
        return int(self._connection.execute(select(func.count()).select_from(REVOCATION)).scalar_one())
