"""By what right a question is asked: judged by what stands here before anything is searched."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from services.domain.agreement import Agreement
from services.domain.errors import (
    AgreementMissing,
    ExchangeError,
    FieldNotAgreed,
    LegalBasisNotAgreed,
    PurposeNotAgreed,
    StandardIncompatible,
)
from services.domain.lookup import Inquiry
from services.domain.standard import share_major
from services.exchange.open import require_live_partner
from services.ports.store import Transaction


class Judged(NamedTuple):
    """A question that was judged: the agreement it names, where one stands here, and why it is refused."""

    agreement: Agreement | None = None
    refusal: ExchangeError | None = None


def judge(tx: Transaction, inquiry: Inquiry, consumer: str, *, partner: str, now: datetime) -> Judged:
    """Judge a question by what stands here; nothing is searched.

    Args:
        tx: Transaction.
        inquiry: The question.
        consumer: City that asks.
        partner: Which of the two cities is not this one.
        now: When it is judged.
    """
    versions = tx.agreement_versions(inquiry.right.agreement_id)
    in_force = [one for one in versions if one.in_force(now)]
    agreement = max(in_force or versions, key=lambda one: one.version, default=None)
    try:
        require_live_partner(tx, partner)
        if agreement is None or not in_force or agreement.id in tx.revoked_agreements():
            raise _missing(inquiry, consumer)
        _require_right(inquiry, agreement, consumer)
    except ExchangeError as refusal:
        return Judged(agreement, refusal)
    return Judged(agreement)


def _require_right(inquiry: Inquiry, agreement: Agreement, consumer: str) -> None:
    """Hold a question against the agreement that it names.

    Raises:
        AgreementMissing: It is of another mode, dataset or direction.
        StandardIncompatible: It names another major version.
        PurposeNotAgreed, LegalBasisNotAgreed, FieldNotAgreed: It does not cover the question.
    """
    right = inquiry.right
    wanted = ("lookup", right.city, consumer, inquiry.dataset)
    if (agreement.mode, agreement.provider, agreement.consumer, agreement.dataset) != wanted:
        raise _missing(inquiry, consumer)
    if not share_major([agreement.standard], [inquiry.standard]):
        raise StandardIncompatible(
            f"agreement {agreement.id} names standard {agreement.standard} of {inquiry.dataset}, the question is "
            f"answered from {inquiry.standard}: agree on a version that both know"
        )
    if right.purpose not in agreement.purposes:
        raise PurposeNotAgreed(f"agreement {agreement.id} does not list this purpose: state one that it lists")
    if right.legal_basis != agreement.legal_basis:
        raise LegalBasisNotAgreed(
            f"agreement {agreement.id} stands on another legal basis: state that of the agreement"
        )
    if not agreement.allows(inquiry.fields):
        lacking = ", ".join(sorted(inquiry.fields - set(agreement.fields)))
        raise FieldNotAgreed(f"agreement {agreement.id} does not name what the answer is taken from: {lacking}")


def _missing(inquiry: Inquiry, consumer: str) -> AgreementMissing:
    """The same words, whether the agreement is unknown, over, of another mode or somebody else's."""
    return AgreementMissing(
        f"no agreement of this id lets {consumer} ask {inquiry.right.city} about {inquiry.dataset} today: import one "
        'of the mode "lookup" with `yrdx agreement import FILE` on both sides'
    )
