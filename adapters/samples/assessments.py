"""Invented assessments of the elderly: by GB/T 42195-2022, with scores that make up the level, and by other scales."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any, Final

from adapters.samples.contributions import NANTONG, City
from adapters.samples.people import employers, people
from adapters.samples.places import own_division

_GB_42195: Final[dict[str, tuple[tuple[str, int], ...]]] = {
    "SELF_CARE": (
        *(("进食", 4), ("修饰", 4), ("洗澡", 4), ("穿/脱上衣", 4)),
        *(("穿/脱裤子和鞋袜", 4), ("小便控制", 4), ("大便控制", 4), ("如厕", 4)),
    ),
    "MOVEMENT": (("床上体位转移", 4), ("床椅转移", 4), ("平地行走", 4), ("上下楼梯", 3)),
    "MENTAL": (
        *(("时间定向", 4), ("空间定向", 4), ("人物定向", 4), ("记忆", 4), ("理解能力", 4)),
        *(("表达能力", 4), ("攻击行为", 1), ("抑郁症状", 1), ("意识水平", 2)),
    ),
    "PERCEPTION": (("视力", 2), ("听力", 2), ("执行日常事务", 4), ("使用交通工具外出", 3), ("社会交往能力", 4)),
}
"""Items of a domain, each with its most points (GB/T 42195-2022, tables A.1 to A.4)."""
_LEVEL_FROM: Final = ((90, 0), (66, 1), (46, 2), (30, 3), (0, 4))
"""Least total of a level, the best first."""
_COMA, _ONE_WORSE, _NO_CHANGE = ("COMA",), ("DIAGNOSIS", "RISK_EVENTS"), ("NONE", "NONE", "UNSPECIFIED")
_REASONS: Final = ("FIRST", "REGULAR", "IMMEDIATE", "REVIEW", "OTHER", "UNSPECIFIED")
_CARE_FORM: Final = (
    ("进食", (0, 3, 5)), ("个人卫生", (0, 1, 3, 7)), ("如厕", (0, 1, 5, 10)), ("移动", (0, 1, 5, 10)),
)  # fmt: skip
"""Shanghai's care form: what may be answered, in points; higher is worse."""
_ANSWERS: Final = ("独立完成", "需部分帮助", "需大量帮助", "完全依赖")


def assessments(city: City, random: Random, people_count: int) -> Iterator[dict[str, Any]]:
    """Invent an assessment of each person, without keeping any; a quarter of them by GB/T 42195-2022.

    Args:
        city: Whose.
        random: Source of everything that varies.
        people_count: How many people.
    """
    pool = employers(random, city.area, city.name, 20)
    prefix = "NTPG" if city is NANTONG else "SHPG"
    for person in people(random, city.area_prefixes, people_count):
        assessor = random.choice(pool)
        by_scale = random.choice((_by_gb_42195, _by_care_form, _by_care_form, _result_alone))
        yield {
            "person_number": person.number,
            "person_name": person.name,
            "source_serial": f"{prefix}2026{person.index:08d}",
            "reason": f"ASSESSMENT_REASON_{random.choice(_REASONS)}",
            "assessed_date": f"2026-{random.randrange(1, 4):02d}-{random.randrange(1, 29):02d}",
            "institution_name": assessor.name,
            "institution_code": assessor.code if random.random() < 0.9 else "",
            "division": own_division(city, random),
        } | by_scale(city, random)


def _by_gb_42195(city: City, random: Random) -> dict[str, Any]:
    """All items, subtotals, total, and both levels as they follow from them."""
    well = random.random()
    scored = [
        (domain, title, _score(random, most, well)) for domain, asked in _GB_42195.items() for title, most in asked
    ]
    items = [
        {"domain": f"ASSESSMENT_DOMAIN_{domain}", "title": title, "score": score} for domain, title, score in scored
    ]
    scores = {domain: sum(score for its, _, score in scored if its == domain) for domain in _GB_42195}
    total = sum(scores.values())
    preliminary = next(level for least, level in _LEVEL_FROM if total >= least)
    adjustment = random.choice((*_NO_CHANGE, *_NO_CHANGE, *_ONE_WORSE, *_COMA))
    return {
        "scale_code": "ASSESSMENT_SCALE_GBT_42195",
        **{f"{domain.lower()}_score": score for domain, score in scores.items()},
        "total_score": total,
        "preliminary_level": preliminary,
        "adjustment": f"LEVEL_ADJUSTMENT_{adjustment}",
        "level": _final_level(preliminary, adjustment),
        "items": items,
    }


def _score(random: Random, most: int, well: float) -> int:
    """Points of an item; who is well has most of them."""
    return most if random.random() < well else random.randrange(most + 1)


def _final_level(preliminary: int, adjustment: str) -> int:
    if adjustment in _COMA:
        return 4
    return min(preliminary + 1, 4) if adjustment in _ONE_WORSE else preliminary


def _by_care_form(city: City, random: Random) -> dict[str, Any]:
    """Shanghai's form, item by item; its level is the city's own affair."""
    answers = [(title, points, random.randrange(len(points))) for title, points in _CARE_FORM]
    items = [
        {"type": "生活自理", "category": "基本", "title": title, "answer": _ANSWERS[turn], "score": points[turn]}
        for title, points, turn in answers
    ]
    return {"scale_code": "ASSESSMENT_SCALE_SHANGHAI_CARE", "level": random.randrange(7), "items": items}


def _result_alone(city: City, random: Random) -> dict[str, Any]:
    """A scale of which the source keeps the result alone."""
    scale, levels = ("NANTONG_CARE_INSURANCE", (2, 3)) if city is NANTONG else ("LONG_TERM_CARE_2021", range(6))
    return {"scale_code": f"ASSESSMENT_SCALE_{scale}", "level": random.choice(levels)}
