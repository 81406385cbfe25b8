from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.node.signals.metrics import Metrics

DATASET = "social.contribution"


def _rejected(metrics: Metrics) -> dict[str, float]:
    """Return refused records by rule."""
    return {
        sample.labels["rule"]: sample.value
        for metric in metrics.registry.collect()
        for sample in metric.samples
        if sample.name == "yrdx_rejected_records_total"
    }


@pytest.mark.parametrize("rule", ["citizen_number.check", "int64.gte", "string.pattern", "record.unknown_field"])
def test_rules_of_the_contract_are_labels(rule: str) -> None:
    """As operators read them in rejections."""
    metrics = Metrics()
    metrics.rejected("in", DATASET, rule)

    assert _rejected(metrics) == {rule: 1}


@given(st.text() | st.sampled_from(["沈示例", "citizen_number.320612199001010018", "Shen Shili", "a" * 101 + "1"]))
def test_a_rule_from_outside_brings_no_text_of_its_own(rule: str) -> None:
    """A partner's receipt may say anything; a label says letters of a rule's shape, or "other"."""
    metrics = Metrics()
    metrics.rejected("out", DATASET, rule)

    ((label, count),) = _rejected(metrics).items()
    assert count == 1
    assert label == "other" or (label == rule and label.isascii())


def test_rules_from_outside_are_bounded() -> None:
    """A partner that invents rules does not fill the memory of whoever scrapes."""
    metrics = Metrics()
    for number in range(1_000):
        metrics.rejected("out", DATASET, "rule." + "".join(chr(ord("a") + int(digit)) for digit in str(number)))

    assert len(_rejected(metrics)) == 201
    assert _rejected(metrics)["other"] == 800
