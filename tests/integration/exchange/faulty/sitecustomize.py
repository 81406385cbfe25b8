"""Faults for the processes of one test: Python imports this first where its folder is on PYTHONPATH.

While a file named after the fault stands in TEST_FAULTS, the fault happens: an exception that nobody foresaw, whose
text quotes the very records that were being worked on, as a careless library's would.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from services.exchange import verify
from services.node import workers

_FAULTS = Path(os.environ["TEST_FAULTS"])


def _raise_if(fault: str, *quoted: bytes) -> None:
    if (_FAULTS / fault).exists():
        raise ValueError(b"".join(quoted).decode("utf-8", "replace"))


def _answer_all(answer: Callable[..., Any], questions: Any, answers: Any) -> None:
    def answered(*question: Any) -> Any:
        _raise_if("worker", *(part for argument in question if isinstance(argument, list) for part in _bytes(argument)))
        return answer(*question)

    _plain_answer_all(answered, questions, answers)


def _verify_batch(parts: Any, batch: Any, caller_city: str, fields: Any) -> Any:
    _raise_if("node", *(record.body for record in batch.records))
    return _plain_verify_batch(parts, batch, caller_city, fields)


def _bytes(argument: list[Any]) -> list[bytes]:
    return [part for part in argument if isinstance(part, bytes)]


_plain_answer_all, workers.answer_all = workers.answer_all, _answer_all
_plain_verify_batch, verify.verify_batch = verify.verify_batch, _verify_batch
