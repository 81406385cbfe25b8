"""`yrdx samples`: every dataset of both cities, repeatable."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.samples import DATASETS
from tests.integration.support.commands import yrdx


def test_every_dataset_of_both_cities(tmp_path: Path) -> None:
    """Nantong's files are CSV, Shanghai's also workbooks; the same seed gives the same bytes."""
    contents = []
    for name in ("a", "b"):
        ran = yrdx("samples", "--people", 30, "--seed", 3, "-o", tmp_path / name, "--json")
        assert sorted(Path(file).name for file in ran.json["files"]) == sorted(
            f"{city}_{dataset}.{suffix}"
            for dataset in (f"{name.partition('.')[2]}s" for name in DATASETS)
            for city, suffix in (("nantong", "csv"), ("shanghai", "csv"), ("shanghai", "xlsx"))
        )
        contents.append([Path(path).read_bytes() for path in (*ran.json["files"], ran.json["planted"])])
    assert contents[0] == contents[1]


def test_one_dataset(tmp_path: Path) -> None:
    """Only what was asked for is written."""
    ran = yrdx("samples", "--people", 100, "--dataset", "social.certification", "-o", tmp_path, "--json")
    assert {Path(file).stem for file in ran.json["files"]} == {"nantong_certifications", "shanghai_certifications"}


@pytest.mark.parametrize(
    ("option", "words"), [(("--dataset", "social.other"), "social.enrolment"), (("--bad-rows", 9), "bad_rows")]
)
def test_mistakes(tmp_path: Path, option: tuple[object, ...], words: str) -> None:
    """They say what is possible."""
    assert words in yrdx("samples", "--people", 10, *option, "-o", tmp_path / "none", code=2).err
