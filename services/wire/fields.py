"""Fields that a standard's declarations name: found when a dataset is compiled, read while records are judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor

INTEGER_TYPES: Final = frozenset(
    {
        FieldDescriptor.TYPE_INT32,
        FieldDescriptor.TYPE_INT64,
        FieldDescriptor.TYPE_UINT32,
        FieldDescriptor.TYPE_UINT64,
        FieldDescriptor.TYPE_SINT32,
        FieldDescriptor.TYPE_SINT64,
    }
)
"""Of what is added up."""

KEY_TYPES: Final = INTEGER_TYPES | {FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_ENUM}
"""Of what stands in a key."""


def require_single_field(descriptor: Descriptor, name: str, types: frozenset[int]) -> None:
    """Make sure that a declaration names a field that it can use.

    Args:
        descriptor: Of the declared message.
        name: As declared.
        types: Types that serve.

    Raises:
        ValueError: There is no such field, or it is repeated or of another type.
    """
    field = descriptor.fields_by_name.get(name)
    if field is None or field.is_repeated or field.type not in types:
        raise ValueError(f"{descriptor.full_name}: {name} is no single field of a type that serves in a key or a sum")


def field_reader(paths: Iterable[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Compile a function that reads fields, "division.as_of", into a tuple; one C call from two fields up."""
    names = tuple(paths)
    if len(names) > 1:
        return attrgetter(*names)
    return lambda message: tuple(attrgetter(name)(message) for name in names)
