from __future__ import annotations

from typing import Any

import pytest

from services.domain.lookup import Outcome
from services.rpc.questions.social import certification, contributions, enrolment, transfer
from tests.unit.services.rpc.questions.asked import ANNA, ASKED, TODAY
from yrdx.social.v1 import certification_pb2, contribution_pb2, enrolment_pb2, service_pb2, transfer_pb2
from yrdx.social.v1.scheme_pb2 import SCHEME_ENTERPRISE_PENSION, SCHEME_UNEMPLOYMENT

NAME = ANNA.person_name
PENSION, UNEMPLOYMENT = SCHEME_ENTERPRISE_PENSION, SCHEME_UNEMPLOYMENT


def enrolled(status: str, **changes: Any) -> enrolment_pb2.Enrolment:
    """Make an enrolment in the pension scheme."""
    facts = {"person_name": NAME, "scheme": PENSION, "status": status, "enrolled_date": "2010-05"}
    return enrolment_pb2.Enrolment(**{**facts, **changes})


class TestEnrolment:
    REQUEST = service_pb2.GetEnrolmentStatusRequest(person=ANNA, scheme=PENSION)

    def test_the_state_is_stated(self) -> None:
        """Of the scheme that was asked about alone."""
        records = [enrolled("ENROLMENT_STATUS_ACTIVE"), enrolled("ENROLMENT_STATUS_ENDED", scheme=UNEMPLOYMENT)]
        answer = enrolment(self.REQUEST, records, ASKED)
        assert isinstance(answer, service_pb2.GetEnrolmentStatusResponse)
        assert (answer.status, answer.enrolled_date) == (enrolment_pb2.ENROLMENT_STATUS_ACTIVE, "2010-05")

    def test_two_numbers_that_agree_are_one_answer(self) -> None:
        """The earlier beginning counts."""
        records = [enrolled("ENROLMENT_STATUS_ACTIVE"), enrolled("ENROLMENT_STATUS_ACTIVE", enrolled_date="2008-01-02")]
        answer = enrolment(self.REQUEST, records, ASKED)
        assert isinstance(answer, service_pb2.GetEnrolmentStatusResponse)
        assert answer.enrolled_date == "2008-01-02"

    def test_two_numbers_in_different_states_are_ambiguous(self) -> None:
        """Nobody guesses which 个人编号 is meant."""
        records = [enrolled("ENROLMENT_STATUS_ACTIVE"), enrolled("ENROLMENT_STATUS_ENDED")]
        assert enrolment(self.REQUEST, records, ASKED) is Outcome.AMBIGUOUS

    def test_another_name_or_scheme_is_not_found(self) -> None:
        """As if nobody of that number existed."""
        others = [enrolled("ENROLMENT_STATUS_ACTIVE", person_name="别人")]
        assert enrolment(self.REQUEST, others, ASKED) is Outcome.NOT_FOUND
        schemes = [enrolled("ENROLMENT_STATUS_ACTIVE", scheme=UNEMPLOYMENT)]
        assert enrolment(self.REQUEST, schemes, ASKED) is Outcome.NOT_FOUND


def paid(month: str, kind: str = "REGULAR", fen: int = 100, **changes: Any) -> contribution_pb2.Contribution:
    """Make a contribution of which the person pays a quarter."""
    facts = {
        "person_name": NAME,
        "scheme": PENSION,
        "period_month": month,
        "payment_kind": f"PAYMENT_KIND_{kind}",
        "employer_code": "A",
        "paid": True,
        "employer_fen": 3 * fen,
        "personal_fen": fen,
        "total_fen": 4 * fen,
    }
    return contribution_pb2.Contribution(**{**facts, **changes})


class TestContributions:
    REQUEST = service_pb2.GetContributionTotalsRequest(
        person=ANNA, scheme=PENSION, from_month="2025-02", to_month="2025-04"
    )

    def totals(self, *records: contribution_pb2.Contribution) -> tuple[int, int, int, int]:
        """Return months and sums of an answer that was found."""
        answer = contributions(self.REQUEST, records, ASKED)
        assert isinstance(answer, service_pb2.GetContributionTotalsResponse)
        return answer.paid_months, answer.employer_fen, answer.personal_fen, answer.total_fen

    def test_months_of_the_range_are_added_up(self) -> None:
        """Both ends inclusive; what has not arrived, and other schemes, do not count."""
        records = [paid(month) for month in ("2025-01", "2025-02", "2025-03", "2025-04", "2025-05")]
        records += [paid("2025-02", scheme=UNEMPLOYMENT)]
        assert self.totals(*records) == (3, 900, 300, 1200)
        assert self.totals(paid("2025-03", paid=False)) == (0, 0, 0, 0)

    def test_a_month_paid_twice_for_a_reason_counts_once(self) -> None:
        """A back payment, or another employer's, adds money and no month."""
        records = (paid("2025-02"), paid("2025-02", "BACK_PAYMENT", 10), paid("2025-02", employer_code="B"))
        assert self.totals(*records) == (1, 630, 210, 840)

    def test_what_was_paid_back_is_taken_off(self) -> None:
        """A month of which nothing is left is no month."""
        assert self.totals(paid("2025-02"), paid("2025-02", "REFUND", 40)) == (1, 180, 60, 240)
        assert self.totals(paid("2025-02"), paid("2025-02", "REFUND"), paid("2025-03")) == (1, 300, 100, 400)

    def test_one_employers_month_twice_is_ambiguous(self) -> None:
        """The records do not say whether it was paid once or twice."""
        records = [paid("2025-02", source_serial="1"), paid("2025-02", source_serial="2")]
        assert contributions(self.REQUEST, records, ASKED) is Outcome.AMBIGUOUS

    def test_no_record_of_the_range_is_not_found(self) -> None:
        """Another month, another name."""
        assert contributions(self.REQUEST, [paid("2025-01")], ASKED) is Outcome.NOT_FOUND
        assert contributions(self.REQUEST, [paid("2025-02", person_name="别人")], ASKED) is Outcome.NOT_FOUND


def step(case: str, name: str, day: str) -> transfer_pb2.Transfer:
    """Make a step of a case."""
    return transfer_pb2.Transfer(person_name=NAME, case_number=case, step=f"TRANSFER_STEP_{name}", step_date=day)


class TestTransfer:
    REQUEST = service_pb2.GetTransferProgressRequest(person=ANNA)

    def test_the_last_step_of_the_open_case_is_stated(self) -> None:
        """By the order of the steps; a case that was closed before is past."""
        records = [
            step("B", "CONTACT_LETTER", "2026-02-01"),
            step("A", "CLOSED", "2026-03-01"),
            step("B", "APPLICATION", "2026-01-15"),
            step("B", "VOUCHER", "2026-01-01"),
        ]
        answer = transfer(self.REQUEST, records, ASKED)
        assert isinstance(answer, service_pb2.GetTransferProgressResponse)
        assert (answer.open, answer.step, answer.step_date) == (True, 3, "2026-02-01")

    def test_without_an_open_case_the_one_closed_last_is_stated(self) -> None:
        """Closed is a step as well."""
        records = [step("A", "CLOSED", "2024-03-01"), step("B", "CLOSED", "2025-03-01")]
        answer = transfer(self.REQUEST, records, ASKED)
        assert isinstance(answer, service_pb2.GetTransferProgressResponse)
        assert (answer.open, answer.step_date) == (False, "2025-03-01")

    def test_two_open_cases_are_ambiguous(self) -> None:
        """Neither is the one that was asked about."""
        records = [step("A", "VOUCHER", "2026-01-01"), step("B", "VOUCHER", "2026-01-01")]
        assert transfer(self.REQUEST, records, ASKED) is Outcome.AMBIGUOUS

    def test_no_case_is_not_found(self) -> None:
        """Nor is another person's."""
        other = step("A", "VOUCHER", "2026-01-01")
        other.person_name = "别人"
        assert transfer(self.REQUEST, [other], ASKED) is Outcome.NOT_FOUND


def certified(second: int, result: str, until: str, name: str = NAME) -> certification_pb2.Certification:
    """Make a certification."""
    one = certification_pb2.Certification(
        person_name=name, scheme=PENSION, result=f"CERTIFICATION_RESULT_{result}", valid_until_date=until
    )
    one.certified_time.seconds = second
    return one


class TestCertification:
    REQUEST = service_pb2.GetCertificationValidityRequest(person=ANNA, scheme=PENSION)

    @pytest.mark.parametrize(
        ("result", "until", "valid"),
        [
            ("PASSED", TODAY, True),
            ("PASSED", "2026-03-13", False),
            ("FAILED", "", False),
            ("FAILED", "2027-01-01", False),
            ("DECEASED", "", False),
            ("PASSED", "", False),
        ],
    )
    def test_the_last_certification_decides(self, result: str, until: str, valid: bool) -> None:
        """Whatever an earlier one said."""
        records = [certified(2, result, until), certified(1, "PASSED", "2099-01-01")]
        answer = certification(self.REQUEST, records, ASKED)
        assert isinstance(answer, service_pb2.GetCertificationValidityResponse)
        assert (answer.valid, answer.valid_until_date) == (valid, until)

    def test_two_last_ones_that_differ_are_ambiguous(self) -> None:
        """The same twice is one."""
        passed, failed = certified(1, "PASSED", TODAY), certified(1, "FAILED", "")
        assert certification(self.REQUEST, [passed, failed], ASKED) is Outcome.AMBIGUOUS
        assert certification(self.REQUEST, [passed, passed], ASKED) is not Outcome.AMBIGUOUS

    def test_nobodys_certification_is_not_found(self) -> None:
        """Another name."""
        assert certification(self.REQUEST, [certified(1, "PASSED", TODAY, "别人")], ASKED) is Outcome.NOT_FOUND
