from __future__ import annotations

import stat
from pathlib import Path

import pytest

from services.node.home import Home, HomeExists, HomeMissing, new_home, verify_home


def _fill(home: Home) -> None:
    home.certs.mkdir()
    home.settings.write_text('city = "320600"\n')


def _fail(home: Home, error: type[BaseException]) -> None:
    """Fill a home half and fail."""
    _fill(home)
    (home.path / "current").symlink_to("gen/1")
    raise error


def test_a_new_home_is_for_its_owner_alone(tmp_path: Path) -> None:
    """A new home and its folders have mode 0700, and it is one once settings stand in it."""
    with new_home(tmp_path / "deep" / "A") as home:
        _fill(home)

    assert verify_home(home) is home
    for folder in (home.path, home.rejects, home.temporary):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_an_empty_folder_becomes_a_home(tmp_path: Path) -> None:
    """A mounted, empty volume is taken, and closed to others."""
    tmp_path.chmod(0o755)

    with new_home(tmp_path) as home:
        _fill(home)

    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_an_existing_home_is_refused_and_untouched(tmp_path: Path) -> None:
    """Keys are never overwritten: the second init changes nothing."""
    with new_home(tmp_path / "A") as home:
        _fill(home)
    before = sorted(path.name for path in home.path.iterdir())

    with pytest.raises(HomeExists, match="is a node's home already"), new_home(home.path):
        pass

    assert sorted(path.name for path in home.path.iterdir()) == before


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    """Somebody's files are neither mixed with a home nor removed."""
    (tmp_path / "thesis.txt").write_text("")

    with pytest.raises(HomeExists, match="not empty"), new_home(tmp_path):
        pass

    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failed_init_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    """Whatever stops the filling, the folder is gone and init can be run again."""
    with pytest.raises(error), new_home(tmp_path / "A") as home:
        _fail(home, error)

    assert not home.path.exists()


def test_a_failed_init_keeps_a_folder_that_was_there(tmp_path: Path) -> None:
    """A mounted volume stays, emptied."""
    with pytest.raises(RuntimeError), new_home(tmp_path) as home:
        _fail(home, RuntimeError)

    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_settings_is_no_home(tmp_path: Path) -> None:
    """The message says how to name or create one."""
    with pytest.raises(HomeMissing, match="yrdx init"):
        verify_home(Home(tmp_path))


def test_offline_keys_lie_within_the_key_store(tmp_path: Path) -> None:
    """The layout agrees with `certs.keystore`."""
    assert Home(tmp_path).offline == tmp_path / "certs" / "offline"
