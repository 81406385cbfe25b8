"""What the access log says of a question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from services.domain.access import Access, Side
from services.domain.agreement import Agreement
from services.domain.errors import ExchangeError
from services.domain.lookup import Asker, Inquiry
from services.ports.clock import Clock

FAULT: Final = "FAULT"
"""Outcome of a question whose answer a fault of ours prevented; its records were looked at."""

Pseudonym = Callable[[Sequence[str]], bytes]
"""A subject's texts → HMAC-SHA-256 under the node's secret, 32 bytes."""


@dataclass(frozen=True, slots=True)
class AccessLines:
    """Makes the lines of one node.

    Attributes:
        city: This node's city code.
        clock: Time.
        pseudonym: What stands in the log for a subject.
    """

    city: str
    clock: Clock
    pseudonym: Pseudonym

    def line(self, inquiry: Inquiry, asker: Asker, side: Side, agreement: Agreement | None, outcome: str) -> Access:
        """Return the line of a question that came to an end now.

        Args:
            inquiry: The question.
            asker: Who asked this node.
            side: Which end of the question this node was.
            agreement: The one it names, where one stands here.
            outcome: What it came to.
        """
        right = inquiry.right
        own = asker.city == self.city and right.city == self.city
        return Access(
            time=self.clock.now(),
            side=side,
            asked_city=right.city,
            caller_city=asker.city,
            caller=asker.uri,
            question=inquiry.question,
            agreement_id=agreement.id if agreement else "",
            agreement_version=agreement.version if agreement else 0,
            purpose=right.purpose if own or (agreement and right.purpose in agreement.purposes) else "",
            legal_basis=right.legal_basis if own or (agreement and right.legal_basis == agreement.legal_basis) else "",
            request_id=right.request_id,
            clerk_reference=right.clerk_reference,
            subject=self.pseudonym(inquiry.subject),
            outcome=outcome,
        )


def outcome_of(error: Exception) -> str:
    """Return what the log says of a question without an answer, also where that is a fault of ours."""
    return error.reason if isinstance(error, ExchangeError) else FAULT
