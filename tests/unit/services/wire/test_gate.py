"""The gate: what passes, what is refused and why, and that nothing makes it fall over."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.unknown_fields import UnknownFieldSet
from hypothesis import given
from hypothesis import strategies as st

from services.domain.errors import DatasetUnknown
from services.domain.receipt import Violation
from services.ports.gate import Gate, Passed
from services.wire.columns import Columns
from services.wire.gate import ContractGate
from tests.unit.services.wire.samples import (
    CONTRIBUTION,
    DATASET,
    DATASETS,
    STANDARD,
    body_of,
    citizen_number,
    contribution,
    employer_code,
    record,
)
from yrdx.social.v1.contribution_pb2 import Contribution
from yrdx.types.v1.types_pb2 import OPERATION_RETRACT, OPERATION_UPSERT, Division, RecordBody

RECORD_BYTES_MAX = 4_096
UNKNOWN = b"\xfa\x3f\x01x"  # field 1023, length-delimited, "x"
GATE: Gate = ContractGate(DATASETS, record_bytes_max=RECORD_BYTES_MAX)


def _other_check(code: str) -> str:
    return code[:17] + ("0" if code[17] != "0" else "1")


def verdict(body: bytes, fields: tuple[str, ...] = ("*",)) -> Passed | Violation:
    """Ask the gate about one body."""
    (only,) = GATE.check(DATASET, STANDARD, [body], fields=fields)
    return only


def refusal(body: bytes, fields: tuple[str, ...] = ("*",)) -> tuple[str, str]:
    """Return field path and rule of a body that is refused."""
    found = verdict(body, fields)
    assert isinstance(found, Violation)
    return found.field_path, found.rule_id


def test_a_good_record_passes_with_what_the_exchange_needs() -> None:
    """Operation, key and the mended sequence come out of the body."""
    message = contribution()

    assert verdict(body_of(message, mends=7)) == Passed(OPERATION_UPSERT, CONTRIBUTION.key(message), 7)


def test_a_record_may_say_when_the_fact_was_recorded() -> None:
    """Any instant from 1970 to 9999 passes."""
    assert isinstance(verdict(_recorded_at(253_402_300_798, nanos=999_999_999)), Passed)


def test_a_retraction_with_a_reason_passes() -> None:
    """A record may be withdrawn when it says why."""
    found = verdict(body_of(operation=OPERATION_RETRACT, reason="duplicate of another row"))

    assert isinstance(found, Passed)
    assert found.operation == OPERATION_RETRACT


ENVELOPES: list[tuple[str, Callable[[], bytes]]] = [
    ("record.too_large", lambda: body_of(reason="x" * RECORD_BYTES_MAX)),
    ("record.unparsable", lambda: b"\xff\xff\xff"),
    ("record.unparsable", lambda: _with_content(b"\x0a\xff\x01")),
    ("record.unknown_field", lambda: body_of() + UNKNOWN),
    ("record.unknown_field", lambda: _with_content(contribution().SerializeToString() + UNKNOWN)),
    ("record.unknown_field", lambda: _with_content(_unknown_in_division())),
    ("record.operation", lambda: body_of(operation=0)),
    ("record.operation", lambda: body_of(operation=77)),
    ("record.operation", lambda: b""),
    ("record.key", lambda: body_of(key=b"short")),
    ("record.key", lambda: body_of(key=bytes(16))),
    ("record.reason", lambda: body_of(operation=OPERATION_RETRACT)),
    ("record.reason", lambda: body_of(reason="x" * 201)),
    ("record.source_time", lambda: _recorded_at(-1)),
    ("record.source_time", lambda: _recorded_at(2**62)),
    ("record.source_time", lambda: _recorded_at(1, nanos=-1)),
    ("record.source_time", lambda: _recorded_at(1, nanos=10**9)),
    ("record.mends", lambda: body_of(mends=2**53)),
    ("record.message", lambda: RecordBody(operation=OPERATION_UPSERT, key=bytes(16)).SerializeToString()),
    ("record.type", lambda: _with_type("")),
    ("record.type", lambda: _with_type("type.googleapis.com/yrdx.types.v1.Division")),
    ("record.type", lambda: _with_type("example.org/yrdx.social.v1.Contribution")),
    ("record.type", lambda: _with_type("yrdx.social.v1.Contribution")),
]


@pytest.mark.parametrize(("rule_id", "make"), ENVELOPES)
def test_a_record_that_is_wrong_as_a_whole_names_the_rule(rule_id: str, make: Callable[[], bytes]) -> None:
    """Size, encoding, unknown fields, envelope and type are refused without a field of the standard."""
    assert refusal(make()) == ("", rule_id)


FIELDS: list[tuple[str, str, Contribution]] = [
    ("person_number", "string.pattern", contribution(person_number="123")),
    ("person_number", "citizen_number.check", contribution(person_number="320602199002301231")),
    ("employer_code", "social_credit_code.check", contribution(employer_code=_other_check(employer_code()))),
    ("birth_date", "calendar_date.exists", contribution(birth_date="2026-02-30")),
    ("credited_date", "calendar_date.exists", contribution(credited_date="2026-13")),
    ("division.as_of", "calendar_date.exists", contribution(division=Division(code="320602", as_of="2025-02-29"))),
    ("division.code", "string.pattern", contribution(division=Division(code="32060"))),
    ("division", "required", contribution(division=None)),
    ("scheme", "enum.defined_only", contribution(scheme=999)),
    ("scheme", "enum.not_in", contribution(scheme=0)),
    ("base_fen", "int64.gte_lte", contribution(base_fen=-1)),
    ("total_fen", "int64.gte_lte", contribution(total_fen=10**10)),
    ("total_fen", "sum.mismatch", contribution(total_fen=120_001)),
    ("person_name", "string.max_len", contribution(person_name="长" * 51)),
]


@pytest.mark.parametrize(("path", "rule_id", "message"), FIELDS)
def test_a_wrong_field_is_named_with_its_rule(path: str, rule_id: str, message: Contribution) -> None:
    """Patterns, ranges, codes, check digits, calendars and sums name the field of the standard."""
    assert refusal(body_of(message)) == (path, rule_id)


def test_absent_money_is_not_zero_yuan() -> None:
    """A required amount that is missing is refused as missing; an optional one may be absent."""
    message = contribution()
    message.ClearField("personal_fen")

    assert refusal(body_of(message)) == ("personal_fen", "required")
    assert not message.HasField("interest_fen")


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (body_of, None),
        (lambda: _with_content(contribution().SerializeToString() + UNKNOWN), None),
        (lambda: _with_content(_unknown_in_division()), None),
        (lambda: body_of(contribution(sex=7, total_fen=1, birth_date="2026-02-30")), None),
        (lambda: body_of() + UNKNOWN, "record.unknown_field"),
        (lambda: body_of(key=bytes(16)), "record.key"),
        (lambda: body_of(operation=OPERATION_RETRACT), "record.reason"),
        (lambda: _with_type("yrdx.social.v1.Contribution"), "record.type"),
        (lambda: _with_content(b"\x0a\xff\x01"), "record.unparsable"),
        (lambda: body_of(reason="x" * RECORD_BYTES_MAX), "record.too_large"),
    ],
)
def test_of_an_unknown_addition_only_what_none_changes_is_judged(
    make: Callable[[], bytes], expected: str | None
) -> None:
    """Its fields, codes, patterns and sums may be others; envelope, type, key and size are not."""
    (found,) = GATE.check(DATASET, "1.7", [make()])

    assert getattr(found, "rule_id", None) == expected


def test_an_agreements_fields_hold_for_additions_too() -> None:
    """What is not agreed is refused when it comes, not kept until a later version is known."""
    (found,) = GATE.check(DATASET, "1.7", [body_of()], fields=("person_number",))

    assert isinstance(found, Violation)
    assert found.rule_id == "agreement.field"


def test_no_verdict_holds_a_value() -> None:
    """Neither path, rule nor reason repeats what was in the record."""
    secret = "320602199002301231"
    broken = [
        contribution(person_number=secret),
        contribution(person_number="S" + secret),
        contribution(person_name=secret * 3),
        contribution(source_serial=secret * 5),
        contribution(total_fen=int(secret[:9])),
    ]
    for verdict_ in GATE.check(DATASET, STANDARD, [body_of(message) for message in broken]):
        assert isinstance(verdict_, Violation)
        assert secret not in repr(verdict_)
        assert secret[:9] not in repr(verdict_)


def test_every_reason_speaks_chinese_and_english() -> None:
    """Clerks read the Chinese, engineers of another city the English beside it."""
    for _, make in ENVELOPES:
        found = verdict(make())
        assert isinstance(found, Violation)
        assert any("一" <= character <= "鿿" for character in found.reason)
        assert found.reason.endswith(")")


def test_fields_outside_the_agreement_are_refused() -> None:
    """A field that the agreement does not name may not even be present."""
    named = tuple(field.name for field, _ in contribution().ListFields())

    assert isinstance(verdict(body_of(), fields=named), Passed)
    without_name = tuple(name for name in named if name != "person_name")
    assert refusal(body_of(), fields=without_name) == ("person_name", "agreement.field")


def test_a_bad_record_never_changes_the_verdict_on_a_good_one() -> None:
    """In one run with every kind of bad record, good ones pass and bad ones get the verdict they get alone."""
    bad = [make() for _, make in ENVELOPES] + [body_of(message) for _, _, message in FIELDS]
    mixed = [body for one in bad for body in (body_of(), one)]

    verdicts = GATE.check(DATASET, STANDARD, mixed)

    assert all(isinstance(one, Passed) for one in verdicts[::2])
    assert verdicts[1::2] == [verdict(one) for one in bad]


def test_what_the_receiving_dialect_cannot_say_is_asked_last() -> None:
    """The dialect's check sees good records only, and its violation is the verdict."""
    seen: list[str] = []

    class OneSchemeLess:
        def refusal(self, message: Contribution) -> Violation | None:
            seen.append(message.person_number)
            return Violation("scheme", "dialect.scheme", "无此险种 (no such scheme)") if message.scheme == 110 else None

        def all_good(self, columns: Columns) -> bool:
            return 110 not in columns["scheme"]

    gate = ContractGate(DATASETS, record_bytes_max=RECORD_BYTES_MAX, dialects={DATASET: OneSchemeLess()})
    bodies = [body_of(), body_of(contribution(scheme=210)), body_of(contribution(total_fen=1))]

    first, second, third = gate.check(DATASET, STANDARD, bodies)

    assert isinstance(first, Violation)
    assert first.rule_id == "dialect.scheme"
    assert isinstance(second, Passed)
    assert isinstance(third, Violation)
    assert third.rule_id == "sum.mismatch"
    assert seen == [citizen_number()] * 2


def test_an_unknown_dataset_or_version_is_the_senders_mistake() -> None:
    """It is no verdict on a record: the whole call is refused, and says what is known."""
    with pytest.raises(DatasetUnknown, match="known versions: none"):
        GATE.check("social.nothing", STANDARD, [])
    with pytest.raises(DatasetUnknown, match="known versions: 1"):
        GATE.check(DATASET, "2", [])


def test_datasets_are_listed_with_their_versions() -> None:
    """`Describe` publishes exactly what the contract declares."""
    assert dict(GATE.datasets)[DATASET] == [STANDARD]
    assert GATE.standards(DATASET) == [STANDARD]
    assert GATE.standards("social.nothing") == []


def test_an_empty_key_is_filled_in_once() -> None:
    """A completed body passes; one that has a key, even a wrong one, is left as it is."""
    gate = ContractGate(DATASETS, record_bytes_max=RECORD_BYTES_MAX)
    wrong = body_of(key=bytes(16))

    completed = gate.complete_key(DATASET, STANDARD, body_of(key=b""))

    assert isinstance(verdict(completed), Passed)
    assert gate.complete_key(DATASET, STANDARD, completed) is completed
    assert gate.complete_key(DATASET, STANDARD, wrong) is wrong


@pytest.mark.parametrize("body", [b"\xff", b"", b"\x32\x02\x12\x00"])
def test_a_body_that_is_no_record_keeps_its_bytes(body: bytes) -> None:
    """What cannot be read gets no key; `check` says why."""
    gate = ContractGate(DATASETS, record_bytes_max=RECORD_BYTES_MAX)

    assert gate.complete_key(DATASET, STANDARD, body) == body


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_random_bytes_get_a_verdict(bodies: list[bytes]) -> None:
    """Whatever the bytes, there is one verdict each, and nothing is raised."""
    verdicts = GATE.check(DATASET, STANDARD, bodies)

    assert len(verdicts) == len(bodies)
    assert all(isinstance(one, Violation) for one in verdicts)


@given(
    st.lists(
        st.tuples(st.sampled_from(["flip", "cut", "insert", "repeat"]), st.integers(0, 2**16), st.binary(max_size=4)),
        min_size=1,
        max_size=4,
    )
)
def test_damaged_records_get_a_verdict(damages: list[tuple[str, int, bytes]]) -> None:
    """A good body with bytes changed, cut, inserted or repeated passes or is refused; nothing is raised."""
    body = body_of()
    for kind, at, extra in damages:
        body = _damaged(body, kind, at, extra)

    first, second = GATE.check(DATASET, STANDARD, [body, body_of()])

    assert isinstance(first, Passed | Violation)
    assert isinstance(second, Passed)
    if isinstance(first, Passed):
        parsed = RecordBody.FromString(body)
        assert not len(UnknownFieldSet(parsed))
        assert first.key == CONTRIBUTION.key(Contribution.FromString(parsed.message.value))


def _damaged(body: bytes, kind: str, at: int, extra: bytes) -> bytes:
    at %= max(1, len(body))
    match kind:
        case "flip":
            return (
                body[:at]
                + bytes(a ^ b for a, b in zip(body[at : at + 4], extra, strict=False))
                + body[at + len(extra) :]
            )
        case "cut":
            return body[:at]
        case "insert":
            return body[:at] + extra + body[at:]
        case _:
            return body + body[at:]


def _with_content(content: bytes) -> bytes:
    body = record()
    body.message.value = content
    return body.SerializeToString()


def _with_type(type_url: str) -> bytes:
    body = record()
    body.message.type_url = type_url
    return body.SerializeToString()


def _recorded_at(seconds: int, nanos: int = 0) -> bytes:
    body = record()
    body.source_time.CopyFrom(Timestamp(seconds=seconds, nanos=nanos))
    return body.SerializeToString()


def _unknown_in_division() -> bytes:
    message = contribution()
    message.division.MergeFromString(UNKNOWN)
    return message.SerializeToString()
