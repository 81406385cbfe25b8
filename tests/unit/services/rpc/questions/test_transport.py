from __future__ import annotations

from typing import Any, ClassVar

import pytest

from services.domain.lookup import Outcome
from services.rpc.questions.transport import concession, driver_licence, last_seen, vehicle_licence
from tests.unit.services.rpc.questions.asked import ANNA, ASKED, TODAY
from yrdx.transport.v1 import concession_pb2, driver_licence_pb2, position_pb2, service_pb2, vehicle_licence_pb2
from yrdx.types.v1.types_pb2 import Division

CLASS = concession_pb2.CONCESSION_CLASS_AGE_70
VEHICLE = service_pb2.Vehicle(plate_number="苏F12345", plate_colour="PLATE_COLOUR_YELLOW")


def held(**changes: Any) -> concession_pb2.Concession:
    """Make a concession that is recognised everywhere."""
    facts = {
        "person_name": ANNA.person_name,
        "concession_class": CLASS,
        "home_division": Division(code="320613"),
        "valid_from_date": "2020-01-01",
        "scope": "CONCESSION_SCOPE_BUS",
        "recognised_elsewhere": True,
        "status": "CONCESSION_STATUS_ACTIVE",
    }
    return concession_pb2.Concession(**{**facts, **changes})


class TestConcession:
    REQUEST = service_pb2.GetConcessionValidityRequest(person=ANNA)

    def answer(self, *records: concession_pb2.Concession) -> tuple[bool, str]:
        """Return what was found."""
        answer = concession(self.REQUEST, records, ASKED)
        assert isinstance(answer, service_pb2.GetConcessionValidityResponse)
        return answer.valid, concession_pb2.ConcessionScope.Name(answer.scope)

    @pytest.mark.parametrize(
        "changes",
        [
            {"valid_until_date": "2026-03-13"},
            {"valid_from_date": "2026-03-15"},
            {"status": "CONCESSION_STATUS_SUSPENDED"},
            {"recognised_elsewhere": False},
        ],
    )
    def test_one_that_does_not_count_today_and_there_is_not_valid(self, changes: dict[str, Any]) -> None:
        """Days, state, and whether the asking city recognises it."""
        assert self.answer(held(**changes)) == (False, "CONCESSION_SCOPE_UNSPECIFIED")

    def test_one_that_counts_is_valid_where_it_says(self) -> None:
        """The last day is inclusive; the asking city's own concessions need no recognition."""
        assert self.answer(held(valid_until_date=TODAY)) == (True, "CONCESSION_SCOPE_BUS")
        home = held(recognised_elsewhere=False, home_division=Division(code="310115"))
        assert self.answer(home) == (True, "CONCESSION_SCOPE_BUS")

    def test_several_concessions_count_together(self) -> None:
        """The bus by one, the metro by the other."""
        other = held(concession_class="CONCESSION_CLASS_DISABLED", scope="CONCESSION_SCOPE_METRO")
        assert self.answer(held(), other) == (True, "CONCESSION_SCOPE_BUS_AND_METRO")

    def test_one_class_in_two_states_is_ambiguous(self) -> None:
        """But not when one of them is past."""
        suspended = held(status="CONCESSION_STATUS_SUSPENDED")
        assert concession(self.REQUEST, [held(), suspended], ASKED) is Outcome.AMBIGUOUS
        suspended.valid_until_date = "2026-01-01"
        assert self.answer(held(), suspended)[0]

    def test_another_name_is_not_found(self) -> None:
        """As if there were no concession."""
        assert concession(self.REQUEST, [held(person_name="别人")], ASKED) is Outcome.NOT_FOUND


def licence(status: str = "ACTIVE", until: str = "", classes: str = "") -> vehicle_licence_pb2.VehicleLicence:
    """Make a licence."""
    return vehicle_licence_pb2.VehicleLicence(
        status=f"LICENCE_STATUS_{status}", valid_until_date=until, dangerous_goods_classes=classes
    )


class TestVehicleLicence:
    def answer(self, wanted: str, *records: vehicle_licence_pb2.VehicleLicence) -> tuple[bool, str]:
        """Return what was found."""
        request = service_pb2.GetVehicleLicenceValidityRequest(vehicle=VEHICLE, dangerous_goods_class=wanted)
        answer = vehicle_licence(request, records, ASKED)
        assert isinstance(answer, service_pb2.GetVehicleLicenceValidityResponse)
        return answer.valid, answer.valid_until_date

    def test_a_class_of_goods_must_be_named(self) -> None:
        """Goods that are not dangerous need no class."""
        assert self.answer("3", licence(classes="2,3", until=TODAY)) == (True, TODAY)
        assert self.answer("8", licence(classes="2,3", until=TODAY)) == (False, "")
        assert self.answer("", licence()) == (True, "")

    @pytest.mark.parametrize(("status", "until"), [("SUSPENDED", ""), ("ENDED", ""), ("ACTIVE", "2026-03-13")])
    def test_one_that_is_not_in_force_is_not_valid(self, status: str, until: str) -> None:
        """Found, and no."""
        assert self.answer("", licence(status, until)) == (False, "")

    def test_an_ended_licence_does_not_contradict_its_successor(self) -> None:
        """The latest day of those in force counts."""
        assert self.answer("", licence("ENDED"), licence(until="2027-01-01")) == (True, "2027-01-01")

    def test_two_that_stand_in_different_states_are_ambiguous(self) -> None:
        """Whichever the inspector holds in hand."""
        request = service_pb2.GetVehicleLicenceValidityRequest(vehicle=VEHICLE)
        assert vehicle_licence(request, [licence(), licence("SUSPENDED")], ASKED) is Outcome.AMBIGUOUS

    def test_no_licence_is_not_found(self) -> None:
        """Nothing on record."""
        request = service_pb2.GetVehicleLicenceValidityRequest(vehicle=VEHICLE)
        assert vehicle_licence(request, [], ASKED) is Outcome.NOT_FOUND


def qualified(**changes: Any) -> driver_licence_pb2.DriverLicence:
    """Make a licence of a driver of dangerous goods, classes 2 and 3."""
    facts = {
        "person_name": ANNA.person_name,
        "category": "QUALIFICATION_CATEGORY_DANGEROUS_GOODS_DRIVER",
        "dangerous_goods_classes": "2,3",
        "valid_from_date": "2020-01-01",
        "status": "LICENCE_STATUS_ACTIVE",
    }
    return driver_licence_pb2.DriverLicence(**{**facts, **changes})


class TestDriverLicence:
    SUSPENDED: ClassVar[dict[str, Any]] = {"status": "LICENCE_STATUS_SUSPENDED"}

    def outcome(self, wanted: str, *records: driver_licence_pb2.DriverLicence) -> Any:
        """Return the answer, or why there is none."""
        request = service_pb2.GetDriverLicenceValidityRequest(
            person=ANNA,
            category=driver_licence_pb2.QUALIFICATION_CATEGORY_DANGEROUS_GOODS_DRIVER,
            dangerous_goods_class=wanted,
        )
        return driver_licence(request, records, ASKED)

    def answer(self, wanted: str, *records: driver_licence_pb2.DriverLicence) -> tuple[bool, str]:
        """Return what was found."""
        answer = self.outcome(wanted, *records)
        assert isinstance(answer, service_pb2.GetDriverLicenceValidityResponse)
        return answer.valid, answer.valid_until_date

    def test_a_class_of_goods_must_be_named(self) -> None:
        """First and last day are inclusive; without a class the category alone is asked for."""
        one = qualified(valid_from_date=TODAY, valid_until_date=TODAY)
        assert self.answer("3", one) == (True, TODAY)
        assert self.answer("8", one) == (False, "")
        assert self.answer("", one) == (True, TODAY)

    @pytest.mark.parametrize(
        "changes",
        [
            {"valid_until_date": "2026-03-13"},
            {"valid_from_date": "2026-03-15"},
            {"status": "LICENCE_STATUS_SUSPENDED"},
            {"status": "LICENCE_STATUS_ENDED"},
            {"category": "QUALIFICATION_CATEGORY_DANGEROUS_GOODS_ESCORT"},
        ],
    )
    def test_one_that_does_not_count_is_not_valid(self, changes: dict[str, Any]) -> None:
        """Days, state, and the category: an escort may not drive. Found, and no."""
        assert self.answer("3", qualified(**changes)) == (False, "")

    def test_the_latest_day_of_those_in_force_counts(self) -> None:
        """One without end lasts longer than any."""
        until = qualified(valid_until_date="2027-01-01")
        assert self.answer("3", until, qualified(valid_until_date="2026-12-31")) == (True, "2027-01-01")
        assert self.answer("3", until, qualified()) == (True, "")

    def test_two_of_one_category_in_different_states_are_ambiguous(self) -> None:
        """But not when one of them is past, or is of another category."""
        assert self.outcome("3", qualified(), qualified(**self.SUSPENDED)) is Outcome.AMBIGUOUS
        past = qualified(**self.SUSPENDED, valid_until_date="2026-01-01")
        escort = qualified(**self.SUSPENDED, category="QUALIFICATION_CATEGORY_DANGEROUS_GOODS_ESCORT")
        assert self.answer("3", qualified(), past, escort)[0]

    def test_another_name_is_not_found(self) -> None:
        """As if there were no licence."""
        assert self.outcome("3", qualified(person_name="别人")) is Outcome.NOT_FOUND


def seen(second: int, latitude_e6: int, datum: str = "WGS84") -> position_pb2.Position:
    """Make a position."""
    one = position_pb2.Position(latitude_e6=latitude_e6, longitude_e6=121_000_000, datum=f"DATUM_{datum}")
    one.located_time.seconds = second
    return one


class TestLastSeen:
    REQUEST = service_pb2.GetVehicleLastSeenRequest(vehicle=VEHICLE)

    def test_the_latest_instant_counts_and_not_the_latest_report(self) -> None:
        """A position that was reported afterwards is older."""
        answer = last_seen(self.REQUEST, [seen(20, 31), seen(30, 32), seen(10, 33)], ASKED)
        assert isinstance(answer, service_pb2.GetVehicleLastSeenResponse)
        assert (answer.located_time.seconds, answer.latitude_e6, answer.datum) == (30, 32, position_pb2.DATUM_WGS84)

    def test_two_places_at_one_instant_are_ambiguous(self) -> None:
        """So is one place by two datums: nobody converts them. The same report twice is one."""
        assert last_seen(self.REQUEST, [seen(30, 32), seen(30, 33)], ASKED) is Outcome.AMBIGUOUS
        assert last_seen(self.REQUEST, [seen(30, 32), seen(30, 32, "GCJ02")], ASKED) is Outcome.AMBIGUOUS
        assert last_seen(self.REQUEST, [seen(30, 32), seen(30, 32)], ASKED) is not Outcome.AMBIGUOUS

    def test_never_seen_is_not_found(self) -> None:
        """Nothing on record."""
        assert last_seen(self.REQUEST, [], ASKED) is Outcome.NOT_FOUND
