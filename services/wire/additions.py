"""What a later version of a standard added: ``option (yrdx.types.v1.since)`` on fields and ``added_in`` on codes.

A partner that knows an older version refuses what it does not know; so under an agreement on that version this node
refuses it before it is sent, and names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from services.domain.standard import StandardVersion
from yrdx.types.v1 import types_pb2

_SINCE: Final[Any] = types_pb2.since  # protoc types an extension as its mere descriptor
_ADDED_IN: Final[Any] = types_pb2.added_in

Search = Callable[[Any], str | None]
"""From a message to the path of the first thing in it that is later; from a field's value to what follows its name."""


def search_additions(descriptor: Descriptor, version: StandardVersion) -> Search | None:
    """Compile a search for what a version does not know.

    Args:
        descriptor: Of the newest version's message.
        version: An older version of it, or itself.

    Returns:
        A function from a message to the path of the first field that says something later, or None; None where
        nothing later can be said at all.

    Raises:
        ValueError: A mark has another shape than a version.
    """
    return _in_message(descriptor, version, ())


def _in_message(descriptor: Descriptor, version: StandardVersion, above: tuple[str, ...]) -> Search | None:
    if descriptor.full_name in above:  # it holds itself: one level says all
        return None
    within = {field.number: _in_field(field, version, (*above, descriptor.full_name)) for field in descriptor.fields}
    searches = {number: search for number, search in within.items() if search is not None}
    if not searches:
        return None

    def search(message: Any) -> str | None:  # noqa: ANN401 - the standard's message
        for field, value in message.ListFields():
            found = searches[field.number](value) if field.number in searches else None
            if found is not None:
                return f"{field.name}{found}"
        return None

    return search


def _in_field(field: FieldDescriptor, version: StandardVersion, above: tuple[str, ...]) -> Search | None:
    since = field.GetOptions().Extensions[_SINCE]
    if since and StandardVersion.parse(since) > version:
        return lambda _: ""
    if field.enum_type:
        later = frozenset(_later_codes(field.enum_type, version))
        return (lambda value: "" if later.intersection(_each(field, value)) else None) if later else None
    inner = _in_message(field.message_type, version, above) if field.message_type else None
    return None if inner is None else _in_items(field, inner)


def _later_codes(codes: EnumDescriptor, version: StandardVersion) -> Iterator[int]:
    for value in codes.values:
        added = value.GetOptions().Extensions[_ADDED_IN]
        if added and StandardVersion.parse(added) > version:
            yield value.number


def _in_items(field: FieldDescriptor, inner: Search) -> Search:
    def search(value: Any) -> str | None:  # noqa: ANN401 - a message, or a list of them
        for place, one in enumerate(_each(field, value)):
            if (path := inner(one)) is not None:
                return f"[{place}].{path}" if field.is_repeated else f".{path}"
        return None

    return search


def _each(field: FieldDescriptor, value: Any) -> Any:  # noqa: ANN401
    return value if field.is_repeated else (value,)
