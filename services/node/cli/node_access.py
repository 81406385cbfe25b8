"""The way from a verb to its node, serving or not."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.node.session import NodeSession


def connect(home: Path) -> AbstractContextManager[NodeSession]:
    """Open a session with the node of a home; grpc and the store are imported here and no earlier.

    Raises:
        HomeMissing, SettingsMistake, HomeBusy, ExchangeError: When the context is entered.
    """
    from services.node.session import open_session

    return open_session(home)
