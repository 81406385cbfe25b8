"""A new dialect's folder holds what the first draft needs; the cities of the delta are known."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from adapters.toolbox.cities import CITIES
from adapters.toolbox.new_adapter import create_adapter, table_names


def test_the_folder(tmp_path: Path) -> None:
    """README, empty code tables, a folder for golden rows; an existing folder is left alone."""
    files = create_adapter(tmp_path / "suzhou", CITIES["suzhou"])
    assert [file.name for file in files] == ["README.md", *table_names()]
    assert "(苏州, 320500)" in files[0].read_text(encoding="utf-8")
    assert {file.read_text(encoding="utf-8") for file in files[1:]} == {"dialect,standard,label,note\n"}
    assert (tmp_path / "suzhou" / "samples").is_dir()
    with pytest.raises(FileExistsError):
        create_adapter(tmp_path / "suzhou", CITIES["suzhou"])


def test_the_tables() -> None:
    """One for each field that is written in codes, also for texts such as the ethnic group."""
    assert {"sex.csv", "scheme.csv", "paid.csv", "ethnic_group.csv", "step.csv", "mode.csv"} <= set(table_names())


def test_the_cities() -> None:
    """Forty-one, each with its own code that ends with 00."""
    assert len(CITIES) == len({city.code for city in CITIES.values()}) == 41
    assert all(re.fullmatch("3[1-4][0-9]{2}00", city.code) for city in CITIES.values())
    assert CITIES["suzhou"].code == "320500"
