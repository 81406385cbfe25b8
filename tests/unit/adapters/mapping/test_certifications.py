"""The pitfalls of certifications: instants, a scheme that every row has, cities."""

from __future__ import annotations

import pytest

from adapters.mapping import NotExpressible, load_mapping
from tests.unit.adapters.mapping.rows import reader, rejection

LOCAL, SHANGHAI = (load_mapping(dialect, "social.certification") for dialect in ("local", "shanghai"))
local, shanghai = reader("local", "social.certification"), reader("shanghai", "social.certification")


class TestInstants:
    """Pitfall 1: 17 digits down to milliseconds, and 2019/6/12 20:53:37; both are local time."""

    def test_local_time_is_utc_plus_8(self) -> None:
        """Both dialects mean the same instant."""
        here = local(BIC162="20190612205337000").message.certified_time
        there, notes = shanghai(rzsj="2019/6/12 20:53:37")
        assert here == there.certified_time
        assert here.ToJsonString() == "2019-06-12T12:53:37Z"
        assert notes == ()

    def test_milliseconds_are_never_cut(self) -> None:
        """A dialect that cannot say them refuses the record."""
        message = local(BIC162="20190612205337123").message
        assert LOCAL.from_standard(message)[LOCAL.columns.index("BIC162")] == "20190612205337123"
        with pytest.raises(NotExpressible) as raised:
            SHANGHAI.from_standard(message)
        assert (raised.value.field, raised.value.rule_id) == ("certified_time", "time.precision")

    def test_padding_is_named(self) -> None:
        """Months, days and hours with or without a leading zero are the same."""
        message, notes = shanghai(rzsj="2019/06/12 8:53:37")
        assert notes == ("date_padding",)
        assert SHANGHAI.from_standard(message)[SHANGHAI.columns.index("rzsj")] == "2019/6/12 08:53:37"

    @pytest.mark.parametrize(
        ("text", "rule"),
        [
            ("20190612205337", "time.format"),
            ("2019-06-12 20:53:37", "time.format"),
            ("20190631205337000", "date.calendar"),
            ("20190612255337000", "date.calendar"),
            ("19491001100000000", "date.calendar"),
            ("21000101000000000", "date.calendar"),
            ("２０１９0612205337000", "time.format"),
            ("", "cell.missing"),
        ],
    )
    def test_wrong_instants(self, text: str, rule: str) -> None:
        """Another shape, no such day or hour, outside the standard's years, full width, nothing."""
        assert rejection(local, BIC162=text).rule_id == rule


class TestDefaults:
    """Shanghai's table is about one scheme alone."""

    def test_every_row_has_it(self) -> None:
        """Without a column the scheme is in the record, in either direction."""
        message = shanghai().message
        assert message.scheme == 110
        assert SHANGHAI.to_standard(SHANGHAI.from_standard(message)).message == message

    def test_other_schemes_are_refused(self) -> None:
        """Its table has no place for pensioners of another scheme; both forms say so."""
        message = local(AAE140="170").message
        refusal = SHANGHAI.unexpressible(message)
        assert refusal is not None
        assert (refusal.field, refusal.rule_id) == ("scheme", "default.differs")
        with pytest.raises(NotExpressible):
            SHANGHAI.from_standard(message)


@pytest.mark.parametrize("city", ["320601", "3206", "南通", "020600"])
def test_a_city_is_its_code(city: str) -> None:
    """Six digits that end with 00."""
    assert rejection(local, RZD=city).rule_id == "text.pattern"
