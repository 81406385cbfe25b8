"""Bodies say what protobuf would say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.domain.standing import WITHDRAWN
from services.wire.bodies import BodyWriter, content_of
from tests.unit.services.wire.samples import CONTRIBUTION
from yrdx.types.v1.types_pb2 import OPERATION_RETRACT, OPERATION_UPSERT, RecordBody

keys = st.binary(min_size=16, max_size=16)
messages = st.binary(max_size=300) | st.integers(100, 70_000).map(bytes)
reasons = st.text("更正 correction", max_size=20)


@given(keys, messages, st.booleans(), reasons, st.sampled_from([0, 1, 2**40]))
def test_an_upsert_is_what_protobuf_reads(key: bytes, message: bytes, real: bool, reason: str, mends: int) -> None:
    """Every length of message, with and without what is unusual, is read back as it was meant."""
    written = BodyWriter(CONTRIBUTION.type_url, real_data=real).upsert(key, message, reason=reason, mends=mends)
    expected = RecordBody(operation=OPERATION_UPSERT, key=key, reason=reason, mends=mends, real_data=real)
    expected.message.type_url, expected.message.value = CONTRIBUTION.type_url, message
    assert RecordBody.FromString(written) == expected
    assert written == expected.SerializeToString()


@given(keys, messages)
def test_a_retraction_repeats_the_message(key: bytes, message: bytes) -> None:
    """A sink finds its row by what was last sent."""
    body = RecordBody.FromString(BodyWriter(CONTRIBUTION.type_url, real_data=True).retract(key, message, reason="x"))
    assert (body.operation, body.key, body.reason, body.message.value) == (OPERATION_RETRACT, key, "x", message)


@given(messages, messages)
def test_contents_differ_where_messages_do(one: bytes, other: bytes) -> None:
    """A digest is short, and never the one of a withdrawn subject."""
    assert (content_of(one) == content_of(other)) == (one == other)
    assert len(content_of(one)) == len(WITHDRAWN)
    assert content_of(one) != WITHDRAWN
