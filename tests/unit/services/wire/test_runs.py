"""A run of messages gives each the verdict that it would get alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.domain.receipt import Violation
from services.wire.contract import UNKNOWN_FIELD, UNPARSABLE
from services.wire.runs import MessageRun
from yrdx.types.v1.types_pb2 import Division

RUN = MessageRun(Division)
REFUSED = Violation("", "record.type", "x")

good = st.builds(lambda code: Division(code=f"{code:06d}").SerializeToString(), st.integers(100_000, 999_999))
broken = st.sampled_from([Division(code="1").SerializeToString(), b""])
unknown = good.map(lambda content: content + b"\xfa\x3f\x01x")
unparsable = st.just(b"\x0a\xff")
refused = st.just(REFUSED)


@given(st.lists(good | broken | unknown | unparsable | refused | st.binary(max_size=12), max_size=12))
def test_messages_do_not_influence_each_other(encoded: list[bytes | Violation]) -> None:
    """Parsed together or alone, a message is the same and so is its verdict."""
    assert RUN.parse(encoded) == [RUN.parse([one])[0] for one in encoded]


@given(st.lists(good, min_size=1, max_size=5))
def test_good_messages_are_what_was_sent(encoded: list[bytes]) -> None:
    """What comes out is what the bytes say."""
    assert RUN.parse(encoded) == [Division.FromString(one) for one in encoded]


def test_each_kind_of_refusal_has_its_verdict() -> None:
    """Unparsable bytes, unknown fields, broken rules and earlier refusals stay apart."""
    content = Division(code="320600").SerializeToString()

    found = RUN.parse([b"\x0a\xff", content + b"\xfa\x3f\x01x", b"", REFUSED, content])

    assert found[:2] == [UNPARSABLE, UNKNOWN_FIELD]
    assert (found[2].field_path, found[2].rule_id) == ("code", "string.pattern")
    assert found[3:] == [REFUSED, Division(code="320600")]


def test_an_unknown_field_outweighs_a_broken_rule() -> None:
    """What this version cannot see is not judged by what it can see."""
    assert RUN.parse([Division(code="1").SerializeToString() + b"\xfa\x3f\x01x"]) == [UNKNOWN_FIELD]


def test_two_runs_of_one_type_live_side_by_side() -> None:
    """Making the run's type a second time finds the first."""
    assert MessageRun(Division).parse([b""]) == RUN.parse([b""])
