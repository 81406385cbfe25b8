"""A worker for tests: tells what it was asked, or how it is asked to end."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from services.node.workers import answer_questions


def _answer(words: Any, seconds: float = 0.0) -> Any:
    if words == "die":
        os._exit(1)
    time.sleep(seconds)
    return os.getpid(), words


if __name__ == "__main__":
    if sys.argv[1:] == ["never"]:
        sys.exit(3)
    answer_questions(_answer)
