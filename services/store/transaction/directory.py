"""Partners and agreements."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import date
from typing import Any, Final

from sqlalchemy import Date, String, bindparam, cast, select

from services.domain.agreement import Agreement
from services.domain.partner import Partner, PartnerState
from services.store.tables import AGREEMENT, PARTNER
from services.store.transaction.part import Part

_PARTNER_COLUMNS: Final = tuple(PARTNER.c[field.name] for field in fields(Partner))
_PARTNERS: Final = select(*_PARTNER_COLUMNS).order_by(PARTNER.c.city)
_PARTNER: Final = select(*_PARTNER_COLUMNS).where(PARTNER.c.city == bindparam("of_city"))
_AGREEMENT_NAMES: Final = tuple(field.name for field in fields(Agreement))
_AGREEMENT_COLUMNS: Final = tuple(
    cast(column, String).label(column.name) if isinstance(column.type, Date) else column
    for column in (AGREEMENT.c[name] for name in _AGREEMENT_NAMES)
)
_AGREEMENTS: Final = select(*_AGREEMENT_COLUMNS).order_by(AGREEMENT.c.id, AGREEMENT.c.version)
_VERSIONS: Final = _AGREEMENTS.where(AGREEMENT.c.id == bindparam("agreement_id"))
_VERSION: Final = _VERSIONS.where(AGREEMENT.c.version == bindparam("agreement_version"))


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
        return list(map(_to_agreement, self._dialect.rows(self._connection, _AGREEMENTS, {})))

    def agreement_versions(self, agreement_id: str) -> Sequence[Agreement]:
        """See the port."""
        return list(map(_to_agreement, self._dialect.rows(self._connection, _VERSIONS, {"agreement_id": agreement_id})))

    def put_agreement(self, agreement: Agreement) -> None:
        """See the port."""
        values = {
            **asdict(agreement),
            "fields": json.dumps(agreement.fields, ensure_ascii=False),
            "purposes": json.dumps(agreement.purposes, ensure_ascii=False),
        }
        self._connection.execute(self._dialect.insert(AGREEMENT).values(**values).on_conflict_do_nothing())
        same = {"agreement_id": agreement.id, "agreement_version": agreement.version}
        (standing,) = self._dialect.rows(self._connection, _VERSION, same)
        if _to_agreement(standing) != agreement:
            raise ValueError(f"agreement {agreement.id} version {agreement.version} stands with another content")


def _to_partner(row: Any) -> Partner:  # noqa: ANN401 - its columns, in the order of the fields
    city, bundle, fingerprint, endpoint, state, reason = row
    return Partner(city, bundle, fingerprint, endpoint, PartnerState(state), reason)


def _to_agreement(row: Any) -> Agreement:  # noqa: ANN401 - its columns, in the order of the fields
    values: dict[str, Any] = dict(zip(_AGREEMENT_NAMES, row, strict=True))
    values |= {name: tuple(json.loads(values[name])) for name in ("fields", "purposes")}
    values |= {name: date.fromisoformat(values[name]) for name in ("valid_from", "valid_until")}
    return Agreement(**values)
