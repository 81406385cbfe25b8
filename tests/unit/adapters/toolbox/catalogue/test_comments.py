"""The contract's comments keep one convention, from which the catalogue takes its names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor

from adapters.mapping.standard import find_standard
from adapters.toolbox.catalogue import load_sheets
from adapters.toolbox.catalogue.comments import Comment, descriptor_set, read_comment, read_comments

COMMENTS = read_comments(descriptor_set())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Citizen number (公民身份号码, certno, GB 11643), 18 characters,\n X in upper case. Required.",
            Comment("公民身份号码", "Citizen number", ("certno",), ("GB 11643",), "18 characters, X in upper case."),
        ),
        ("Name (姓名). Required.", Comment("姓名", "Name")),
        (
            "Level (能力最终等级, 照护等级), as it says.",
            Comment("能力最终等级", "Level", ("照护等级",), (), "as it says."),
        ),
        ("State (证件状态; unconfirmed). Required.", Comment("证件状态", "State", unconfirmed=True)),
        ("Alarms (报警标志, JT/T 808): 32 bits.", Comment("报警标志", "Alarms", (), ("JT/T 808",), "32 bits.")),
        (
            "① Paid before 1998 (98年前缴费, aic093), fen.",
            Comment("98年前缴费", "① Paid before 1998", ("aic093",), (), "fen."),
        ),
        ("No brackets. Required.", Comment(english="No brackets. Required.")),
        ("In English (only).", Comment(english="In English", other_names=("only",))),
        ("", Comment()),
    ],
)
def test_a_comment_is_taken_apart(text: str, expected: Comment) -> None:
    """English name, brackets with the Chinese name first, the rest; what keeps no convention has no Chinese name."""
    assert read_comment(text) == expected


def described_messages(descriptor: Any, seen: set[str]) -> Iterator[Descriptor]:
    """Yield a message and those of the contract inside it."""
    if descriptor.full_name not in seen and descriptor.full_name.startswith("yrdx."):
        seen.add(descriptor.full_name)
        yield descriptor
        for field in descriptor.fields:
            if field.message_type:
                yield from described_messages(field.message_type, seen)


def test_every_field_and_code_list_of_a_standard_has_its_chinese_name() -> None:
    """In the first brackets of its comment, also of parts and items; so nobody writes names a second time."""
    seen: set[str] = set()
    messages = [
        message
        for sheet in load_sheets()
        for message in described_messages(find_standard(sheet.dataset, sheet.version).message_type.DESCRIPTOR, seen)
    ]
    names = [message.full_name for message in messages]
    names += [field.full_name for message in messages for field in message.fields]
    names += [field.enum_type.full_name for message in messages for field in message.fields if field.enum_type]
    nameless = [name for name in names if not read_comment(COMMENTS.get(name, "")).chinese]

    assert len(names) > 250
    assert nameless == []


def test_comments_are_found_by_full_name() -> None:
    """Of messages, fields, nested messages, enums and codes."""
    assert COMMENTS["yrdx.types.v1.Sex.SEX_MALE"] == "1 男."
    assert COMMENTS["yrdx.types.v1.Dataset.Sum.total"].startswith("Field that holds the total")
    assert read_comment(COMMENTS["yrdx.social.v1.Contribution.person_name"]).chinese == "姓名"
