"""The questions of the typed services.

A new one is an rpc with its batch twin in the .proto, a pure function in its domain's file, and an entry in that
file's table; a new domain is a file, and its table here.
"""

from __future__ import annotations

from typing import Final

from services.rpc.questions import care, social, transport
from services.rpc.questions.question import Question, verify_table

SERVICES: Final = (social.SERVICE, transport.SERVICE, care.SERVICE)
QUESTIONS: Final = verify_table((*social.QUESTIONS, *transport.QUESTIONS, *care.QUESTIONS), SERVICES)

__all__ = ["QUESTIONS", "SERVICES", "Question"]
