from __future__ import annotations

from services.node.metrics import case_samples, exposition


def test_cases_are_counted_by_partner_and_dataset() -> None:
    """Open ones and those of them that are overdue, also where none is; no label names a case."""
    text = exposition(case_samples({("310000", "social.transfer"): (7, 0), ("320500", "social.transfer"): (2, 1)}))
    assert text.splitlines() == [
        "# HELP yrdx_cases_open Cases with a partner that are not closed.",
        "# TYPE yrdx_cases_open gauge",
        'yrdx_cases_open{dataset="social.transfer",partner="310000"} 7',
        'yrdx_cases_open{dataset="social.transfer",partner="320500"} 2',
        "# HELP yrdx_cases_overdue Open cases that are past their statutory due day.",
        "# TYPE yrdx_cases_overdue gauge",
        'yrdx_cases_overdue{dataset="social.transfer",partner="310000"} 0',
        'yrdx_cases_overdue{dataset="social.transfer",partner="320500"} 1',
    ]
