"""Deadlines: which cases are overdue today, found without counting the days of each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta, timezone
from typing import Final

from services.domain.case import latest_overdue_start
from services.domain.working_days import WorkingDays
from services.exchange.parts import Parts
from services.ports.cases import CaseFilter
from services.ports.store import Transaction

_LOCAL: Final = timezone(timedelta(hours=8))


def local_today(parts: Parts) -> date:
    """Return the day that it is in China, where a statutory day ends at its midnight."""
    return parts.clock.now().astimezone(_LOCAL).date()


def overdue_starts(parts: Parts, calendar: WorkingDays) -> Mapping[str, date]:
    """Return, by dataset, the last day on which the clock of a case that is overdue now may have started."""
    today = local_today(parts)
    courses = ((name, parts.courses.course(name)) for name in parts.courses.datasets)
    starts = {name: latest_overdue_start(course, today, calendar) for name, course in courses if course}
    return {name: start for name, start in starts.items() if start is not None}


def count_cases(tx: Transaction, parts: Parts, calendar: WorkingDays) -> Mapping[tuple[str, str], tuple[int, int]]:
    """Count cases by partner and dataset: those that are open, and those of them that are overdue."""
    running = tx.count_cases(CaseFilter(open_only=True))
    overdue = tx.count_cases(CaseFilter(clock_upto=overdue_starts(parts, calendar)))
    return {key: (count, overdue.get(key, 0)) for key, count in running.items()}
