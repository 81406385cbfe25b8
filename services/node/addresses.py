"""Addresses in settings: ``host:port``, and where the store is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

_ADDRESS: Final = re.compile(r"(?P<host>[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):(?P<port>[0-9]{1,5})")
_SQLITE: Final = "sqlite:///"


def split_address(text: str) -> tuple[str, int]:
    """Return host and port; an IPv6 host loses its brackets.

    Raises:
        ValueError: It has another shape, or the port is not 1 to 65535.
    """
    match = _ADDRESS.fullmatch(text)
    if match is None or not 1 <= int(match["port"]) <= 65_535:
        raise ValueError("expected host:port with a port from 1 to 65535, 127.0.0.1:7320")
    return match["host"].strip("[]"), int(match["port"])


def verify_address(text: str) -> str:
    """Return a text that is ``host:port``.

    Raises:
        ValueError: As in `split_address`.
    """
    split_address(text)
    return text


def verify_store_url(url: str) -> str:
    """Return a store's URL that names a known kind of store and holds no secret.

    Raises:
        ValueError: Another scheme, or a password: settings are shown, copied and logged.
    """
    if url.startswith(_SQLITE) and len(url) > len(_SQLITE) and "?" not in url:
        return url
    parts = urlsplit(url)
    if parts.scheme != "postgresql":
        raise ValueError("expected sqlite:///store.sqlite (a path within the home) or postgresql://user@host/database")
    if parts.password is not None or "password" in dict(parse_qsl(parts.query)):
        raise ValueError("a password has no place in settings: put it into a file and name it, …?passfile=pgpass")
    return url


def resolve_store_url(url: str, home: Path) -> str:
    """Return a store's URL with relative paths resolved against a home.

    Args:
        url: As `verify_store_url` returned it.
        home: The home's folder, absolute.
    """
    if url.startswith(_SQLITE):
        return _SQLITE + str(home / url.removeprefix(_SQLITE))
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    if "passfile" not in query:
        return url
    return urlunsplit(parts._replace(query=urlencode(query | {"passfile": str(home / query["passfile"])}, safe="/")))


def store_file(url: str) -> Path | None:
    """Return the database file of a resolved store URL, or None when the store is a server."""
    return Path(url.removeprefix(_SQLITE)) if url.startswith(_SQLITE) else None
