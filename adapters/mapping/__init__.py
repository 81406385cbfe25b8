"""One declaration per dataset and dialect, compiled to fast functions in both directions."""

from adapters.mapping.errors import MappingInvalid, NotExpressible, RowRejected
from adapters.mapping.groups import Group
from adapters.mapping.loading import find_mappings, load_mapping
from adapters.mapping.mapping import Mapping
from adapters.mapping.plan import Standardised
from adapters.mapping.typed import Value

__all__ = [
    "Group",
    "Mapping",
    "MappingInvalid",
    "NotExpressible",
    "RowRejected",
    "Standardised",
    "Value",
    "find_mappings",
    "load_mapping",
]
