"""Pages over real TLS: trust is verified, failures are retried and bounded, nothing secret is told."""

from __future__ import annotations

import json
import ssl
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from adapters.tables import PagedInterface, SourceRefused, SourceUnavailable
from adapters.tables.json_source import open_pages
from tests.integration.tables.tls_server import Authority, Handler, answer, serving

COLUMNS = ("a", "b")
PAGES = 3


def envelope(number: int, size: int) -> bytes:
    """A page whose rows say where they stand."""
    rows = [{"a": f"{number}", "b": f"{place}"} for place in range(size)]
    data = {"data": rows, "pageNumber": str(number), "pageSize": str(size), "totalPage": str(PAGES)}
    return json.dumps({"retCode": "200", "retMsg": "3", "data": data}).encode()


def good(request: BaseHTTPRequestHandler, asked: dict[str, str]) -> None:
    """Answer as an interface should."""
    answer(request, envelope(int(asked["pageNumber"]), int(asked["pageSize"])))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who issues the interface's certificate."""
    return Authority(tmp_path_factory.mktemp("authority"), "authority")


@pytest.fixture(scope="module")
def context(authority: Authority) -> ssl.SSLContext:
    """The interface's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("server", "127.0.0.1"))
    return context


def read(interface: PagedInterface) -> tuple[list[Any], list[float]]:
    """All rows, and the waits between attempts."""
    waits: list[float] = []
    with open_pages(interface, COLUMNS, sleep=waits.append) as source:
        return [tuple(row.cells) for row in source], waits


def outcome(handler: Handler, context: ssl.SSLContext | None, authority: Authority, **more: Any) -> SourceRefused:
    """How an interface is refused, or given up."""
    with serving(handler, context) as url:
        interface = PagedInterface(f"{url}/rows?key=secret", authorities=authority.file, timeout_s=5)
        with pytest.raises(SourceRefused) as raised:
            read(replace(interface, **more))
    assert raised.value.source == f"{url}/rows"
    assert "secret" not in f"{raised.value!r}{raised.value}"
    return raised.value


def test_all_pages(authority: Authority, context: ssl.SSLContext) -> None:
    """Pages come one by one, with our parameters and headers, over one connection."""
    seen: list[tuple[str, str | None, Any]] = []

    def handler(request: BaseHTTPRequestHandler, asked: dict[str, str]) -> None:
        seen.append((request.path, request.headers["X-Token"], request.client_address))
        good(request, {"pageNumber": asked["seite"], "pageSize": asked["zeilen"]})

    with serving(handler, context) as url:
        interface = PagedInterface(
            f"{url}/rows?key=1", 2, "seite", "zeilen", headers={"X-Token": "t"}, authorities=authority.file
        )
        rows, waits = read(interface)
    assert rows == [(str(number), str(place)) for number in range(1, PAGES + 1) for place in range(2)]
    assert waits == []
    assert [path for path, _, _ in seen] == [f"/rows?key=1&seite={n}&zeilen=2" for n in range(1, PAGES + 1)]
    assert {token for _, token, _ in seen} == {"t"}
    assert len({client for _, _, client in seen}) == 1


def test_failures_are_retried(authority: Authority, context: ssl.SSLContext) -> None:
    """Server errors, closed connections and broken answers are asked for again, at growing intervals."""
    faults = iter(("503", "close", "short", "429"))

    def handler(request: BaseHTTPRequestHandler, asked: dict[str, str]) -> None:
        fault = next(faults, "")
        if fault.isdigit():
            answer(request, b"busy", int(fault))
        elif fault == "short":
            request.send_response(200)
            request.send_header("Content-Length", "1000")
            request.end_headers()
            request.close_connection = True
        elif fault == "close":
            request.close_connection = True
        else:
            good(request, asked)

    with serving(handler, context) as url:
        rows, waits = read(PagedInterface(f"{url}/rows", 1, authorities=authority.file))
    assert len(rows) == PAGES
    assert waits == [0.5, 1, 2, 4]


def test_failures_are_given_up(authority: Authority, context: ssl.SSLContext) -> None:
    """After some attempts the interface is unavailable, with its last status."""
    asked: list[int] = []

    def handler(request: BaseHTTPRequestHandler, _: dict[str, str]) -> None:
        asked.append(1)
        answer(request, b"down", 500)

    error = outcome(handler, context, authority, attempts_max=3)
    assert isinstance(error, SourceUnavailable)
    assert (error.rule_id, len(asked)) == ("json.unreachable", 3)
    assert "500" in error.reason


@pytest.mark.parametrize("status", [301, 302, 401, 404])
def test_other_statuses(status: int, authority: Authority, context: ssl.SSLContext) -> None:
    """Redirects are not followed, refusals not repeated."""
    error = outcome(lambda request, _: answer(request, b"", status), context, authority)
    assert error.rule_id == "json.status"
    assert str(status) in error.reason


def test_a_page_over_the_limit(authority: Authority, context: ssl.SSLContext) -> None:
    """A page is read no further than its limit, whatever it promises."""

    def handler(request: BaseHTTPRequestHandler, _: dict[str, str]) -> None:
        request.send_response(200)
        request.end_headers()
        try:
            while True:
                request.wfile.write(b" " * 65_536)
        except OSError:
            request.close_connection = True

    error = outcome(handler, context, authority, page_bytes_max=1_000_000)
    assert error.rule_id == "json.too_large"


def test_a_server_that_drips(authority: Authority, context: ssl.SSLContext) -> None:
    """A byte now and then does not keep us."""

    def handler(request: BaseHTTPRequestHandler, _: dict[str, str]) -> None:
        request.send_response(200)
        request.end_headers()
        for _pause in range(200):
            request.wfile.write(b" ")
            request.wfile.flush()
            time.sleep(0.05)

    begun = time.monotonic()
    error = outcome(handler, context, authority, timeout_s=0.5, attempts_max=1)
    assert error.rule_id in ("json.unreachable", "json.syntax")
    assert time.monotonic() - begun < 5


class TestTrust:
    """Who may talk to whom."""

    def test_unknown_authority(self, context: ssl.SSLContext, tmp_path: Path) -> None:
        """A certificate of another authority is refused at once."""
        error = outcome(good, context, Authority(tmp_path, "other"))
        assert error.rule_id == "json.certificate"

    def test_system_authorities(self, authority: Authority, context: ssl.SSLContext) -> None:
        """Without a file, only the system's authorities are trusted."""
        assert outcome(good, context, authority, authorities=None).rule_id == "json.certificate"

    def test_another_host(self, authority: Authority) -> None:
        """A certificate for another host is refused."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.issue("elsewhere", "127.0.0.2"))
        assert outcome(good, context, authority).rule_id == "json.certificate"

    def test_old_tls(self, authority: Authority) -> None:
        """TLS below 1.2 is not spoken."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.issue("old", "127.0.0.1"))
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        assert outcome(good, context, authority, attempts_max=1).rule_id == "json.unreachable"

    def test_our_certificate(self, authority: Authority) -> None:
        """Where the interface wants one, ours is shown; without one it does not answer."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.issue("server", "127.0.0.1"))
        context.load_verify_locations(authority.file)
        context.verify_mode = ssl.CERT_REQUIRED
        certificate, key = authority.issue("city")
        with serving(good, context) as url:
            interface = PagedInterface(url, 1, authorities=authority.file, certificate=certificate, key=key)
            assert len(read(interface)[0]) == PAGES
        assert outcome(good, context, authority, attempts_max=1).rule_id == "json.unreachable"

    @pytest.mark.parametrize("name", ["none.pem", "broken.pem"])
    def test_files_that_are_none(self, name: str, tmp_path: Path) -> None:
        """Missing and broken files are told without a word of them."""
        (tmp_path / "broken.pem").write_text("-----BEGIN secret")
        for interface in (
            PagedInterface("https://127.0.0.1", authorities=tmp_path / name),
            PagedInterface("https://127.0.0.1", certificate=tmp_path / name),
        ):
            with pytest.raises(SourceRefused) as raised:
                read(interface)
            assert raised.value.rule_id == "json.trust"


def test_plain_http_to_this_machine_alone() -> None:
    """HTTP without TLS never leaves the machine."""
    with serving(good, None) as url:
        assert len(read(PagedInterface(url, 1))[0]) == PAGES


@pytest.mark.parametrize(
    "url",
    [
        "http://hr.example/rows",
        "http://127.0.0.1.example/",
        "ftp://127.0.0.1/",
        "https:///rows",
        "https://u:secret@hr.example/",
        "https://hr.example:port/",
        "hr.example",
    ],
)
def test_addresses_that_are_not_allowed(url: str) -> None:
    """Refused before anything is sent."""
    with pytest.raises(SourceRefused) as raised:
        read(PagedInterface(url))
    assert raised.value.rule_id == "json.url"
    assert "secret" not in str(raised.value)


def test_nobody_there(authority: Authority) -> None:
    """A closed port is retried, then given up."""
    with serving(good, None) as url:
        pass
    with pytest.raises(SourceUnavailable) as raised:
        read(PagedInterface(url, attempts_max=2))
    assert "ConnectionRefusedError" in raised.value.reason
