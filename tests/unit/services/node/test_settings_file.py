"""node.toml: read, explained and written; what is wrong in it is named without its value."""

from __future__ import annotations

import json
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.domain.limits import Limits
from services.node.home import Home, HomeMissing
from services.node.settings import Settings, SettingsMistake, setting_names, variable_of
from services.node.settings_file import explain_settings, load_settings, settings_text, verify_settings


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the machine reaches a test."""
    for name in setting_names():
        monkeypatch.delenv(variable_of(name), raising=False)


def _home(tmp_path: Path, text: str) -> Home:
    home = Home(tmp_path)
    home.settings.write_text(text, encoding="utf-8")
    return home


def test_everything_but_the_city_has_a_default(tmp_path: Path) -> None:
    """A home whose file names the city alone works, with its store inside the home."""
    loaded = load_settings(_home(tmp_path, 'city = "320600"\n'))

    assert (loaded.dialect, loaded.listen, loaded.advertised) == ("local", "127.0.0.1:7320", "127.0.0.1:7320")
    assert loaded.store_url == f"sqlite:///{tmp_path}/store.sqlite"
    assert (loaded.delivery.backoff_max_s, loaded.delivery.probe_s, loaded.delivery.lease_s) == (300, 300, 30)
    assert loaded.limits() == Limits()
    assert not loaded.demo


def test_the_environment_wins_and_each_value_names_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`config show` tells an operator where to change a value."""
    home = _home(tmp_path, 'city = "320600"\nlisten = "10.0.0.1:7320"\n[delivery]\nlease_s = 7\n')
    monkeypatch.setenv("YRDX_LISTEN", "127.0.0.1:9000")
    monkeypatch.setenv("YRDX_DELIVERY__PROBE_S", "9")

    explained = {setting.name: (setting.value, setting.source) for setting in explain_settings(home)}

    assert explained["city"] == ("320600", "node.toml")
    assert explained["listen"] == ("127.0.0.1:9000", "environment")
    assert explained["delivery.probe_s"] == (9.0, "environment")
    assert explained["delivery.lease_s"] == (7.0, "node.toml")
    assert explained["delivery.backoff_max_s"] == (300.0, "default")
    assert explained.keys() == setting_names().keys()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ('citty = "320600"', "city"),
        ("[delivery]\nleese_s = 3", "delivery.lease_s"),
        ("lease_s = 3", "delivery.lease_s"),
        ("[delivry]\nlease_s = 3", "delivery.lease_s"),
    ],
)
def test_an_unknown_key_is_an_error_that_names_the_nearest(tmp_path: Path, text: str, meant: str) -> None:
    """A misspelt key is never silently a default."""
    with pytest.raises(SettingsMistake, match=f"the nearest is {meant}"):
        load_settings(_home(tmp_path, f'dialect = "local"\n{text}\n'))


def test_an_unknown_variable_is_an_error_that_names_the_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A misspelt variable is never silently ignored; the command line's own is none."""
    monkeypatch.setenv("YRDX_HOME", "/srv")
    monkeypatch.setenv("YRDX_DELIVERY__LEESE_S", "3")

    with pytest.raises(SettingsMistake) as caught:
        load_settings(_home(tmp_path, 'city = "320600"\n'))

    assert "YRDX_DELIVERY__LEESE_S, the nearest is YRDX_DELIVERY__LEASE_S" in str(caught.value)
    assert "YRDX_HOME" not in str(caught.value)


def test_every_mistake_is_named_at_once_with_its_place_and_without_its_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator mends a file in one go, and a secret in the wrong place is not shown."""
    monkeypatch.setenv("YRDX_LOG_LEVEL", "hunter2")
    home = _home(
        tmp_path,
        'city = "32060"\nlisten = "nowhere"\nstore_url = "postgresql://u:hunter2@h/d"\n'
        "[limit]\nbatch_records_max = 5\n",
    )

    with pytest.raises(SettingsMistake) as caught:
        load_settings(home)

    text = str(caught.value)
    for name in ("node.toml: city", "node.toml: listen", "node.toml: store_url", "YRDX_LOG_LEVEL: log_level"):
        assert name in text
    assert "limit.batch_records_max: Input should be greater than or equal to 1000" in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("content", "words"), [(b"city = ", "not TOML"), (b'city = "\xff"', "byte 8 is not UTF-8"), (b"", "city")]
)
def test_a_file_that_is_no_settings_file_says_why(tmp_path: Path, content: bytes, words: str) -> None:
    """Broken files are told apart."""
    home = Home(tmp_path)
    home.settings.write_bytes(content)

    with pytest.raises(SettingsMistake, match=words):
        load_settings(home)


def test_a_folder_without_settings_is_no_home(tmp_path: Path) -> None:
    """Nothing is served from defaults alone."""
    with pytest.raises(HomeMissing):
        load_settings(Home(tmp_path))


_junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(["city", "listen", "store_url", "delivery", "limit", "demo", "x"]), _junk))
def test_junk_is_refused_by_name_or_taken(tmp_path: Path, written: dict[str, Any]) -> None:
    """Whatever stands in the file, the answer is settings or one mistake."""
    with suppress(SettingsMistake):
        assert isinstance(verify_settings(written, Home(tmp_path)), Settings)


def test_a_written_file_reads_back_and_documents_every_default(tmp_path: Path) -> None:
    """What `init` writes is what it was told; removing a comment sign changes nothing."""
    text = settings_text({"city": "320600", "demo": True})
    uncommented = "\n".join(line.removeprefix("# ") if " = " in line and "·" not in line else line
                            for line in text.splitlines())  # fmt: skip

    assert tomllib.loads(text) == {"city": "320600", "demo": True, "delivery": {}, "limit": {}}
    plain, spelt_out = load_settings(_home(tmp_path, text)), verify_settings(tomllib.loads(uncommented), Home(tmp_path))
    assert json.loads(plain.model_dump_json()) == json.loads(spelt_out.model_dump_json())
