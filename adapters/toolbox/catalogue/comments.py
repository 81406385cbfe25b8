"""What the contract's comments say of messages, fields and codes.

One convention, held by a test: "English (中文名, other names, code systems) and what else there is to say." The first
brackets hold the names, Chinese first; what begins like the number of a national, industry or ISO standard is a code
system, and the rest are names of the fields that real systems use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

_BRACKETS: Final = re.compile(r"^(?P<english>[^()]*?) ?\((?P<names>[^()]*)\)(?P<more>.*)$")
_SYSTEM: Final = re.compile(r"^(GB|GA|ISO|JT|LD|MZ)\b")
_CHINESE: Final = re.compile("[\u4e00-\u9fff]")
_UNCONFIRMED: Final = "unconfirmed"
_REQUIRED: Final = re.compile(r"(^|(?<=[. ]))Required\.$")
"""The rules say so themselves."""


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment, taken apart.

    Attributes:
        chinese: Chinese name; empty where the convention is not kept.
        english: English name.
        other_names: Further names, of real systems' fields too.
        systems: Code systems and the standards of data elements.
        more: What follows the brackets.
        unconfirmed: The domain's owner has not yet confirmed it.
    """

    chinese: str = ""
    english: str = ""
    other_names: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    more: str = ""
    unconfirmed: bool = False


def read_comment(text: str) -> Comment:
    """Take a comment apart."""
    line = " ".join(text.split())
    found = _BRACKETS.match(line)
    if found is None:
        return Comment(english=line)
    names = [one.strip() for one in re.split("[,;]", found["names"])]
    named = [one for one in names if one != _UNCONFIRMED]
    systems = tuple(one for one in named if _SYSTEM.match(one))
    spoken = [one for one in named if one not in systems]
    chinese = spoken[0] if spoken and _CHINESE.search(spoken[0]) else ""
    return Comment(
        chinese=chinese,
        english=found["english"],
        other_names=tuple(spoken[1:] if chinese else spoken),
        systems=systems,
        more=_REQUIRED.sub("", found["more"].lstrip(" .,:;")).strip(),
        unconfirmed=_UNCONFIRMED in line,
    )


def descriptor_set() -> FileDescriptorSet:
    """Read the contract as it was compiled, with its comments."""
    return FileDescriptorSet.FromString((files("yrdx") / "descriptors.binpb").read_bytes())


def read_comments(contract: FileDescriptorSet) -> dict[str, str]:
    """Return the comment of every message, field, enum and code by its full name."""
    return {name: text for file in contract.file for name, text in _of_file(file)}


def _of_file(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    for location in file.source_code_info.location:
        name = _name_at(file, list(location.path))
        if name and location.leading_comments:
            yield f"{file.package}.{name}", location.leading_comments.strip()


def _name_at(described: Any, path: list[int]) -> str:  # noqa: ANN401 - a descriptor of any kind
    """Follow a path of field numbers and places (``SourceCodeInfo.Location.path``); "" for what has no name."""
    names = []
    while path:
        field = described.DESCRIPTOR.fields_by_number.get(path[0])
        if field is None or not field.is_repeated or len(path) == 1 or field.message_type is None:
            return ""
        described = getattr(described, field.name)[path[1]]
        path = path[2:]
        if not hasattr(described, "name"):
            return ""
        names.append(described.name)
    return ".".join(names)
