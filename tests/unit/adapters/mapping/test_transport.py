"""The pitfalls of transport: cities of another code system, concessions that add up, colours, dates without end."""

from __future__ import annotations

import pytest

from adapters.mapping import NotExpressible, load_mapping
from tests.unit.adapters.mapping.rows import reader, rejection
from yrdx.transport.v1.vehicle_pb2 import PLATE_COLOUR_FARM_GREEN

local_tap, shanghai_tap = (reader(dialect, "transport.tap") for dialect in ("local", "shanghai"))
local_card, shanghai_card = (reader(dialect, "transport.concession") for dialect in ("local", "shanghai"))
local_place, shanghai_place = (reader(dialect, "transport.position") for dialect in ("local", "shanghai"))
local_licence, shanghai_licence = (reader(dialect, "transport.vehicle_licence") for dialect in ("local", "shanghai"))


class TestTaps:
    """Settlement rows at home, JT/T 978 transactions in Shanghai."""

    def test_cities_of_gb_t_13497(self) -> None:
        """2900 and 310000 are one city; a code that nobody knows is refused with its system."""
        assert local_tap(cityCode="2900").message.city == shanghai_tap(csdm="2900").message.city == "310000"
        refused = rejection(shanghai_tap, csdm="1000")
        assert (refused.rule_id, refused.field) == ("code.unknown", "city")
        assert "GB/T 13497" in refused.reason

    def test_concessions_add_up(self) -> None:
        """The full fare is the concession plus the charge, in fen here and in yuan there."""
        here = local_tap(ogiginalAmount="200", concessionAmount="80", transactAmount="120").message
        there = shanghai_tap(ysje="2.00", yhje="0.80", ssje="1.20").message
        assert (here.due_fen, here.concession_fen, here.charged_fen) == (200, 80, 120)
        assert (there.due_fen, there.concession_fen, there.charged_fen) == (200, 80, 120)

    def test_a_sum_that_fails_names_its_columns(self) -> None:
        """And never the amounts."""
        refused = rejection(local_tap, ogiginalAmount="200", concessionAmount="80", transactAmount="119")
        assert (refused.column, refused.rule_id) == ("ogiginalAmount", "sum.mismatch")
        assert "concessionAmount + transactAmount" in refused.reason
        assert "119" not in str(refused)

    def test_no_error_is_not_a_code(self) -> None:
        """0000 says that clearing rejected nothing."""
        message, notes = local_tap(errorCode="0000")
        assert (message.reject_code, notes) == ("", ("missing_word",))

    def test_a_transaction_code_counts_its_digits(self) -> None:
        """A spreadsheet that made 06 to 6 is refused, not guessed."""
        assert rejection(local_tap, tradeCode="6").rule_id == "code.unknown"

    def test_the_cards_count_ends_at_two_bytes(self) -> None:
        """JT/T 978 has it in u16."""
        assert local_tap(cardSequence="65535").message.card_sequence == 65535
        assert rejection(local_tap, cardSequence="65536").rule_id == "count.range"


class TestConcessions:
    """Entitlements without end are said by a date here, by a word there."""

    def test_without_end(self) -> None:
        """99991231 and 长期 both are no date at all."""
        assert local_card(validUntil="99991231").message.valid_until_date == ""
        assert shanghai_card(yxqz="长期").message.valid_until_date == ""

    def test_photographs_stay(self) -> None:
        """Whatever the column holds, nothing of it is read."""
        assert local_card(photoRef="p/1") == local_card(photoRef="")


class TestLicences:
    """Colours by JT/T 415, plates of trailers, VINs."""

    def test_colours(self) -> None:
        """The code here, the word there; another vendor's 0 for black is refused."""
        assert local_licence(plateColorCode="92").message.plate_colour == PLATE_COLOUR_FARM_GREEN
        assert shanghai_licence(cpys="农绿").message.plate_colour == PLATE_COLOUR_FARM_GREEN
        assert rejection(local_licence, plateColorCode="0").rule_id == "code.unknown"

    @pytest.mark.parametrize("plate", ["苏F00001", "苏FD00001", "沪A0001挂", "沪A0001学"])
    def test_plates(self, plate: str) -> None:
        """Of cars, new-energy cars, trailers and driving schools."""
        assert local_licence(vehicleNo=plate).message.plate_number == plate

    @pytest.mark.parametrize("plate", ["F00001", "苏f00001", "苏F-00001", "苏F001"])
    def test_wrong_plates(self, plate: str) -> None:
        """Without a province, in lower case, with a dash, too short."""
        assert rejection(local_licence, vehicleNo=plate).rule_id == "text.pattern"

    def test_a_vin_has_no_letter_that_looks_like_a_digit(self) -> None:
        """GB 16735 leaves out I, O and Q."""
        assert rejection(local_licence, vinNo="LSVAA2A10N000000O").rule_id == "text.pattern"

    def test_goods_classes_are_listed_by_commas(self) -> None:
        """And there are nine of them (GB 6944)."""
        assert shanghai_licence(whlb="2,3").message.dangerous_goods_classes == "2,3"
        assert rejection(shanghai_licence, whlb="2、3").rule_id == "text.pattern"
        assert rejection(shanghai_licence, whlb="10").rule_id == "text.pattern"

    def test_a_name_of_a_division_that_is_none(self) -> None:
        """Shanghai's tables name divisions in force: a code in force elsewhere has no name there."""
        message = local_licence(issueDivision="320613").message
        message.issuing_division.code = "999999"
        with pytest.raises(NotExpressible) as raised:
            load_mapping("shanghai", "transport.vehicle_licence").from_standard(message)
        assert raised.value.rule_id == "division.not_in_force"


class TestPositions:
    """Tenths here, whole units there; latitude and longitude never change places unseen."""

    def test_units(self) -> None:
        """66.6 km/h is 666 here, and 66 in whole km/h there: the tenth is left out, which lint lists."""
        message = local_place(speed="666", mileage="123456").message
        there = load_mapping("shanghai", "transport.position")
        row = dict(zip(there.columns, there.from_standard(message), strict=True))
        assert (row["VEC1"], row["VEC3"]) == ("66", "12345")
        assert shanghai_place(VEC1="66", VEC3="12345").message.speed_deci_kmh == 660

    @pytest.mark.parametrize("cell", ["6.6", "-1", "066", "６６"])
    def test_speeds_are_whole(self, cell: str) -> None:
        """No decimals, no sign, no zeros before, no full width."""
        assert rejection(shanghai_place, VEC1=cell).rule_id == "count.format"

    def test_a_speed_beyond_the_frames(self) -> None:
        """u16 of 0.1 km/h ends at 6553.5."""
        assert rejection(shanghai_place, VEC1="6554").rule_id == "converter.range"

    def test_places_that_are_exchanged(self) -> None:
        """A longitude of the delta is no latitude."""
        assert rejection(local_place, latitude="120876543").rule_id == "count.range"

    def test_encrypted_coordinates(self) -> None:
        """Are refused: nobody here could read them."""
        assert rejection(shanghai_place, ENCRYPT="1").rule_id == "fixed.other"

    def test_a_datum_is_never_assumed(self) -> None:
        """It is required, and an unknown one is refused."""
        assert rejection(local_place, datum="").rule_id == "cell.missing"
        assert rejection(local_place, datum="WGS-84").rule_id == "code.unknown"
