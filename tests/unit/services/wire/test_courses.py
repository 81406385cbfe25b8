"""A course is declared with its standard, and a declaration that cannot hold stops the node at start."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from services.domain.course import Move
from services.wire.datasets import Dataset, compile_dataset, load_datasets
from services.wire.moves import ContractCourses
from tests.unit.services.wire.protos import compile_messages
from tests.unit.services.wire.samples import CONTRIBUTION
from yrdx.types.v1.types_pb2 import OPERATION_RETRACT, OPERATION_UPSERT, RecordBody

STEPS = """
  {{value: "STAGE_ASKED" label: "申请" sender: "of" opens: true next: ["STAGE_DONE"]}},
  {{value: "STAGE_DONE" label: "办结" sender: "to"}}
""".replace("{{", "{").replace("}}", "}")
COURSE = f'number: "id" step: "stage" day: "day" steps: [{STEPS}]'
DECLARED = """
enum Stage {{ STAGE_UNSPECIFIED = 0; STAGE_ASKED = 1; STAGE_DONE = 2; }}
message Matter {{
  option (yrdx.types.v1.dataset) = {{ name: "made.matter" standard: "1" key: [{key}] course: {{ {course} }} }};
  string id = 1;
  Stage stage = 2;
  string day = 3 [
    (yrdx.types.v1.rule) = RULE_CALENDAR_DATE,
    (buf.validate.field).string.pattern = "^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}$"
  ];
  yrdx.types.v1.Division of = 4 [(buf.validate.field).required = true];
  yrdx.types.v1.Division to = 5 [(buf.validate.field).required = true];
  yrdx.types.v1.Division perhaps = 6;
  string month = 7 [
    (yrdx.types.v1.rule) = RULE_CALENDAR_DATE,
    (buf.validate.field).string.pattern = "^[0-9]{{4}}-[0-9]{{2}}(-[0-9]{{2}})?$"
  ];
}}
"""


def matter(folder: Path, course: str = COURSE, key: str = '"id", "stage"') -> Dataset:
    """Compile a made-up standard."""
    return compile_dataset(compile_messages(folder, DECLARED.format(course=course, key=key))["Matter"])


def test_a_course_is_compiled_from_its_declaration(tmp_path: Path) -> None:
    """Steps in order with both names, what may follow, and whose they are; no agreement leaves its fields out."""
    dataset = matter(tmp_path, COURSE + ' clock: {starts: ["STAGE_ASKED"] working_days: 10}')
    assert dataset.course is not None
    asked, done = dataset.course.course.steps.values()
    assert (asked.label, asked.english, asked.role, asked.opens, asked.following) == (
        "申请",
        "asked",
        "of",
        True,
        frozenset({2}),
    )
    assert (done.opens, done.following) == (False, frozenset())
    assert dataset.course.course.clock is not None
    assert {"id", "stage", "day", "of", "to"} <= dataset.indispensable


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('number: "id"', 'number: "day"'),
        ('day: "day"', 'day: "month"'),
        ('day: "day"', 'day: "id"'),
        ('day: "day"', 'day: "nowhere"'),
        ('sender: "to"', 'sender: "id"'),
        ('sender: "to"', 'sender: "perhaps"'),
        ('next: ["STAGE_DONE"]', 'next: ["STAGE_LOST"]'),
        ('next: ["STAGE_DONE"]', 'next: ["STAGE_ASKED"]'),
        ('{value: "STAGE_DONE" label: "办结" sender: "to"}', '{value: "STAGE_LOST" label: "x" sender: "to"}'),
        (f"steps: [{STEPS}]", f'steps: [{STEPS}] clock: {{starts: ["STAGE_LOST"] working_days: 1}}'),
        (f"steps: [{STEPS}]", f'steps: [{STEPS}] clock: {{starts: ["STAGE_ASKED"]}}'),
    ],
)
def test_a_declaration_that_cannot_hold_is_refused(tmp_path: Path, old: str, new: str) -> None:
    """Another key, a month to count from, nobody's step, unknown steps, a clock without a beginning."""
    assert old in COURSE
    with pytest.raises(ValueError, match="Matter"):
        matter(tmp_path, COURSE.replace(old, new))


def test_the_key_is_the_case_and_the_step(tmp_path: Path) -> None:
    """Otherwise two records of one step would not replace each other."""
    with pytest.raises(ValueError, match="its case and its step"):
        matter(tmp_path, key='"id", "stage", "day"')


def test_moves_are_read_from_bodies() -> None:
    """Number, step, day, the division of whose step it is, and whether it is taken back."""
    datasets = load_datasets()
    courses, transfer = ContractCourses(datasets), datasets.find("social.transfer", "1")
    message: Any = transfer.message_class(case_number="NT1", step=3, step_date="2026-03-01")
    message.from_division.code, message.to_division.code = "320685", "310115"
    bodies = []
    for operation in (OPERATION_UPSERT, OPERATION_RETRACT):
        body = RecordBody(operation=operation, key=transfer.key(message))
        body.message.type_url, body.message.value = transfer.type_url, message.SerializeToString()
        bodies.append(body.SerializeToString())
    moves = courses.moves("social.transfer", "1", bodies)
    assert moves == [Move("NT1", 3, date(2026, 3, 1), "310115", back) for back in (False, True)]


def test_nearly_all_datasets_have_none() -> None:
    """Their records are no steps, and nobody may ask for moves."""
    courses = ContractCourses(load_datasets())
    assert courses.datasets == ["social.transfer"]
    assert courses.course(CONTRIBUTION.name) is None
    with pytest.raises(ValueError, match="no course"):
        courses.moves(CONTRIBUTION.name, "1", [b""])
