"""The pitfalls of medical insurance: codes with another meaning elsewhere, names that differ by a letter, filings."""

from __future__ import annotations

from adapters.mapping import load_mapping
from tests.unit.adapters.mapping.rows import reader, rejection
from yrdx.care.v1.insurance_pb2 import INSURANCE_TYPE_LONG_TERM_CARE
from yrdx.social.v1.scheme_pb2 import SCHEME_WORK_INJURY

local, shanghai = reader("local", "care.coverage"), reader("shanghai", "care.coverage")
local_filing, shanghai_filing = (reader(dialect, "care.referral") for dialect in ("local", "shanghai"))


class TestCoverages:
    """Interface 1101, a row for each insurance."""

    def test_410_means_what_its_system_says(self) -> None:
        """Long-term care here, work injury in social insurance (pitfall 7)."""
        assert local(insutype="410").message.insurance_type == INSURANCE_TYPE_LONG_TERM_CARE
        assert reader("local", "social.enrolment")(AAE140="410").message.scheme == SCHEME_WORK_INJURY

    def test_five_digits_are_another_list(self) -> None:
        """39901 is some city's own: refused with the system, not cut to 399."""
        refused = rejection(local, insutype="39901")
        assert (refused.rule_id, refused.field) == ("code.unknown", "insurance_type")
        assert "insutype" in refused.reason

    def test_other_documents_are_not_sent(self) -> None:
        """Who has a passport has no citizen number."""
        assert rejection(local, psn_cert_type="03").rule_id == "fixed.other"

    def test_the_platform_spells_its_division_differently(self) -> None:
        """insuplc_admdvs here, insu_admdvs there, one field."""
        names = {one: load_mapping(one, "care.coverage").column_of("division") for one in ("local", "shanghai")}
        assert names == {"local": "insuplc_admdvs", "shanghai": "insu_admdvs"}
        assert local(insuplc_admdvs="320613").message.division == shanghai(insu_admdvs="320613").message.division

    def test_an_age_is_never_read(self) -> None:
        """It follows from the birth date, and changes."""
        assert local(age="76.1") == local(age="")

    def test_a_balance_has_two_decimals(self) -> None:
        """Yuan, never fen by mistake."""
        assert local(balc="1234.56").message.balance_fen == 123_456
        assert rejection(local, balc="123456").rule_id == "money.yuan2"


class TestFilings:
    """Interface 2501."""

    def test_without_end(self) -> None:
        """9999-12-31 is no date."""
        message, notes = local_filing(enddate="9999-12-31")
        assert (message.valid_until_date, notes) == ("", ("missing_word",))

    def test_two_divisions(self) -> None:
        """Who insures and where the person is treated; a city is a division as well."""
        message = local_filing(insu_optins="320600", mdtrtarea_admdvs="310000").message
        assert (message.division.code, message.treatment_division.code) == ("320600", "310000")

    def test_a_hospitals_code_has_twelve_characters(self) -> None:
        """And may be absent: then any hospital of the division will do."""
        assert shanghai_filing(reflin_medins_no="").message.hospital_code == ""
        assert rejection(shanghai_filing, reflin_medins_no="H3206").rule_id == "text.pattern"
