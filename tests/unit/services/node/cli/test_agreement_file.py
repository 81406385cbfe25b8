from __future__ import annotations

from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.agreement import Agreement
from services.node.cli.agreement_file import FILE_BYTES_MAX, AgreementMistake, parse_agreement, read_agreement

GOOD = """
[agreement]
id = "NT-SH-2026-001"
version = 1
provider = "320600"
consumer = "310000"
dataset = "social.contribution"
standard = "1"
mode = "push"            # or "pull"
fields = ["*"]
purposes = ["relation-transfer"]
legal_basis = "..."
valid_from = "2026-01-01"
valid_until = "2027-12-31"
retention_days = 365
[agreement.quota]
records_per_minute = 6000000
"""


def _mistakes(text: str) -> str:
    with pytest.raises(AgreementMistake) as caught:
        parse_agreement(text.encode())
    return str(caught.value)


def test_an_agreement_reads_as_it_is_written() -> None:
    """Every key of the file reaches the agreement."""
    assert parse_agreement(GOOD.encode()) == Agreement(
        id="NT-SH-2026-001",
        version=1,
        provider="320600",
        consumer="310000",
        dataset="social.contribution",
        standard="1",
        mode="push",
        fields=("*",),
        purposes=("relation-transfer",),
        legal_basis="...",
        valid_from=date(2026, 1, 1),
        valid_until=date(2027, 12, 31),
        retention_days=365,
        records_per_minute=6_000_000,
    )


def test_the_quota_may_be_left_out() -> None:
    """Without its table there is none."""
    assert parse_agreement(GOOD.partition("[agreement.quota]")[0].encode()).records_per_minute is None


def test_a_date_may_be_a_toml_date() -> None:
    """Without quotes it is no less a date."""
    assert parse_agreement(GOOD.replace('"2026-01-01"', "2026-01-01").encode()).valid_from == date(2026, 1, 1)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"320600"', '"3206"', "agreement.provider: 应为 · expected 六位代码"),
        ('"320600"', "320600", "agreement.provider: 应为 · expected"),
        ('standard = "1"', "standard = 1", "agreement.standard: 应为 · expected"),
        ("version = 1", "version = 0", "agreement.version"),
        ("version = 1", "version = true", "agreement.version"),
        ('mode = "push"', 'mode = "shove"', "agreement.mode"),
        ('["*"]', '["*", "total_fen"]', "agreement.fields"),
        ('["*"]', "[]", "agreement.fields"),
        ('["*"]', '["a", "a"]', "agreement.fields"),
        ('["*"]', '["Person Name"]', "agreement.fields"),
        ('["relation-transfer"]', '"relation-transfer"', "agreement.purposes"),
        ('legal_basis = "..."', 'legal_basis = " "', "agreement.legal_basis"),
        ('"2026-01-01"', '"2026-02-30"', "agreement.valid_from: 应为 · expected 日期"),
        ('"2026-01-01"', '"20260101"', "agreement.valid_from"),
        ('"2026-01-01"', "2026-01-01T00:00:00", "agreement.valid_from"),
        ("retention_days = 365", "retention_days = -1", "agreement.retention_days"),
        ("= 6000000", '= "many"', "agreement.quota.records_per_minute"),
        ("records_per_minute", "records_per_minut", "the nearest known is agreement.quota.records_per_minute"),
        ("[agreement.quota]\nrecords_per_minute = 6000000", "quota = 5", "the table [agreement.quota]"),
        ("legal_basis", "legalbasis", "unknown, the nearest known is agreement.legal_basis"),
        ("legal_basis", "legalbasis", "agreement.legal_basis: 缺少 · missing"),
        ("[agreement]", "[agrement]", "agrement: 未知，最接近的是 · unknown, the nearest known is agreement"),
        ('"310000"', '"320600"', "another city than the provider"),
        ('"2027-12-31"', '"2025-12-31"', "is before valid_from"),
    ],
)
def test_a_mistake_is_named_with_its_key_and_what_is_expected(old: str, new: str, words: str) -> None:
    """The clerk finds the line, and the answer stands beside it."""
    assert words in _mistakes(GOOD.replace(old, new, 1))


def test_every_mistake_is_named_at_once_and_no_value_repeated() -> None:
    """One round of mending is enough."""
    wrong = GOOD.replace('"320600"', '"hunter2"').replace("version = 1", "version = 0").replace("id =", "idd =")

    text = _mistakes(wrong)

    assert all(key in text for key in ("agreement.provider", "agreement.version", "agreement.id", "agreement.idd"))
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "missing, expected"),
        (b"[agreement", "not TOML"),
        (GOOD.encode("gb18030") + "法".encode("gb18030"), "is not UTF-8"),
        (b"#" * (FILE_BYTES_MAX + 1), "at most 65536 bytes"),
        (b"a = " + b"[" * 20_000, "not TOML"),
        (GOOD.encode() + b'\nid = 1\n[agreement]\nid = "x"', "not TOML"),
    ],
)
def test_a_file_that_is_no_agreement_says_why(content: bytes, words: str) -> None:
    """Another file, another encoding, a cut one: each has its answer."""
    with pytest.raises(AgreementMistake, match=words):
        parse_agreement(content)


def test_the_file_is_named(tmp_path: Path) -> None:
    """Who imports ten files knows which one."""
    (tmp_path / "a.toml").write_text("")

    with pytest.raises(AgreementMistake, match=r"a\.toml: "):
        read_agreement(tmp_path / "a.toml")


@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
def test_junk_is_an_agreement_mistake(content: bytes) -> None:
    """No other error comes out, whatever the file holds."""
    with pytest.raises(AgreementMistake):
        parse_agreement(content)


_value = st.sampled_from(["true", "1", '"x"', "[]", '["*"]', "2026-01-01", "{}", '"320600"', "[[]]", "1.5"])


@given(st.dictionaries(st.sampled_from(["id", "version", "provider", "fields", "valid_until", "quota", "z"]), _value))
def test_wrong_kinds_are_agreement_mistakes(values: dict[str, str]) -> None:
    """A value of another kind under a known key is named, never an error of ours."""
    lines = [line for line in GOOD.partition("[agreement.quota]")[0].splitlines()
             if line.partition(" =")[0] not in values]  # fmt: skip
    text = "\n".join([*lines, *(f"{name} = {value}" for name, value in values.items())])

    with suppress(AgreementMistake):
        assert parse_agreement(text.encode()).provider == "320600"
