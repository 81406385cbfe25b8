"""Transport: records → answers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final, Literal

from services.domain.lookup import Asked, Outcome
from services.rpc.questions.question import Question, city_of, covers, last_day, latest, of_person, only
from yrdx.transport.v1.concession_pb2 import (
    CONCESSION_SCOPE_BUS_AND_METRO,
    CONCESSION_STATUS_ACTIVE,
    Concession,
)
from yrdx.transport.v1.driver_licence_pb2 import DriverLicence
from yrdx.transport.v1.licence_pb2 import LICENCE_STATUS_ACTIVE, LICENCE_STATUS_ENDED
from yrdx.transport.v1.position_pb2 import Position
from yrdx.transport.v1.service_pb2 import (
    DESCRIPTOR,
    GetConcessionValidityRequest,
    GetConcessionValidityResponse,
    GetDriverLicenceValidityRequest,
    GetDriverLicenceValidityResponse,
    GetVehicleLastSeenRequest,
    GetVehicleLastSeenResponse,
    GetVehicleLicenceValidityRequest,
    GetVehicleLicenceValidityResponse,
)
from yrdx.transport.v1.vehicle_licence_pb2 import VehicleLicence

Unanswered = Literal[Outcome.NOT_FOUND, Outcome.AMBIGUOUS]

SERVICE: Final = DESCRIPTOR.services_by_name["TransportService"]
POSITIONS_MAX: Final = 1_000
"""A vehicle reports every few seconds; the last one to be reported is nearly always the last in time."""


def concession(
    request: GetConcessionValidityRequest, records: Sequence[Concession], asked: Asked
) -> GetConcessionValidityResponse | Unanswered:
    """State whether, and where, concessions of the person count today in the city that asks."""
    mine = list(of_person(request, records))
    if not mine:
        return Outcome.NOT_FOUND
    today = [one for one in mine if covers(asked.today, one.valid_from_date, one.valid_until_date)]
    kind = attrgetter("concession_class")
    for _, same in groupby(sorted(today, key=kind), key=kind):
        if only(one.status for one in same) is None:
            return Outcome.AMBIGUOUS
    scopes = {one.scope for one in today if one.status == CONCESSION_STATUS_ACTIVE and _counts_in(one, asked.city)}
    if not scopes:
        return GetConcessionValidityResponse(valid=False)
    scope = scopes.pop() if len(scopes) == 1 else CONCESSION_SCOPE_BUS_AND_METRO
    return GetConcessionValidityResponse(valid=True, scope=scope)


def _counts_in(one: Concession, city: str) -> bool:
    return one.recognised_elsewhere or city_of(one.home_division.code) == city


def vehicle_licence(
    request: GetVehicleLicenceValidityRequest, records: Sequence[VehicleLicence], asked: Asked
) -> GetVehicleLicenceValidityResponse | Unanswered:
    """State whether a licence of the vehicle is in force today and covers the class of goods."""
    if not records:
        return Outcome.NOT_FOUND
    standing = [
        one for one in records if one.status != LICENCE_STATUS_ENDED and covers(asked.today, "", one.valid_until_date)
    ]
    if standing and only(one.status for one in standing) is None:
        return Outcome.AMBIGUOUS
    valid = _last_days(standing, request.dangerous_goods_class)
    return GetVehicleLicenceValidityResponse(valid=bool(valid), valid_until_date=last_day(valid))


def driver_licence(
    request: GetDriverLicenceValidityRequest, records: Sequence[DriverLicence], asked: Asked
) -> GetDriverLicenceValidityResponse | Unanswered:
    """State whether the person's licence of a category is in force today and covers the class of goods."""
    mine = list(of_person(request, records))
    if not mine:
        return Outcome.NOT_FOUND
    standing = [
        one
        for one in mine
        if one.category == request.category
        and one.status != LICENCE_STATUS_ENDED
        and covers(asked.today, one.valid_from_date, one.valid_until_date)
    ]
    if standing and only(one.status for one in standing) is None:
        return Outcome.AMBIGUOUS
    valid = _last_days(standing, request.dangerous_goods_class)
    return GetDriverLicenceValidityResponse(valid=bool(valid), valid_until_date=last_day(valid))


def _last_days(standing: Sequence[VehicleLicence | DriverLicence], goods_class: str) -> list[str]:
    """List the last days of the licences that are in force and cover a class of goods, any where none is asked for."""
    return [
        one.valid_until_date
        for one in standing
        if one.status == LICENCE_STATUS_ACTIVE
        and (not goods_class or goods_class in one.dangerous_goods_classes.split(","))
    ]


def last_seen(
    request: GetVehicleLastSeenRequest, records: Sequence[Position], asked: Asked
) -> GetVehicleLastSeenResponse | Unanswered:
    """State the latest position, which need not be the one that was reported last."""
    last = latest(records, lambda one: one.located_time.ToNanoseconds())
    if not last:
        return Outcome.NOT_FOUND
    place = only((one.latitude_e6, one.longitude_e6, one.datum) for one in last)
    if place is None:
        return Outcome.AMBIGUOUS
    latitude_e6, longitude_e6, datum = place
    return GetVehicleLastSeenResponse(
        located_time=last[0].located_time, latitude_e6=latitude_e6, longitude_e6=longitude_e6, datum=datum
    )


QUESTIONS: Final = (
    Question(
        "concession",
        SERVICE,
        "GetConcessionValidity",
        "transport.concession",
        (
            *("person_name", "concession_class", "home_division", "valid_from_date", "valid_until_date"),
            *("scope", "recognised_elsewhere", "status"),
        ),
        concession,
    ),
    Question(
        "vehicle-licence",
        SERVICE,
        "GetVehicleLicenceValidity",
        "transport.vehicle_licence",
        ("valid_until_date", "dangerous_goods_classes", "status"),
        vehicle_licence,
    ),
    Question(
        "driver-licence",
        SERVICE,
        "GetDriverLicenceValidity",
        "transport.driver_licence",
        ("person_name", "category", "valid_from_date", "valid_until_date", "dangerous_goods_classes", "status"),
        driver_licence,
    ),
    Question(
        "last-seen",
        SERVICE,
        "GetVehicleLastSeen",
        "transport.position",
        ("located_time", "latitude_e6", "longitude_e6", "datum"),
        last_seen,
        newest=POSITIONS_MAX,
    ),
)
