"""The server's TLS configuration is one ready object, handed over once, and never one that refuses everybody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from services.rpc.credentials import ServerTrust

PEMS = {"chain_pem": b"chain", "key_pem": b"key", "roots_pem": b"roots"}


@pytest.fixture
def fetcher(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """What gRPC asks before each handshake; configurations are their own arguments here."""
    asked: dict[str, Any] = {}

    def credentials(initial: object, fetch: object, **options: object) -> str:
        asked.update(initial=initial, fetch=fetch, **options)
        return "credentials"

    monkeypatch.setattr(grpc, "dynamic_ssl_server_credentials", credentials)
    monkeypatch.setattr(
        grpc, "ssl_server_certificate_configuration", lambda pairs, root_certificates: [pairs, root_certificates]
    )
    return lambda: asked["fetch"]() if asked["require_client_authentication"] else None


def test_a_configuration_that_is_in_use_is_never_handed_over_again(fetcher: Callable[[], Any]) -> None:
    """GRPC would free the one in use under a handshake that goes on in another thread."""
    ServerTrust(**PEMS)

    assert [fetcher(), fetcher()] == [None, None]


def test_a_replacement_counts_from_the_next_handshake(fetcher: Callable[[], Any]) -> None:
    """Leaf, key and roots change together, once."""
    trust = ServerTrust(**PEMS)

    trust.replace(chain_pem=b"chain2", key_pem=b"key2", roots_pem=b"roots2")

    assert [fetcher(), fetcher()] == [[[(b"key2", b"chain2")], b"roots2"], None]


@pytest.mark.parametrize("roots", [b"", b"\n "])
def test_no_roots_are_a_mistake(fetcher: Callable[[], Any], roots: bytes) -> None:
    """GRPC would take them and refuse every caller without a word."""
    trust = ServerTrust(**PEMS)
    with pytest.raises(ValueError, match="roots"):
        trust.replace(chain_pem=b"chain", key_pem=b"key", roots_pem=roots)

    assert fetcher() is None
