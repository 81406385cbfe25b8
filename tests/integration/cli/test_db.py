"""`yrdx db`: backups, restores and upgrades as an operator makes them, while no node serves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from services.node.access_key import access_key
from services.node.bench.postgres import running_postgres
from services.node.home import Home
from services.node.lock import NodeLock
from services.store.opening import open_store
from tests.contract.store.former import CITIES, REVISIONS, former_file, said_of
from tests.contract.store.samples import ACCESS, do
from tests.integration.support.commands import yrdx

DIALECTS: Final = {"320600": "local", "310000": "shanghai"}
AUTHORITIES: Final = ("ab" * 32, "cd" * 32)
NOT_FOUND: Final = 4
PERSON: Final = "310101198002290015"  # invented


def make_home(folder: Path, city: str = "320600", *more: object) -> Path:
    """Create a home."""
    home = folder / f"home-{city}"
    yrdx("init", "--city", city, "--home", home, "--dialect", DIALECTS[city], *more)
    return home


def back_up(home: Path, path: Path) -> Path:
    """Back a home's store up."""
    yrdx("db", "backup", "--home", home, "-o", path)
    return path


def revoke(home: Path, authority: str) -> None:
    """Revoke an authority of nobody."""
    yrdx("revoke", "ca", authority, "--home", home, "--reason", "leaked")


def revoked(home: Path) -> set[str]:
    """Return what is revoked."""
    return {one["subject"] for one in yrdx("revoke", "ls", "--home", home, "--json").json["revocations"]}


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, but the lock."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "node.lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def log_access(home: Path, *outcomes: str) -> None:
    """Log questions about a person, told apart by their outcomes."""
    subject = access_key(Home(home).access_key).pseudonym([PERSON])
    store = open_store(f"sqlite:///{home / 'store.sqlite'}")
    do(store, lambda tx: tx.append_accesses([replace(ACCESS, subject=subject, outcome=one) for one in outcomes]))
    store.close()


def outcomes_about_person(home: Path) -> list[str]:
    """Return what `yrdx access-log` finds about the person."""
    return [one["outcome"] for one in yrdx("access-log", "ls", "--home", home, "--person", PERSON, "--json").json]


def restore_log(copy: Path, home: Path) -> tuple[int, str]:
    """Restore, and return what became of the access log."""
    restored = yrdx("db", "restore", copy, "--home", home, "--json").json
    return restored["accesses"], restored["former_log"]


def test_what_was_revoked_since_the_backup_stays_revoked(tmp_path: Path) -> None:
    """An old copy believes it again; before anybody serves the copy, the log of acts takes that trust away."""
    home = make_home(tmp_path)
    revoke(home, AUTHORITIES[0])
    copy = back_up(home, tmp_path / "copy")
    revoke(home, AUTHORITIES[1])

    restored = yrdx("db", "restore", copy, "--home", home, "--json").json

    assert (restored["revocations"], restored["migrated"], restored["streams"]) == (1, [], [])
    assert revoked(home) == set(AUTHORITIES)
    assert (Path(restored["kept"]) / "store.sqlite").is_file()
    acts = [act["act"] for act in yrdx("cert", "log", "--home", home, "--json").json]
    assert acts == ["revoke.ca", "revoke.ca", "store.restore"]


def test_who_asked_since_the_backup_is_found_afterwards(tmp_path: Path) -> None:
    """The access log goes on in the copy, again and again; the log of acts says how much of it came over."""
    home = make_home(tmp_path)
    log_access(home, "FOUND")
    copy = back_up(home, tmp_path / "copy")
    log_access(home, "NOT_FOUND", "AMBIGUOUS")

    assert restore_log(copy, home) == (2, "CONTINUED")
    log_access(home, "FAULT")
    assert restore_log(copy, home) == (3, "CONTINUED")

    assert outcomes_about_person(home) == ["FOUND", "NOT_FOUND", "AMBIGUOUS", "FAULT"]
    acts = yrdx("cert", "log", "--home", home, "--json").json
    assert [act["details"]["accesses"] for act in acts if act["act"] == "store.restore"] == ["2", "3"]
    assert "carried over: 3" in yrdx("db", "restore", copy, "--home", home).err


def test_after_a_restore_that_was_cut_off_the_log_is_in_what_it_kept(tmp_path: Path) -> None:
    """There is no store in the place, and the newest kept one is what was replaced."""
    home = make_home(tmp_path)
    copy = back_up(home, tmp_path / "copy")
    log_access(home, "FOUND")
    restore_log(copy, home)
    log_access(home, "NOT_FOUND")
    kept = home / "replaced-99990101T000000000000Z"
    kept.mkdir()
    (home / "store.sqlite").rename(kept / "store.sqlite")

    assert restore_log(copy, home) == (2, "CONTINUED")
    assert outcomes_about_person(home) == ["FOUND", "NOT_FOUND"]


def test_a_damaged_stores_log_stops_no_restore(tmp_path: Path) -> None:
    """It cannot be read: that is said, in both languages, and the store is kept."""
    home = make_home(tmp_path)
    log_access(home, "FOUND")
    copy = back_up(home, tmp_path / "copy")
    store = home / "store.sqlite"
    store.write_bytes(store.read_bytes()[: store.stat().st_size // 2])
    damaged = store.read_bytes()

    said = yrdx("db", "restore", copy, "--home", home).err

    assert "读不出，未补回" in said
    assert "cannot be read: none was carried over" in said
    (kept,) = home.glob("replaced-*/store.sqlite")
    assert kept.read_bytes() == damaged
    assert outcomes_about_person(home) == ["FOUND"]
    store.write_text("no database")
    assert restore_log(copy, home) == (0, "UNREADABLE")


def test_another_history_of_accesses_is_not_mixed_in(tmp_path: Path) -> None:
    """The backup has another first access than the store in place: nothing is copied, and that is said."""
    home = make_home(tmp_path)
    empty = back_up(home, tmp_path / "empty")
    log_access(home, "FOUND")
    copy = back_up(home, tmp_path / "copy")
    (home / "store.sqlite").unlink()
    yrdx("db", "restore", empty, "--home", home)
    log_access(home, "NOT_FOUND", "AMBIGUOUS")

    said = yrdx("db", "restore", copy, "--home", home).err

    assert "does not go on from the backup's: none was carried over" in said
    assert outcomes_about_person(home) == ["FOUND"]
    assert restore_log(empty, home) == (1, "CONTINUED")


def test_people_are_told_what_comes_next(tmp_path: Path) -> None:
    """Where the former store is kept, what to do again, and the commands that follow."""
    home = make_home(tmp_path)
    said = yrdx("db", "restore", back_up(home, tmp_path / "copy"), "--home", home).err
    for words in (
        f"{home}/replaced-",
        f"yrdx serve --home {home}",
        f"yrdx doctor --home {home}",
        "RECOVERING",
        "DIVERGED",
    ):
        assert words in said


def test_a_served_home_is_not_restored(tmp_path: Path) -> None:
    """The message names the process; nothing is changed."""
    home = make_home(tmp_path)
    copy = back_up(home, tmp_path / "copy")
    before = contents(home)
    with NodeLock(Home(home), serving=True):
        assert yrdx("db", "restore", copy, "--home", home, "--json", code=1).reason == "HOME_BUSY"
    assert contents(home) == before


def test_another_citys_backup_is_refused(tmp_path: Path) -> None:
    """Its streams say whose it is; nothing is changed."""
    home = make_home(tmp_path, "310000")
    before = contents(home)
    ran = yrdx("db", "restore", former_file(tmp_path, "0002", "320600"), "--home", home, "--json", code=1)
    assert ran.reason == "FOREIGN_BACKUP"
    assert "320600" in ran.json["error"]["message"]
    assert contents(home) == before


def test_a_missing_backup_is_named(tmp_path: Path) -> None:
    """Exit code 4, and the path."""
    home = make_home(tmp_path)
    ran = yrdx("db", "restore", tmp_path / "nowhere", "--home", home, "--json", code=NOT_FOUND)
    assert "nowhere" in ran.json["error"]["message"]


def test_doctor_names_the_restore_of_a_lost_store(tmp_path: Path) -> None:
    """The very command, with the backup in place of BACKUP, mends it; there is nothing to keep then."""
    home = make_home(tmp_path)
    copy = back_up(home, tmp_path / "copy")
    (home / "store.sqlite").unlink()
    checks = yrdx("doctor", "--home", home, "--json", code=7).json["checks"]
    (mend,) = (one["mend"] for one in checks if one["check"] == "store.open")
    assert mend == f"yrdx db restore BACKUP --home {home}"
    restored = yrdx("db", "restore", copy, "--home", home, "--json").json
    assert (restored["kept"], restored["accesses"], restored["former_log"]) == (None, 0, "ABSENT")
    yrdx("stream", "ls", "--home", home)


@pytest.mark.parametrize("city", CITIES)
@pytest.mark.parametrize("revision", REVISIONS)
def test_a_backup_of_a_former_version_says_what_it_said(revision: str, city: str, tmp_path: Path) -> None:
    """Restored it is migrated: receipts byte for byte, rejections with their rows, streams, trust, every record."""
    home = make_home(tmp_path, city)
    restored = yrdx("db", "restore", former_file(tmp_path, revision, city), "--home", home, "--json").json
    said = said_of(revision, city)

    assert restored["migrated"][0] > revision
    assert_still_said(said["receipts"], yrdx("receipts", "ls", "--home", home, "--json").json, "header_hash")
    assert_still_said(said["rejections"], yrdx("rejections", "ls", "--home", home, "--json").json, "id")
    assert_still_said(
        [without_counts(one) for one in said["streams"]],
        yrdx("stream", "ls", "--home", home, "--json").json,
        "stream",
    )
    says: dict[str, tuple[list[str], str]] = {
        "agreements": (["agreement", "ls"], "id"),
        "accesses": (["access-log", "ls"], "id"),
    }
    for what, (verb, key) in says.items():
        if what in said:  # the first versions were not asked
            assert_still_said(said[what], yrdx(*verb, "--home", home, "--json").json, key)
    assert revoked(home) >= {one["subject"] for one in said.get("revocations", ())}
    for dataset, records in said["inbox"].items():
        assert exported(home, dataset, tmp_path) == records


def assert_still_said(said: list[dict[str, Any]], says: list[dict[str, Any]], key: str) -> None:
    """Everything that was said of each is said again; more may be."""
    again = {one[key]: one for one in says}
    assert len(said) == len(says) == len(again)
    for one in said:
        assert {name: again[one[key]].get(name) for name in one} == one


def without_counts(stream: dict[str, Any]) -> dict[str, Any]:
    """Leave out what the first version did not count yet: it said 0 of whatever it had received."""
    return {name: value for name, value in stream.items() if name not in ("received", "accepted", "rejected")}


def exported(home: Path, dataset: str, folder: Path) -> list[Any]:
    """Return what `inbox export` writes of a dataset."""
    path = folder / f"{dataset}.jsonl"
    yrdx("inbox", "export", "--home", home, "--dataset", dataset, "-o", path)
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_postgresql_store_goes_into_a_new_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Backed up with pg_dump, restored into the empty database that node.toml names then; the former one stays."""
    with running_postgres() as server:
        monkeypatch.setenv("PATH", str(server.binaries), prepend=":")
        former, new = server.create_database(), server.create_database()
        home = make_home(tmp_path, "320600", "--store-url", former)
        revoke(home, AUTHORITIES[0])
        copy = back_up(home, tmp_path / "copy")
        revoke(home, AUTHORITIES[1])

        assert yrdx("db", "restore", copy, "--home", home, "--json", code=1).reason == "BACKUP_UNFIT"
        settings = home / "node.toml"
        settings.write_text(settings.read_text(encoding="utf-8").replace(former, new), encoding="utf-8")
        restored = yrdx("db", "restore", copy, "--home", home, "--json").json

        assert (restored["kept"], restored["revocations"]) == (None, 1)
        assert (restored["accesses"], restored["former_log"]) == (0, "ELSEWHERE")
        assert revoked(home) == set(AUTHORITIES)
        assert server.execute("SELECT count(*) FROM revocation", former.partition("?")[0].rpartition("/")[2]) == [(2,)]
