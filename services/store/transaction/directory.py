"""Partners and agreements."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any, Final

from sqlalchemy import bindparam, select

from services.domain.agreement import Agreement
from services.domain.partner import Partner, PartnerState
from services.store.tables import AGREEMENT, PARTNER
from services.store.transaction.part import Part

_PARTNER_COLUMNS: Final = tuple(PARTNER.c[field.name] for field in fields(Partner))
_PARTNERS: Final = select(*_PARTNER_COLUMNS).order_by(PARTNER.c.city)
_PARTNER: Final = select(*_PARTNER_COLUMNS).where(PARTNER.c.city == bindparam("of_city"))
_AGREEMENTS: Final = select(AGREEMENT).order_by(AGREEMENT.c.id, AGREEMENT.c.version)
_VERSIONS: Final = _AGREEMENTS.where(AGREEMENT.c.id == bindparam("agreement_id"))


class DirectoryPart(Part):
    """`services.ports.directory.Directory`."""

    def partners(self) -> Sequence[Partner]:
        """See the port."""
        return list(map(_to_partner, self._dialect.rows(self._connection, _PARTNERS, {})))

    def partner(self, city: str) -> Partner | None:
        """See the port."""
        rows = self._dialect.rows(self._connection, _PARTNER, {"of_city": city})
        return _to_partner(rows[0]) if rows else None

    def put_partner(self, partner: Partner) -> None:
        """See the port."""
        values = {**asdict(partner), "state": partner.state.value}
        replaced = {name: value for name, value in values.items() if name != "city"}
        statement = self._dialect.insert(PARTNER).values(**values)
        self._connection.execute(statement.on_conflict_do_update(index_elements=["city"], set_=replaced))

    def agreements(self) -> Sequence[Agreement]:
        """See the port."""
        return [_to_agreement(row) for row in self._connection.execute(_AGREEMENTS)]

    def agreement_versions(self, agreement_id: str) -> Sequence[Agreement]:
        """See the port."""
        return [_to_agreement(row) for row in self._connection.execute(_VERSIONS, {"agreement_id": agreement_id})]

    def put_agreement(self, agreement: Agreement) -> None:
        """See the port."""
        values = {
            **asdict(agreement),
            "fields": json.dumps(agreement.fields, ensure_ascii=False),
            "purposes": json.dumps(agreement.purposes, ensure_ascii=False),
        }
        self._connection.execute(self._dialect.insert(AGREEMENT).values(**values).on_conflict_do_nothing())
        same = (AGREEMENT.c.id == agreement.id, AGREEMENT.c.version == agreement.version)
        if _to_agreement(self._connection.execute(select(AGREEMENT).where(*same)).one()) != agreement:
            raise ValueError(f"agreement {agreement.id} version {agreement.version} stands with another content")


def _to_partner(row: Any) -> Partner:  # noqa: ANN401 - its columns, in the order of the fields
    city, bundle, fingerprint, endpoint, state, reason = row
    return Partner(city, bundle, fingerprint, endpoint, PartnerState(state), reason)


def _to_agreement(row: Any) -> Agreement:  # noqa: ANN401 - a row of AGREEMENT
    fields, purposes = tuple(json.loads(row.fields)), tuple(json.loads(row.purposes))
    return Agreement(**{**row._mapping, "fields": fields, "purposes": purposes})
