"""A node's session without a node: answers by rpc, and what was asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from google.protobuf.message import Message

Answer = Message | Exception | Callable[[Any], Message]

CONNECTING = ("agreement", "case", "inbox", "outbox", "partner", "receipts", "rejections", "stream", "checks.exchange")
"""Modules of the command line that open sessions."""


class FakeStub:
    """Answers every rpc that a test prepared; keeps the requests."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self._answers = answers
        self.requests: list[Message] = []

    def __getattr__(self, name: str) -> Callable[[Message], Message]:
        return lambda request: self._answer(self._answers[name], request)

    def _answer(self, answer: Answer, request: Message) -> Message:
        self.requests.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Message) else answer(request)


def use_session(
    monkeypatch: pytest.MonkeyPatch, answers: Mapping[str, Answer], *, serving: bool = False, city: str = "320600"
) -> FakeStub:
    """Let every verb meet a fake node.

    Returns:
        Its stub, for the requests.
    """
    stub = FakeStub(answers)
    session = SimpleNamespace(stub=stub, serving=serving, settings=SimpleNamespace(city=city, dialect="local"))

    @contextmanager
    def connect(_home: Path) -> Iterator[SimpleNamespace]:
        yield session

    connection: Callable[[Path], AbstractContextManager[SimpleNamespace]] = connect
    for module in CONNECTING:
        monkeypatch.setattr(f"services.node.cli.{module}.connect", connection)
    return stub
