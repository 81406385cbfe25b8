"""What a city receives stands in its own table: in its dialect, once each, corrected and withdrawn."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from tests.databases import Database
from tests.integration.sinks.targets import CONTRIBUTION, NAMES, TRANSFER, LocalFile, Table, send
from tests.integration.support.commands import yrdx
from tests.integration.support.nodes import SHANGHAI
from tests.integration.support.pairs import Pair

SEEDS: Final = {(dataset, typed): 31_000 + 2 * n + typed for n, dataset in enumerate(NAMES) for typed in (False, True)}


@pytest.mark.parametrize("dataset", [CONTRIBUTION, TRANSFER])
def test_received_records_stand_in_a_table(pair: Pair, tmp_path: Path, database: Database, dataset: str) -> None:
    """New records, corrections and withdrawals, of one row and of several: the table is what the inbox says."""
    typed = database.kind == "postgresql"
    file = LocalFile.make(tmp_path / "a.csv", dataset, seed=SEEDS[dataset, typed], people=30)
    send(pair, file.path, dataset)
    table = Table(database, dataset, typed)
    table.create(pair.shanghai)

    first = table.fill(pair.shanghai).json["streams"]
    assert table.rows() == table.expected(pair.shanghai)
    records = file.records()
    renamed = file.changed(records, 3, NAMES[dataset], "改名之后")
    fewer = file.write([renamed[3], *renamed[6:]], name="b.csv")
    report = send(pair, fewer.path, dataset, "--snapshot", "--allow-retract", 1_000_000)
    second = table.fill(pair.shanghai).json["streams"]

    assert table.rows() == table.expected(pair.shanghai)
    assert report["corrected"] == 1
    assert report["retracted"] >= 5
    assert [one["records"] for one in first] == [len(records) if len(first) else 0] or first[0]["records"] > len(
        records
    )
    assert [(one["records"], one["refused"]) for one in second] == [(report["submitted"], 0)]
    third = table.fill(pair.shanghai)
    assert [(one["records"], one["position"]) for one in third.json["streams"]] == [(0, second[0]["position"])]
    assert "改名" not in third.err


def test_records_that_the_table_refuses_are_listed(pair: Pair, tmp_path: Path, database: Database) -> None:
    """The sink goes on behind them and ends with 3; the list holds place and reason, no message a value."""
    file = LocalFile.make(tmp_path / "a.csv", CONTRIBUTION, seed=31_100 + (database.kind == "sqlite"), people=20)
    name = {"sqlite": "拒收甲", "postgresql": "拒收乙"}[database.kind]
    send(pair, file.write(file.changed(file.records(), 2, "AAC003", name), name="b.csv").path, CONTRIBUTION)
    table = Table(database, CONTRIBUTION, typed=False)
    table.create(pair.shanghai, f"CHECK (xm <> '{name}')")
    database.execute("DROP INDEX by_key")

    ran = table.fill(pair.shanghai, code=3)

    expected = table.expected(pair.shanghai)
    wrong = Counter(row for row in expected if name in row)
    assert table.rows() == expected - wrong
    assert [one["refused"] for one in ran.json["streams"]] == [len(wrong)] == [1]
    assert len(database.rows("SELECT position FROM yrdx_refused")) == 1
    assert name not in ran.out + ran.err
    assert "没有以 lsh, sfzh" in ran.err


@pytest.fixture
def secret_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database's address in the environment, where nobody listens."""
    monkeypatch.setenv("TARGET_DATABASE", "postgresql://u:geheim@127.0.0.1:1/x")


@pytest.mark.usefixtures("secret_database")
@pytest.mark.parametrize(
    ("words", "code", "reason", "named"),
    [
        (["--sql", "sqlite:///{file}", "--table", "none"], 1, "SINK_REFUSED", "none"),
        (["--sql", "sqlite:////nowhere/x.sqlite", "--table", "yw"], 4, "SINK_REFUSED", "/nowhere/x.sqlite"),
        (["--sql", "sqlite:///{file}"], 2, "USAGE", "--table"),
        (["--sql", "postgresql://u:geheim@h/x", "--table", "yw"], 2, "USAGE", "env:NAME"),
        (["--sql", "postgresql://u@h/x?sslpassword=geheim", "--table", "yw"], 2, "USAGE", "env:NAME"),
        (["--sql", "hr.sqlite", "--table", "yw"], 1, "SINK_REFUSED", "postgresql://user@host/db"),
        (["--sql", "env:TARGET_NONE", "--table", "yw"], 2, "USAGE", "TARGET_NONE"),
        (["--sql", "env:TARGET_DATABASE", "--table", "yw", "--once"], 6, "SINK_UNAVAILABLE", "不可用 · "),
        (["--sql", "sqlite:///{file}", "--table", "yw", "--name", "Große"], 2, "USAGE", "--name"),
        (["--csv", "{folder}", "--name", "hr"], 2, "USAGE", "--name"),
        (["--csv", "{folder}", "--dataset", "social.none"], 1, "MAPPING_INVALID", "social_none"),
        ([], 2, "USAGE", "--csv"),
    ],
)
def test_mistakes(pair: Pair, tmp_path: Path, words: list[str], code: int, reason: str, named: str) -> None:
    """Each is told in both languages with what to do, ends with its code, and holds no password."""
    (tmp_path / "file.sqlite").touch()
    filled = [word.format(file=tmp_path / "file.sqlite", folder=tmp_path) for word in words]
    line = ["sink", "run", "--home", pair.shanghai.path, *(() if "--dataset" in words else ("--dataset", CONTRIBUTION))]

    ran = yrdx(*line, *filled, "--json", code=code)

    assert ran.reason == reason
    assert named in ran.json["error"]["message"]
    assert "geheim" not in ran.out + ran.err
    assert SHANGHAI.code not in ran.err
