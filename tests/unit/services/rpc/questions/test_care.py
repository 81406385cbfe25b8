from __future__ import annotations

from typing import Any

import pytest

from services.domain.lookup import Outcome
from services.rpc.questions.care import assessment, coverage, referral
from tests.unit.services.rpc.questions.asked import ANNA, ASKED, TODAY
from yrdx.care.v1 import assessment_pb2, coverage_pb2, referral_pb2, service_pb2
from yrdx.care.v1.insurance_pb2 import INSURANCE_TYPE_EMPLOYEE, INSURANCE_TYPE_LONG_TERM_CARE
from yrdx.types.v1.types_pb2 import Division

NAME = ANNA.person_name
EMPLOYEE, LONG_TERM = INSURANCE_TYPE_EMPLOYEE, INSURANCE_TYPE_LONG_TERM_CARE


def covered(status: str = "ACTIVE", kind: int = EMPLOYEE, **changes: Any) -> coverage_pb2.Coverage:
    """Make a coverage."""
    facts = {"person_name": NAME, "status": f"COVERAGE_STATUS_{status}", "insurance_type": kind}
    return coverage_pb2.Coverage(**{**facts, **changes})


class TestCoverage:
    REQUEST = service_pb2.GetCoverageRequest(person=ANNA)

    def kinds(self, *records: coverage_pb2.Coverage) -> list[int]:
        """Return the kinds of an answer that was found."""
        answer = coverage(self.REQUEST, records, ASKED)
        assert isinstance(answer, service_pb2.GetCoverageResponse)
        assert answer.covered == bool(answer.insurance_types)
        return list(answer.insurance_types)

    def test_the_kinds_in_force_are_stated(self) -> None:
        """Each by itself, by rising number; none is an answer too."""
        assert self.kinds(covered(kind=LONG_TERM), covered()) == [EMPLOYEE, LONG_TERM]
        assert self.kinds(covered("SUSPENDED"), covered(kind=LONG_TERM)) == [LONG_TERM]
        assert self.kinds(covered("ENDED")) == []

    def test_what_begins_tomorrow_does_not_cover_today(self) -> None:
        """An unknown beginning is past."""
        assert self.kinds(covered(insured_date="2026-03-15")) == []
        assert self.kinds(covered(insured_date=TODAY)) == [EMPLOYEE]

    def test_one_kind_in_two_states_is_ambiguous(self) -> None:
        """Two numbers of one person that disagree."""
        records = [covered(source_serial="1"), covered("SUSPENDED", source_serial="2")]
        assert coverage(self.REQUEST, records, ASKED) is Outcome.AMBIGUOUS

    def test_another_name_is_not_found(self) -> None:
        """As if nobody of that number existed."""
        assert coverage(self.REQUEST, [covered(person_name="别人")], ASKED) is Outcome.NOT_FOUND


def filed(**changes: Any) -> referral_pb2.Referral:
    """Make a filing for any hospital of a district."""
    facts = {
        "person_name": NAME,
        "treatment_division": Division(code="310115"),
        "valid_from_date": "2026-01-01",
        "used": False,
    }
    return referral_pb2.Referral(**{**facts, **changes})


class TestReferral:
    REQUEST = service_pb2.GetReferralValidityRequest(
        person=ANNA, hospital_code="H31011500001", hospital_division="310115"
    )

    def answer(self, *records: referral_pb2.Referral) -> tuple[bool, str]:
        """Return what was found."""
        answer = referral(self.REQUEST, records, ASKED)
        assert isinstance(answer, service_pb2.GetReferralValidityResponse)
        return answer.in_force, answer.valid_until_date

    @pytest.mark.parametrize(
        "changes",
        [{}, {"treatment_division": Division(code="310000")}, {"hospital_code": "H31011500001"}],
        ids=["district", "city", "hospital"],
    )
    def test_a_filing_names_the_hospital_or_where_it_lies(self, changes: dict[str, Any]) -> None:
        """A whole city, a district, or the hospital itself."""
        assert self.answer(filed(valid_until_date=TODAY, **changes)) == (True, TODAY)

    @pytest.mark.parametrize(
        "changes",
        [
            {"treatment_division": Division(code="310104")},
            {"hospital_code": "H31011500002"},
            {"valid_until_date": "2026-03-13"},
            {"valid_from_date": "2026-03-15"},
            {"used": True},
        ],
    )
    def test_one_for_elsewhere_or_another_day_is_not_in_force(self, changes: dict[str, Any]) -> None:
        """Found, and no."""
        assert self.answer(filed(**changes)) == (False, "")

    def test_the_one_that_lasts_longest_counts(self) -> None:
        """Without an end is longer than any."""
        assert self.answer(filed(valid_until_date=TODAY), filed(valid_until_date="2026-12-31")) == (True, "2026-12-31")
        assert self.answer(filed(valid_until_date=TODAY), filed()) == (True, "")

    def test_another_name_is_not_found(self) -> None:
        """As if nothing had been filed."""
        assert referral(self.REQUEST, [filed(person_name="别人")], ASKED) is Outcome.NOT_FOUND


def assessed(day: str, level: int, scale: str = "GBT_42195", name: str = NAME) -> assessment_pb2.Assessment:
    """Make an assessment."""
    return assessment_pb2.Assessment(
        person_name=name, assessed_date=day, level=level, scale_code=f"ASSESSMENT_SCALE_{scale}"
    )


class TestAssessment:
    REQUEST = service_pb2.GetLatestAssessmentRequest(person=ANNA)

    def test_the_latest_day_counts_with_its_scale(self) -> None:
        """Level 0 is a level."""
        records = [assessed("2026-02-01", 0, "LONG_TERM_CARE_2021"), assessed("2025-02-01", 3)]
        answer = assessment(self.REQUEST, records, ASKED)
        assert isinstance(answer, service_pb2.GetLatestAssessmentResponse)
        assert (answer.HasField("level"), answer.level, answer.assessed_date) == (True, 0, "2026-02-01")
        assert answer.scale_code == assessment_pb2.ASSESSMENT_SCALE_LONG_TERM_CARE_2021

    def test_two_of_one_day_that_differ_are_ambiguous(self) -> None:
        """In level or in scale, since scales do not convert."""
        first = assessed("2026-02-01", 2)
        assert assessment(self.REQUEST, [first, assessed("2026-02-01", 3)], ASKED) is Outcome.AMBIGUOUS
        other = assessed("2026-02-01", 2, "SHANGHAI_CARE")
        assert assessment(self.REQUEST, [first, other], ASKED) is Outcome.AMBIGUOUS

    def test_a_scale_may_be_asked_for(self) -> None:
        """Then the others are as if they were not."""
        request = service_pb2.GetLatestAssessmentRequest(person=ANNA, scale_code="ASSESSMENT_SCALE_GBT_42195")
        records = [assessed("2026-02-01", 2), assessed("2026-02-01", 5, "SHANGHAI_CARE")]
        answer = assessment(request, records, ASKED)
        assert isinstance(answer, service_pb2.GetLatestAssessmentResponse)
        assert answer.level == 2
        assert assessment(request, records[1:], ASKED) is Outcome.NOT_FOUND

    def test_another_name_is_not_found(self) -> None:
        """As if nothing had been assessed."""
        assert assessment(self.REQUEST, [assessed("2026-02-01", 2, name="别人")], ASKED) is Outcome.NOT_FOUND
