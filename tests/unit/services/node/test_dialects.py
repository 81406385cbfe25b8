"""A node's dialect is any that is installed."""

from __future__ import annotations

import pytest

from adapters.mapping import find_mappings
from services.node.dialects import installed_dialects, verify_dialect


def test_installed_dialects() -> None:
    """Those that have mappings, and no others."""
    assert installed_dialects() == sorted({dialect for dialect, _ in find_mappings()})


def test_unknown_ones() -> None:
    """The error names those that are known."""
    assert verify_dialect("shanghai") == "shanghai"
    with pytest.raises(ValueError, match="local, shanghai"):
        verify_dialect("mapping")
