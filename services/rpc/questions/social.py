"""Social insurance: records → answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final, Literal

from services.domain.lookup import Asked, Outcome
from services.rpc.questions.question import Question, covers, latest, of_person, only
from yrdx.social.v1.certification_pb2 import CERTIFICATION_RESULT_PASSED, Certification
from yrdx.social.v1.contribution_pb2 import PAYMENT_KIND_REFUND, PAYMENT_KIND_REGULAR, Contribution
from yrdx.social.v1.enrolment_pb2 import Enrolment
from yrdx.social.v1.service_pb2 import (
    DESCRIPTOR,
    GetCertificationValidityRequest,
    GetCertificationValidityResponse,
    GetContributionTotalsRequest,
    GetContributionTotalsResponse,
    GetEnrolmentStatusRequest,
    GetEnrolmentStatusResponse,
    GetTransferProgressRequest,
    GetTransferProgressResponse,
)
from yrdx.social.v1.transfer_pb2 import TRANSFER_STEP_CLOSED, Transfer

Unanswered = Literal[Outcome.NOT_FOUND, Outcome.AMBIGUOUS]

SERVICE: Final = DESCRIPTOR.services_by_name["SocialInsuranceService"]


def enrolment(
    request: GetEnrolmentStatusRequest, records: Sequence[Enrolment], asked: Asked
) -> GetEnrolmentStatusResponse | Unanswered:
    """State the state on which all of the person's enrolments in the scheme agree."""
    mine = [one for one in of_person(request, records) if one.scheme == request.scheme]
    if not mine:
        return Outcome.NOT_FOUND
    status = only(one.status for one in mine)
    if status is None:
        return Outcome.AMBIGUOUS
    return GetEnrolmentStatusResponse(status=status, enrolled_date=min(one.enrolled_date for one in mine))


def contributions(
    request: GetContributionTotalsRequest, records: Sequence[Contribution], asked: Asked
) -> GetContributionTotalsResponse | Unanswered:
    """Add up what has arrived for a range of months, less what was paid back."""
    mine = [
        one
        for one in of_person(request, records)
        if one.scheme == request.scheme and request.from_month <= one.period_month <= request.to_month
    ]
    if not mine:
        return Outcome.NOT_FOUND
    paid = [one for one in mine if one.paid]
    regular = [(one.period_month, one.employer_code) for one in paid if one.payment_kind == PAYMENT_KIND_REGULAR]
    if len(set(regular)) < len(regular):
        return Outcome.AMBIGUOUS  # one payment under two numbers of the person, or two payments: the records do not say
    by_month: dict[str, int] = defaultdict(int)
    for one in paid:
        by_month[one.period_month] += _signed(one, one.total_fen)
    employer_fen = sum(_signed(one, one.employer_fen) for one in paid)
    personal_fen = sum(_signed(one, one.personal_fen) for one in paid)
    return GetContributionTotalsResponse(
        paid_months=sum(total_fen > 0 for total_fen in by_month.values()),
        employer_fen=employer_fen,
        personal_fen=personal_fen,
        total_fen=employer_fen + personal_fen,
    )


def _signed(one: Contribution, amount_fen: int) -> int:
    return -amount_fen if one.payment_kind == PAYMENT_KIND_REFUND else amount_fen


def transfer(
    request: GetTransferProgressRequest, records: Sequence[Transfer], asked: Asked
) -> GetTransferProgressResponse | Unanswered:
    """State the last step of the one case that is open, or else of the one that was closed last."""
    case, step = attrgetter("case_number"), attrgetter("step")
    mine = sorted(of_person(request, records), key=case)
    last = [max(steps, key=step) for _, steps in groupby(mine, key=case)]
    if not last:
        return Outcome.NOT_FOUND
    still_open = [one for one in last if one.step != TRANSFER_STEP_CLOSED]
    if len(still_open) > 1:
        return Outcome.AMBIGUOUS
    found = still_open[0] if still_open else max(last, key=attrgetter("step_date"))
    return GetTransferProgressResponse(open=bool(still_open), step=found.step, step_date=found.step_date)


def certification(
    request: GetCertificationValidityRequest, records: Sequence[Certification], asked: Asked
) -> GetCertificationValidityResponse | Unanswered:
    """State whether the last certification for the scheme was passed and still counts."""
    mine = (one for one in of_person(request, records) if one.scheme == request.scheme)
    last = latest(mine, lambda one: one.certified_time.ToNanoseconds())
    if not last:
        return Outcome.NOT_FOUND
    found = only((one.result, one.valid_until_date) for one in last)
    if found is None:
        return Outcome.AMBIGUOUS
    result, until = found
    valid = result == CERTIFICATION_RESULT_PASSED and bool(until) and covers(asked.today, "", until)
    return GetCertificationValidityResponse(valid=valid, valid_until_date=until)


QUESTIONS: Final = (
    Question(
        "enrolment",
        SERVICE,
        "GetEnrolmentStatus",
        "social.enrolment",
        ("person_name", "scheme", "status", "enrolled_date"),
        enrolment,
    ),
    Question(
        "contributions",
        SERVICE,
        "GetContributionTotals",
        "social.contribution",
        (
            *("person_name", "scheme", "period_month", "employer_code", "payment_kind", "paid"),
            *("employer_fen", "personal_fen", "total_fen"),
        ),
        contributions,
    ),
    Question(
        "transfer",
        SERVICE,
        "GetTransferProgress",
        "social.transfer",
        ("person_name", "case_number", "step", "step_date"),
        transfer,
    ),
    Question(
        "certification",
        SERVICE,
        "GetCertificationValidity",
        "social.certification",
        ("person_name", "scheme", "certified_time", "result", "valid_until_date"),
        certification,
    ),
)
