"""What a question says, and what answers it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from services.domain.lookup import Asked, Inquiry, Outcome


class AnsweredQuestion(Protocol):
    """One rpc of the typed services: bytes in, bytes out, a pure function between them."""

    def parse(self, request: bytes) -> Any:  # noqa: ANN401 - its own request, which nobody else looks into
        """Return a request that was checked by the contract's rules."""
        ...

    def inquiry(self, request: Any) -> Inquiry:  # noqa: ANN401
        """Return what a request asks."""
        ...

    def answer(self, request: Any, asked: Asked, bodies: Sequence[bytes]) -> tuple[Outcome, bytes]:  # noqa: ANN401
        """Answer a request from the bodies of the subject's records, the oldest first.

        Raises:
            services.domain.errors.ExchangeError: There is no answer.
        """
        ...
