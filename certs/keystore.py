"""The node's keys on disk: numbered generations, of which a symlink names the current one.

    certs/current -> gen/<n>    swapped as a whole: a reader sees the old pairs or the new ones
    certs/gen/<n>/              `certs.generation.FILES`, and ``manifest`` with their SHA-256
    certs/drop/                 where another tool puts new files (`certs.drop`)
    certs/offline/              the authority's and the bundle's key, not needed to run the node

Files have mode 0600 and folders 0700. Keys are encrypted when the node has a passphrase (`certs.sealing`). Whoever
writes holds ``certs/lock``; any may read.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from certs.authority import Authority, create_authority, serial_number
from certs.errors import KeystoreBroken, Reason
from certs.generation import FILES, Generation, issue_generation, issue_leaves, manifest_of, verify_generation
from certs.identity import verify_city
from certs.keystore_files import make_folder, read_file, sync_folder, write_file, writing
from certs.leaf import LEAF_VALID_FOR
from certs.offline import keystore_folder, write_offline
from certs.sealing import open_key, sealed
from certs.signing import SigningKey

AUTHORITY_VALID_FOR: Final = timedelta(days=5 * 365)
KEPT_GENERATIONS: Final = 5
"""Generations that stay on disk, the current one among them: to roll back to, and no longer than that, since each
holds usable keys."""

_NEW_FOLDER: Final = "certs.new"
_MANIFEST: Final = "manifest"
_CURRENT_TARGET: Final = re.compile(r"gen/([1-9][0-9]{0,8})")


def create_keystore(
    home: Path, city: str, *, now: datetime, random: Callable[[int], bytes], passphrase: bytes | None = None
) -> Generation:
    """Make a city's first authority, keys and generation; all of it appears at once, or nothing.

    Args:
        home: The node's home, an existing folder.
        city: Six-digit city code.
        now: Time of issue, with its zone.
        random: Gives that many random bytes, for the serials.
        passphrase: Encrypts every key, also the offline ones; None leaves them to the files' modes.

    Raises:
        ValueError: The city code has another shape.
        KeystoreBroken: KEYSTORE_EXISTS; keys are never overwritten.
    """
    verify_city(city)
    if keystore_folder(home).exists():
        raise KeystoreBroken(
            Reason.KEYSTORE_EXISTS, f"{keystore_folder(home)} exists already: keys are never overwritten"
        )
    new = home / _NEW_FOLDER
    if new.exists():
        shutil.rmtree(new)  # left by a run that was interrupted; nothing ever used it
    authority = create_authority(city, now=now, serial=serial_number(random), valid_for=AUTHORITY_VALID_FOR)
    write_offline(new / "offline", authority, SigningKey.generate(), passphrase)
    files = issue_generation(authority, SigningKey.generate(), now=now, random=random)
    generation = verify_generation(files, number=1, now=now)
    _write_generation(new, files, number=1, passphrase=passphrase)
    _point_at(new, 1)
    new.rename(keystore_folder(home))
    sync_folder(home)
    return generation


def load_generation(
    home: Path, *, now: datetime, passphrase: bytes | None = None, number: int | None = None
) -> Generation:
    """Read a generation and check it as a whole.

    Args:
        home: The node's home.
        now: Time of the check, with its zone.
        passphrase: Opens encrypted keys.
        number: Which one; None: the current one.

    Raises:
        KeystoreBroken: With the file, the reason, and what to do.
    """
    number = current_number(home) if number is None else number
    return verify_generation(read_generation(home, number, passphrase), number=number, now=now)


def read_generation(home: Path, number: int, passphrase: bytes | None = None) -> dict[str, bytes]:
    """Read a generation's files as they were written, keys opened; whether they fit each other is not checked.

    Raises:
        KeystoreBroken: KEYSTORE_UNREADABLE, MANIFEST_MISMATCH, or a key cannot be opened.
    """
    folder = keystore_folder(home) / "gen" / str(number)  # once: the symlink may move while we read
    files = {name: read_file(folder / name) for name in FILES}
    _verify_manifest(read_file(folder / _MANIFEST), files)
    return opened(files, passphrase)


def install_generation(
    home: Path, files: Mapping[str, bytes], *, now: datetime, passphrase: bytes | None = None
) -> Generation:
    """Check a new generation, write it beside the others, and make it the current one.

    Whoever loads meanwhile gets the old generation or the new one, and a crash leaves the old one.

    Args:
        home: The node's home.
        files: File name → content, see `certs.generation.issue_generation`.
        now: Time of the check, with its zone.
        passphrase: Encrypts the keys on disk.

    Raises:
        KeystoreBroken: The new one is refused; nothing was written, the old one stays.
    """
    generation = stage_generation(home, files, now=now, passphrase=passphrase)
    folder = keystore_folder(home)
    with writing(folder):
        _point_at(folder, generation.number)
        _remove_old(folder, current=generation.number)
    return generation


def stage_generation(
    home: Path, files: Mapping[str, bytes], *, now: datetime, passphrase: bytes | None = None
) -> Generation:
    """Check a new generation and write it beside the others, without making it the current one.

    Raises:
        KeystoreBroken: It is refused; nothing was written.
    """
    folder = keystore_folder(home)
    with writing(folder):
        # Above every folder, also one that a crash left half written.
        number = max([*_numbers(folder), current_number(home)]) + 1
        generation = verify_generation(opened(files, passphrase), number=number, now=now)
        _write_generation(folder, files, number=number, passphrase=passphrase)
    return generation


def remove_generation(home: Path, number: int) -> None:
    """Remove a generation that is not the current one, with its keys.

    Raises:
        KeystoreBroken: GENERATION_UNKNOWN: it is not there, or in use.
    """
    folder = keystore_folder(home)
    with writing(folder):
        if number not in _numbers(folder) or number == current_number(home):
            raise _unknown(folder, number)
        shutil.rmtree(folder / "gen" / str(number))


def renewed_files(
    home: Path,
    authority: Authority,
    *,
    now: datetime,
    random: Callable[[int], bytes],
    passphrase: bytes | None = None,
    valid_for: timedelta = LEAF_VALID_FOR,
) -> dict[str, bytes]:
    """Make the files of a generation with new leaves; roots and signing key go on, also when the leaves have ended.

    Args:
        home: The node's home.
        authority: Signs the leaves; one of the present roots.
        now: Time of issue, with its zone.
        random: Gives that many random bytes, for the serials.
        passphrase: Opens encrypted keys.
        valid_for: Life of the leaves.

    Raises:
        KeystoreBroken: The present generation cannot be read.
    """
    present = read_generation(home, current_number(home), passphrase)
    return present | issue_leaves(authority, now=now, random=random, valid_for=valid_for)


def find_rollback(
    home: Path, *, now: datetime, passphrase: bytes | None = None, number: int | None = None
) -> Generation:
    """Return the generation that a rollback would make current, whole and valid now.

    Args:
        home: The node's home.
        now: Time of the check, with its zone.
        passphrase: Opens encrypted keys.
        number: Which one; None: the newest below the current one that would work.

    Raises:
        KeystoreBroken: GENERATION_UNKNOWN, or why the one that was named would not work.
    """
    if number is None:
        return _newest_good(home, now=now, passphrase=passphrase)
    if number not in _numbers(keystore_folder(home)):
        raise _unknown(keystore_folder(home), number)
    return load_generation(home, now=now, passphrase=passphrase, number=number)


def rollback_generation(
    home: Path, *, now: datetime, passphrase: bytes | None = None, number: int | None = None
) -> Generation:
    """Make an older generation the current one again; see `find_rollback`."""
    folder = keystore_folder(home)
    with writing(folder):
        generation = find_rollback(home, now=now, passphrase=passphrase, number=number)
        _point_at(folder, generation.number)
    return generation


def generation_numbers(home: Path) -> list[int]:
    """Numbers of the generations on disk, rising; one that a crash left half written is among them."""
    return sorted(_numbers(keystore_folder(home)))


def current_number(home: Path) -> int:
    """Number of the generation that ``current`` points at; whether it would work is not checked.

    Raises:
        KeystoreBroken: KEYSTORE_MISSING.
    """
    folder = keystore_folder(home)
    try:
        target = (folder / "current").readlink()
    except OSError as error:
        raise KeystoreBroken(
            Reason.KEYSTORE_MISSING,
            f"{folder / 'current'} is not there: this home was not set up by `yrdx init`, or its key store "
            "was damaged and must come back from its backup",
        ) from error
    match = _CURRENT_TARGET.fullmatch(target.as_posix())
    if match is None:
        raise KeystoreBroken(
            Reason.KEYSTORE_MISSING, f"{folder / 'current'} must be a symlink to gen/<number>: set it again"
        )
    return int(match[1])


def opened(files: Mapping[str, bytes], passphrase: bytes | None) -> dict[str, bytes]:
    """Return files with their keys not encrypted.

    Raises:
        KeystoreBroken: KEY_SEALED or KEY_UNOPENED, with the file.
    """
    found = dict(files)
    for name in files:
        if name.endswith(".key"):
            try:
                found[name] = open_key(files[name], passphrase)
            except KeystoreBroken as error:
                raise KeystoreBroken(error.reason, f"{name}: {error}") from error
    return found


def _numbers(folder: Path) -> list[int]:
    return [int(path.name) for path in (folder / "gen").iterdir() if path.name.isdecimal()]


def _newest_good(home: Path, *, now: datetime, passphrase: bytes | None) -> Generation:
    folder, current = keystore_folder(home), current_number(home)
    refused: list[str] = []
    for number in sorted((one for one in _numbers(folder) if one < current), reverse=True):
        try:
            return load_generation(home, now=now, passphrase=passphrase, number=number)
        except KeystoreBroken as error:
            refused.append(f"{number} ({error.reason})")
    raise KeystoreBroken(
        Reason.GENERATION_UNKNOWN,
        f"no generation before {current} would work: {', '.join(refused) or 'there is none'}. "
        "Issue a new one with `yrdx cert renew`",
    )


def _unknown(folder: Path, number: int) -> KeystoreBroken:
    known = ", ".join(map(str, sorted(_numbers(folder))))
    return KeystoreBroken(Reason.GENERATION_UNKNOWN, f"there is no generation {number} here; there are {known}")


def _verify_manifest(manifest: bytes, files: Mapping[str, bytes]) -> None:
    """Compare line by line, so that the message names the files that were changed."""
    wanted = manifest_of(files)
    if manifest == wanted:
        return
    missing = set(wanted.splitlines()) - set(manifest.splitlines())
    changed = sorted(line.split()[-1].decode("ascii") for line in missing) or [_MANIFEST]
    raise KeystoreBroken(
        Reason.MANIFEST_MISMATCH,
        f"{', '.join(changed)}: changed, cut short or half written since the manifest was made. "
        "Restore the key store from its backup, or install a new generation",
    )


def _write_generation(folder: Path, files: Mapping[str, bytes], *, number: int, passphrase: bytes | None) -> None:
    """Everything is on disk before the symlink moves: after a power cut it never points at a torn one."""
    generation = folder / "gen" / str(number)
    make_folder(generation)
    written = {name: sealed(files[name], passphrase) if name.endswith(".key") else files[name] for name in FILES}
    for name, content in written.items():
        write_file(generation / name, content)
    write_file(generation / _MANIFEST, manifest_of(written))
    sync_folder(generation)
    sync_folder(generation.parent)


def _point_at(folder: Path, number: int) -> None:
    link = folder / "current.new"
    link.unlink(missing_ok=True)
    link.symlink_to(f"gen/{number}")
    link.replace(folder / "current")
    sync_folder(folder)


def _remove_old(folder: Path, *, current: int) -> None:
    """Keys that nobody rolls back to any more are only there to be stolen."""
    for number in sorted(_numbers(folder), reverse=True)[KEPT_GENERATIONS:]:
        if number != current:
            shutil.rmtree(folder / "gen" / str(number))
