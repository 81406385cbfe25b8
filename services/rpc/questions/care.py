"""Medical insurance and care: records → answers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final, Literal

from services.domain.lookup import Asked, Outcome
from services.rpc.questions.question import Question, city_of, covers, last_day, latest, of_person, only
from yrdx.care.v1.assessment_pb2 import Assessment
from yrdx.care.v1.coverage_pb2 import COVERAGE_STATUS_ACTIVE, Coverage
from yrdx.care.v1.referral_pb2 import Referral
from yrdx.care.v1.service_pb2 import (
    DESCRIPTOR,
    GetCoverageRequest,
    GetCoverageResponse,
    GetLatestAssessmentRequest,
    GetLatestAssessmentResponse,
    GetReferralValidityRequest,
    GetReferralValidityResponse,
)

Unanswered = Literal[Outcome.NOT_FOUND, Outcome.AMBIGUOUS]

SERVICE: Final = DESCRIPTOR.services_by_name["CareService"]


def coverage(
    request: GetCoverageRequest, records: Sequence[Coverage], asked: Asked
) -> GetCoverageResponse | Unanswered:
    """State the kinds of insurance that cover the person today."""
    kind = attrgetter("insurance_type")
    mine = sorted(of_person(request, records), key=kind)
    if not mine:
        return Outcome.NOT_FOUND
    covering = []
    for insurance_type, group in groupby(mine, key=kind):
        same = list(group)
        status = only(one.status for one in same)
        if status is None:
            return Outcome.AMBIGUOUS
        if status == COVERAGE_STATUS_ACTIVE and min(one.insured_date for one in same) <= asked.today:
            covering.append(insurance_type)
    return GetCoverageResponse(covered=bool(covering), insurance_types=covering)


def referral(
    request: GetReferralValidityRequest, records: Sequence[Referral], asked: Asked
) -> GetReferralValidityResponse | Unanswered:
    """State whether a filing that is not used up covers today and the hospital, or the division in which it lies."""
    mine = list(of_person(request, records))
    if not mine:
        return Outcome.NOT_FOUND
    in_force = [
        one.valid_until_date
        for one in mine
        if not one.used and covers(asked.today, one.valid_from_date, one.valid_until_date) and _names(one, request)
    ]
    return GetReferralValidityResponse(in_force=bool(in_force), valid_until_date=last_day(in_force))


def _names(one: Referral, request: GetReferralValidityRequest) -> bool:
    """Whether a filing names the hospital; one without a hospital names a division, or a whole city."""
    if one.hospital_code:
        return one.hospital_code == request.hospital_code
    return one.treatment_division.code in (request.hospital_division, city_of(request.hospital_division))


def assessment(
    request: GetLatestAssessmentRequest, records: Sequence[Assessment], asked: Asked
) -> GetLatestAssessmentResponse | Unanswered:
    """State scale and level of the assessment of the latest day, by one scale where the request names it."""
    mine = [one for one in of_person(request, records) if request.scale_code in (0, one.scale_code)]
    last = latest(mine, attrgetter("assessed_date"))
    if not last:
        return Outcome.NOT_FOUND
    found = only((one.scale_code, one.level) for one in last)
    if found is None:
        return Outcome.AMBIGUOUS
    scale_code, level = found
    return GetLatestAssessmentResponse(scale_code=scale_code, level=level, assessed_date=last[0].assessed_date)


QUESTIONS: Final = (
    Question(
        "coverage",
        SERVICE,
        "GetCoverage",
        "care.coverage",
        ("person_name", "insurance_type", "status", "insured_date"),
        coverage,
    ),
    Question(
        "referral",
        SERVICE,
        "GetReferralValidity",
        "care.referral",
        (
            *("person_name", "treatment_division", "hospital_code"),
            *("valid_from_date", "valid_until_date", "used"),
        ),
        referral,
    ),
    Question(
        "assessment",
        SERVICE,
        "GetLatestAssessment",
        "care.assessment",
        ("person_name", "scale_code", "level", "assessed_date"),
        assessment,
    ),
)
