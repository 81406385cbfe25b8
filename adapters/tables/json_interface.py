"""An interface that hands out rows by pages over HTTPS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PagedInterface:
    """Where pages come from and how they are asked for.

    Attributes:
        url: ``https://…``; ``http://`` only to this machine itself.
        page_rows: Rows asked for at once.
        page_parameter: Name of the parameter that holds the page's number, from 1.
        size_parameter: Name of the parameter that holds the rows of a page.
        headers: Sent with every request, a token among them; never shown.
        authorities: PEM file of the authorities that are trusted; None for those of the system.
        certificate: PEM file of our certificate, where the interface wants one.
        key: PEM file of its key, not encrypted.
        timeout_s: Longest time for a page, and for each step towards it.
        page_bytes_max: Longest page.
        attempts_max: How often a page is asked for.
    """

    url: str
    page_rows: int = 500
    page_parameter: str = "pageNumber"
    size_parameter: str = "pageSize"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    authorities: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    timeout_s: float = 30.0
    page_bytes_max: int = 4 << 20
    attempts_max: int = 5
