"""One declaration per dataset and dialect, compiled to fast functions in both directions."""

from adapters.mapping.errors import MappingInvalid, NotExpressible, RowRejected
from adapters.mapping.mapping import Mapping, Standardised, find_mappings, load_mapping

__all__ = [
    "Mapping",
    "MappingInvalid",
    "NotExpressible",
    "RowRejected",
    "Standardised",
    "find_mappings",
    "load_mapping",
]
