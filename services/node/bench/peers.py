"""Peers: what is measured beside the product, and is none of its dependencies."""

from __future__ import annotations

from typing import ClassVar

from services.node.exits import CommandFailed


class Absent(CommandFailed):
    """A peer is not installed."""

    reason: ClassVar[str] = "PEER_ABSENT"

    def __init__(self, *packages: str) -> None:
        """Say how to install it.

        Args:
            packages: Python packages that bring it.
        """
        super().__init__(
            f"缺少对照软件，请运行 · what is measured beside yrdx is not installed: pip install {' '.join(packages)}"
        )
