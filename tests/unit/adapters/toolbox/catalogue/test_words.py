"""Rules, types and units in words, those that nobody foresaw too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message_factory import GetMessageClass

from adapters.mapping.standard import find_standard
from adapters.toolbox.catalogue.words import dataset_rules, rules_of, type_of, unit_of
from tests.unit.services.wire.protos import compile_messages

LATER = """
message Later {
  message Step { string from = 1; string to = 2; }
  string name = 1;
  repeated yrdx.types.v1.Dataset.Sum sums = 4;
  repeated yrdx.types.v1.Dataset.ItemSum item_sums = 5;
  repeated yrdx.types.v1.Dataset.Decision decisions = 6;
  repeated Step steps = 7;
  string clock = 8;
}
"""


def test_an_option_that_is_not_known_here_is_said_as_it_is_declared(tmp_path: Path) -> None:
    """A later kind of rule stands in the catalogue without a line of code."""
    later: Any = GetMessageClass(compile_messages(tmp_path, LATER)["Later"])
    declared = later(name="a.b", steps=[{"from": "x", "to": "y"}, {"to": "z"}], clock="45d")
    declared.sums.add(total="t", parts=["p", "q"])
    declared.item_sums.add(total="t", part="items.a", where="kind", value="KIND_A")

    assert list(dataset_rules(declared)) == [
        "`t` = `p` + `q`",
        "`t` = Σ `items.a` (`kind` = KIND_A)",
        'steps: from: "x" to: "y"',
        'steps: to: "z"',
        "clock: 45d",
    ]


@pytest.mark.parametrize(
    ("dataset", "path", "type_words", "unit"),
    [
        ("social.contribution", "person_name", "文本 / text", ""),
        ("social.contribution", "birth_date", "日期 / date", ""),
        ("social.contribution", "period_month", "年月 / month", ""),
        ("social.contribution", "base_fen", "整数 / whole number", "分 / fen, 1/100 yuan"),
        ("social.contribution", "sex", "代码 / code", ""),
        ("social.contribution", "paid", "是否 / yes or no", ""),
        ("social.contribution", "division", "行政区划 / division", ""),
        ("social.transfer", "years", "列表 / list", ""),
        ("social.transfer", "paid_months", "整数 / whole number", "月 / months"),
        ("social.transfer", "years.employer_rate", "文本 / text", "比例，小数 / rate, a decimal"),
        ("transport.position", "located_time", "时刻 / instant", ""),
        ("transport.position", "recorder_speed_deci_kmh", "整数 / whole number", "0.1 千米每小时 / 0.1 km/h"),
        ("transport.position", "latitude_e6", "整数 / whole number", "百万分之一度 / degrees × 10⁶"),
    ],
)
def test_a_field_says_what_it_holds(dataset: str, path: str, type_words: str, unit: str) -> None:
    """The unit is the end of its name."""
    facts = find_standard(dataset, "1").find(path)

    assert facts is not None
    assert (type_of(facts), unit_of(facts)) == (type_words, unit)


def test_every_rule_of_a_field_is_said() -> None:
    """Named ones in words, limits with their numbers, others by their name in buf.validate."""
    fields = find_standard("care.settlement", "1").message_type.DESCRIPTOR.fields_by_name

    assert list(rules_of(fields["person_number"])) == [
        "公民身份号码校验 / check character of GB 11643, birth date exists",
        "格式 `^[1-9][0-9]{16}[0-9X]$` / matches it",
    ]
    assert list(rules_of(fields["items"])) == ["至多 500 项 / at most 500 items"]
    assert sorted(rules_of(fields["total_fen"])) == ["至多 9999999999 / at most 9999999999", "至少 0 / at least 0"]
    assert sorted(rules_of(fields["settled_time"])) == [
        "不早于 1970-01-01T00:00:00Z / not before 1970-01-01T00:00:00Z",
        "早于 2099-12-31T16:00:00Z / before 2099-12-31T16:00:00Z",
    ]
