"""How one page is fetched over HTTPS.

Only the standard library speaks HTTP here: no redirects, no proxies from the environment, no compression, so a page
takes no more memory than its limit says.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from ipaddress import ip_address
from socket import SHUT_RDWR, socket
from threading import Event, Timer
from typing import Final
from urllib.parse import SplitResult, urlencode, urlsplit

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from adapters.tables.errors import SourceRefused, SourceUnavailable
from adapters.tables.json_interface import PagedInterface

_FIRST_WAIT_S: Final = 0.5
_WAIT_S_MAX: Final = 10.0
_OK: Final = 200
_TOO_MANY: Final = 429
_SERVER_ERRORS: Final = range(500, 600)


class _Temporary(Exception):
    """A page could not be had now.

    Args:
        code: Type of the error, or status of HTTP.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class PageClient:
    """Fetches pages, over one connection as long as it holds.

    Args:
        interface: Where from.
        sleep: Waits between attempts.

    Attributes:
        name: The interface's name, without what follows its path.

    Raises:
        SourceRefused: The address is not allowed, or a certificate file cannot be read.
    """

    def __init__(self, interface: PagedInterface, sleep: Callable[[float], None]) -> None:
        self._interface = interface
        self._address = urlsplit(interface.url)
        self.name = f"{self._address.scheme}://{self._address.hostname or ''}{_port(self._address)}{self._address.path}"
        self._verify_address()
        self._connection = self._connect()
        self._attempts = Retrying(
            stop=stop_after_attempt(interface.attempts_max),
            wait=wait_exponential(multiplier=_FIRST_WAIT_S, max=_WAIT_S_MAX),
            retry=retry_if_exception_type(_Temporary),
            sleep=sleep,
            reraise=True,
        )

    def page(self, number: int) -> bytes:
        """Fetch a page.

        Raises:
            SourceUnavailable: It could not be had, however often it was asked for.
            SourceRefused: The server's certificate is not trusted, it answers with another status, or with too much.
        """
        try:
            return self._attempts(self._fetch, number)
        except _Temporary as error:
            raise SourceUnavailable(self.name, "json.unreachable", code=error.code) from None

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _fetch(self, number: int) -> bytes:
        try:
            if self._connection.sock is None:
                self._connection.connect()
            with _time_limit(self._connection.sock, self._interface.timeout_s):
                self._connection.request("GET", self._target(number), headers=self._headers())
                with closing(self._connection.getresponse()) as response:
                    return self._body(response)
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise SourceRefused(self.name, "json.certificate", code=error.verify_message) from None
        except (OSError, HTTPException) as error:
            self.close()
            raise _Temporary(type(error).__name__) from None
        except BaseException:
            self.close()
            raise

    def _body(self, response: HTTPResponse) -> bytes:
        if response.status in _SERVER_ERRORS or response.status == _TOO_MANY:
            raise _Temporary(str(response.status))
        if response.status != _OK:
            raise SourceRefused(self.name, "json.status", status=response.status)
        most = self._interface.page_bytes_max
        content = response.read(most + 1)
        if len(content) > most:
            raise SourceRefused(self.name, "json.too_large", most=most)
        if response.length:  # http.client does not say so by itself where a limit is given
            raise IncompleteRead(b"", response.length)
        return content

    def _target(self, number: int) -> str:
        interface = self._interface
        asked = urlencode({interface.page_parameter: number, interface.size_parameter: interface.page_rows})
        query = f"{self._address.query}&{asked}" if self._address.query else asked
        return f"{self._address.path or '/'}?{query}"

    def _headers(self) -> dict[str, str]:
        return {"Accept": "application/json", "Accept-Encoding": "identity", **self._interface.headers}

    def _verify_address(self) -> None:
        address = self._address
        try:
            plain_allowed = address.scheme == "http" and _is_loopback(address.hostname or "")
            known = bool(address.hostname) and (address.port is None or address.port > 0)
        except ValueError:
            known = False
        if not known or address.username or address.password or not (address.scheme == "https" or plain_allowed):
            raise SourceRefused(self.name, "json.url")

    def _connect(self) -> HTTPConnection:
        """Prepare the connection; it is made with the first request, and again after an error."""
        host, port, timeout_s = self._address.hostname or "", self._address.port, self._interface.timeout_s
        if self._address.scheme == "http":
            return HTTPConnection(host, port, timeout=timeout_s)
        return HTTPSConnection(host, port, timeout=timeout_s, context=self._context())

    def _context(self) -> ssl.SSLContext:
        interface = self._interface
        try:
            context = ssl.create_default_context(cafile=interface.authorities)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if interface.certificate is not None:
                # With a password given, nobody is asked for one at the terminal.
                context.load_cert_chain(interface.certificate, interface.key, password="")
        except OSError:  # ssl.SSLError is one
            raise SourceRefused(self.name, "json.trust") from None
        return context


def _port(address: SplitResult) -> str:
    try:
        return f":{address.port}" if address.port else ""
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@contextmanager
def _time_limit(connection: socket, seconds: float) -> Iterator[None]:
    """End a connection after a time: a server that sends a byte now and then would never time out.

    Raises:
        TimeoutError: The time was over before the block was.
    """
    expired = Event()

    def end() -> None:
        expired.set()
        with suppress(OSError):
            socket.shutdown(connection, SHUT_RDWR)  # below TLS, whose own would go on in the clear

    timer = Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    if expired.is_set():
        raise TimeoutError
