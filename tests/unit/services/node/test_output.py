from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.node.output import (
    ROWS_FOR_PEOPLE_MAX,
    plain_table,
    print_fields,
    print_json,
    print_json_array,
    print_table,
    printable,
)


def test_columns_line_up_also_with_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    """Wide characters take two columns, numbers stand to the right."""
    table = plain_table(("城市 city", "n"), [("南通", 1), ("Shanghai", 12_000)])

    assert table.splitlines() == ["城市 city       n", "南通            1", "Shanghai   12,000"]


def test_an_empty_table_is_its_head_and_a_word_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe gets the head, a person is told that there is nothing."""
    print_table(("a", "b"), [])

    out, err = capsys.readouterr()
    assert out == "a  b\n"
    assert "nothing to list" in err


def test_a_long_table_is_cut_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """People get the first rows, and the way to all of them."""
    print_table(("n",), ((number,) for number in range(ROWS_FOR_PEOPLE_MAX + 1)))

    out, err = capsys.readouterr()
    assert len(out.splitlines()) == ROWS_FOR_PEOPLE_MAX + 1
    assert "--json" in err


@given(st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.none())))
def test_a_streamed_array_is_json(values: list[dict[str, object]]) -> None:
    """Whatever the elements hold, programs read the array back, and it is ASCII on the wire."""
    with pytest.MonkeyPatch.context() as patch:
        written: list[str] = []
        patch.setattr("builtins.print", lambda text, end="\n", **_: written.append(text + end))
        print_json_array(iter(values))

    assert json.loads("".join(written)) == values
    assert "".join(written).isascii()


def test_json_has_no_nan() -> None:
    """RFC 8259 knows no NaN; a program would choke on it."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        print_json({"age_s": float("nan")})


@pytest.mark.parametrize("character", ["\x1b", "\x07", "\x9b", "\u202e", "\ud800"])
def test_nothing_from_outside_steers_a_terminal(character: str) -> None:
    """File names and a partner's reasons cannot move the cursor or turn text around."""
    assert printable(f"a{character}b") == "a\N{REPLACEMENT CHARACTER}b"


def test_plain_text_passes_unchanged() -> None:
    """Rare characters and line ends are no control characters."""
    assert printable("社保·𠮷\n\tx") == "社保·𠮷\n\tx"


def test_one_thing_is_shown_a_field_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Names line up, and nothing is a dash."""
    print_fields({"city": "310000", "state_reason": ""})

    assert capsys.readouterr().out == "city          310000\nstate_reason  -\n"
