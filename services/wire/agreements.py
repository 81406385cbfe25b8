"""Agreements between protobuf and the domain."""

from __future__ import annotations

from datetime import date

from services.domain.agreement import Agreement
from services.domain.errors import Malformed
from yrdx.node.v1 import node_pb2


def agreement_from_pb(pb: node_pb2.Agreement) -> Agreement:
    """Return an agreement from a request that passed its rules.

    Raises:
        Malformed: A date does not exist, or the dates are the wrong way round.
    """
    try:
        valid_from, valid_until = date.fromisoformat(pb.valid_from), date.fromisoformat(pb.valid_until)
    except ValueError as error:
        raise Malformed("valid_from and valid_until are dates that exist, 2026-01-01") from error
    if valid_until < valid_from:
        raise Malformed("valid_until is before valid_from")
    return Agreement(
        id=pb.id,
        version=pb.version,
        provider=pb.provider,
        consumer=pb.consumer,
        dataset=pb.dataset,
        standard=pb.standard,
        mode=pb.mode,
        fields=tuple(pb.fields),
        purposes=tuple(pb.purposes),
        legal_basis=pb.legal_basis,
        valid_from=valid_from,
        valid_until=valid_until,
        retention_days=pb.retention_days,
        records_per_minute=pb.records_per_minute or None,
    )


def agreement_to_pb(agreement: Agreement) -> node_pb2.Agreement:
    """Return an agreement as an operator sees it."""
    return node_pb2.Agreement(
        id=agreement.id,
        version=agreement.version,
        provider=agreement.provider,
        consumer=agreement.consumer,
        dataset=agreement.dataset,
        standard=agreement.standard,
        mode=agreement.mode,
        fields=agreement.fields,
        purposes=agreement.purposes,
        legal_basis=agreement.legal_basis,
        valid_from=agreement.valid_from.isoformat(),
        valid_until=agreement.valid_until.isoformat(),
        retention_days=agreement.retention_days,
        records_per_minute=agreement.records_per_minute or 0,
    )
