from __future__ import annotations

import json

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from services.node.logs import scrubbed, start_logging

INVENTED = "320612199001010018"


@pytest.mark.parametrize(
    "number", [INVENTED, "32061219900101001X", "320612900101001", "13812345678", "6222021234567890123"]
)
def test_personal_numbers_are_masked(number: str) -> None:
    """The last net below everything that should not have been logged."""
    assert number not in scrubbed(f"row of {number}, refused")
    assert scrubbed([{"a": (number,)}]) == [{"a": ["***"]}]


@given(st.integers(0, 10**15), st.text("0123456789abcdef", min_size=64, max_size=64).filter(lambda h: not h.isdigit()))
def test_counts_and_hashes_stay(count: int, digest: str) -> None:
    """Numbers are no text, and hashes hold letters on both sides of any run that matters."""
    assert scrubbed(count) == count
    assert len(scrubbed("x" + digest)) == 65


def test_a_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    """Programs read the log; an exception shows frames without locals."""
    start_logging("info")
    try:
        secret = INVENTED
        raise RuntimeError("broken") from None
    except RuntimeError:
        structlog.get_logger("test").error("event", number=secret, exc_info=True)
    line = capsys.readouterr().err.strip()
    assert json.loads(line)["event"] == "event"
    assert INVENTED not in line
    structlog.reset_defaults()
