"""Calls to a node with any certificate, or none, and how they end: nothing of what it answers is smoothed over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from certs.identity import gateway_host
from services.wire.status import DETAILS_KEY, DOMAIN
from yrdx.exchange.v1.exchange_pb2 import DeliverResponse

ANSWER_WITHIN_S: Final = 30.0
Leaf = tuple[bytes, bytes]
"""Certificate chain and private key, both PEM."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended.

    Attributes:
        answers: What was answered before it ended.
        code: Status code.
        info: ErrorInfo of the status; empty when there is none.
        status: The rich status; empty when there is none.
        details: The status's text.
    """

    answers: list[Any]
    code: grpc.StatusCode
    info: ErrorInfo
    status: Status
    details: str

    @property
    def reason(self) -> str:
        """Why it was refused; empty when the status does not say."""
        return str(self.info.reason) if self.info.domain == DOMAIN else ""

    @property
    def told(self) -> str:
        """Code and reason, for people."""
        return f"{self.code.name} {self.reason}".rstrip()

    def detail(self, kind: type[Message]) -> Any:  # noqa: ANN401 - the kind that was asked for
        """Return the status's detail of a kind, or None."""
        for packed in self.status.details:
            found = kind()
            if packed.Is(kind.DESCRIPTOR) and _parses(found, packed.value):
                return found
        return None

    @property
    def receipts(self) -> list[Any]:
        """The signed receipts among the answers of a stream."""
        streamed = [answer for answer in self.answers if isinstance(answer, DeliverResponse)]
        return [answer.acknowledgement.receipt for answer in streamed if answer.HasField("acknowledgement")]


def outcome(answers: Iterable[Any]) -> Outcome:
    """Read a call to its end."""
    found: list[Any] = []
    try:
        found.extend(answers)
    except grpc.RpcError as error:
        return failed(error, found)
    return Outcome(found, grpc.StatusCode.OK, ErrorInfo(), Status(), "")


def failed(error: Any, answers: list[Any] | None = None) -> Outcome:  # noqa: ANN401 - grpc's error is a call as well
    """Return how a call failed."""
    status, info = Status(), ErrorInfo()
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY:
            _parses(status, value)
    for packed in status.details:
        if packed.Is(ErrorInfo.DESCRIPTOR):
            _parses(info, packed.value)
    return Outcome(answers or [], error.code(), info, status, error.details() or "")


@contextmanager
def dialled(
    address: str, city: str, *, roots_pem: bytes, leaf: Leaf | None, options: Sequence[tuple[str, int]] = ()
) -> Iterator[grpc.Channel]:
    """Dial a city's gateway.

    Args:
        address: Where it listens.
        city: Whose gateway it must be.
        roots_pem: Authorities that are believed.
        leaf: Certificate and key that are shown; None: none.
        options: Of the channel.
    """
    chain_pem, key_pem = leaf or (None, None)
    credentials = grpc.ssl_channel_credentials(roots_pem, key_pem, chain_pem)
    chosen = [*options, ("grpc.ssl_target_name_override", gateway_host(city)), ("grpc.enable_http_proxy", 0)]
    with grpc.secure_channel(address, credentials, options=chosen) as channel:
        yield channel


def _parses(message: Message, content: bytes) -> bool:
    """Details that do not parse count as absent: the code alone is an answer."""
    try:
        message.ParseFromString(content)
    except DecodeError:
        message.Clear()
        return False
    return True
