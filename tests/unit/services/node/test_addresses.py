from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.node.addresses import resolve_store_url, split_address, store_file, verify_address, verify_store_url


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("127.0.0.1:7320", ("127.0.0.1", 7320)),
        ("gateway.320600.yrdx:443", ("gateway.320600.yrdx", 443)),
        ("[::1]:7320", ("::1", 7320)),
    ],
)
def test_addresses_are_host_and_port(text: str, parts: tuple[str, int]) -> None:
    """Names, IPv4 and bracketed IPv6 are read."""
    assert split_address(text) == parts
    assert verify_address(text) == text


@pytest.mark.parametrize("text", ["", "7320", "host", "host:", "host:0", "host:65536", "::1:7320", "a b:1", "h:1\n"])
def test_anything_else_is_no_address(text: str) -> None:
    """A slip is told at once, not when the node binds."""
    with pytest.raises(ValueError, match="expected host:port"):
        split_address(text)


@given(st.text())
def test_reading_an_address_ends_in_an_address_or_a_value_error(text: str) -> None:
    """No other error comes out, whatever is typed."""
    try:
        _, port = split_address(text)
    except ValueError:
        return
    assert 1 <= port <= 65_535


def test_relative_paths_in_a_store_url_lie_within_the_home() -> None:
    """The store stands in the home, wherever the command is run from."""
    home = Path("/var/lib/yrdx")

    assert resolve_store_url("sqlite:///store.sqlite", home) == "sqlite:////var/lib/yrdx/store.sqlite"
    assert resolve_store_url("sqlite:////srv/s.sqlite", home) == "sqlite:////srv/s.sqlite"
    assert resolve_store_url("postgresql://u@h/d", home) == "postgresql://u@h/d"
    assert (
        resolve_store_url("postgresql://u@h/d?passfile=pgpass&host=/run/pg", home)
        == "postgresql://u@h/d?passfile=/var/lib/yrdx/pgpass&host=/run/pg"
    )


def test_the_database_file_is_known_for_sqlite_alone() -> None:
    """A server has no file to look at."""
    assert store_file("sqlite:////srv/s.sqlite") == Path("/srv/s.sqlite")
    assert store_file("postgresql://u@h/d") is None


@pytest.mark.parametrize("url", ["postgresql://u:secret@h/d", "postgresql://u@h/d?password=secret"])
def test_a_password_has_no_place_in_a_url(url: str) -> None:
    """Secrets are file references; the message does not repeat it."""
    with pytest.raises(ValueError, match="passfile") as caught:
        verify_store_url(url)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "sqlite:///", "sqlite://", "mysql://h/d", "store.sqlite", "sqlite:///a?mode=ro"])
def test_other_stores_are_refused(url: str) -> None:
    """Only what has a store behind it is taken."""
    with pytest.raises(ValueError, match="expected sqlite"):
        verify_store_url(url)
