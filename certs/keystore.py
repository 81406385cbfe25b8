"""The node's keys on disk: numbered generations, of which a symlink names the current one.

    certs/current -> gen/<n>    swapped as a whole: a reader sees the old pairs or the new ones
    certs/gen/<n>/              `certs.generation.FILES`, and ``manifest`` with their SHA-256
    certs/offline/              the authority's and the bundle's key, not needed to run the node

Files have mode 0600 and folders 0700. One process writes; any may read.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from certs.authority import Authority, authority_from_pem, create_authority, serial_number
from certs.errors import CertificateRefused, KeystoreBroken, Reason
from certs.generation import FILES, Generation, issue_generation, manifest_of, verify_generation
from certs.identity import verify_city
from certs.signing import SigningKey

AUTHORITY_VALID_FOR: Final = timedelta(days=5 * 365)

_FOLDER: Final = "certs"
_NEW_FOLDER: Final = "certs.new"
_MANIFEST: Final = "manifest"
_CURRENT_TARGET: Final = re.compile(r"gen/([1-9][0-9]{0,8})")
_FILE_BYTES_MAX: Final = 64 * 1024

_OFFLINE_README: Final = """\
离线密钥  Offline keys

ca.key      本市证书签发机构的私钥：签发新证书时才需要。
            The city's authority: needed only to issue certificates.
bundle.key  本市信任包的签名私钥：对方核对的指纹就是它的指纹。
            Signs the city's bundle: partners compare its fingerprint.
ca.pem      签发机构的证书，不是秘密。 The authority's certificate, no secret.

节点运行时不读取这些文件。请把它们移到离线介质并另存一份备份，需要时再放回原处。
The node does not read these files to run. Move them to a medium that is kept offline, with a second
copy elsewhere, and put them back here when one of the above is due.
任何拿到 ca.key 的人都能冒充本市。 Whoever has ca.key can pass for this city.
"""


def create_keystore(home: Path, city: str, *, now: datetime, random: Callable[[int], bytes]) -> Generation:
    """Make a city's first authority, keys and generation; all of it appears at once, or nothing.

    Args:
        home: The node's home, an existing folder.
        city: Six-digit city code.
        now: Time of issue, with its zone.
        random: Gives that many random bytes, for the serials.

    Raises:
        ValueError: The city code has another shape.
        KeystoreBroken: KEYSTORE_EXISTS; keys are never overwritten.
    """
    verify_city(city)
    if _folder(home).exists():
        raise KeystoreBroken(Reason.KEYSTORE_EXISTS, f"{_folder(home)} exists already: keys are never overwritten")
    new = home / _NEW_FOLDER
    if new.exists():
        shutil.rmtree(new)  # left by a run that was interrupted; nothing ever used it
    authority = create_authority(city, now=now, serial=serial_number(random), valid_for=AUTHORITY_VALID_FOR)
    _write_offline(new, authority, SigningKey.generate())
    files = issue_generation(authority, SigningKey.generate(), now=now, random=random)
    generation = verify_generation(files, number=1, now=now)
    _write_generation(new, files, number=1)
    new.rename(_folder(home))
    _sync_folder(home)
    return generation


def load_generation(home: Path, *, now: datetime) -> Generation:
    """Read the current generation and check it as a whole.

    Args:
        home: The node's home.
        now: Time of the check, with its zone.

    Raises:
        KeystoreBroken: With the file, the reason, and what to do.
    """
    number = _current_number(_folder(home))
    folder = _folder(home) / "gen" / str(number)  # once: the symlink may move while we read
    files = {name: _read(folder / name) for name in FILES}
    _verify_manifest(_read(folder / _MANIFEST), files)
    return verify_generation(files, number=number, now=now)


def install_generation(home: Path, files: Mapping[str, bytes], *, now: datetime) -> Generation:
    """Check a new generation, write it beside the others, and make it the current one.

    Whoever loads meanwhile gets the old generation or the new one, and a crash leaves the old one.

    Args:
        home: The node's home.
        files: File name → content, see `certs.generation.issue_generation`.
        now: Time of the check, with its zone.

    Raises:
        KeystoreBroken: The new one is refused; nothing was written, the old one stays.
    """
    folder = _folder(home)
    current = _current_number(folder)
    # Above every folder, also one that a crash left half written.
    numbers = [int(path.name) for path in (folder / "gen").iterdir() if path.name.isdecimal()]
    generation = verify_generation(files, number=max(numbers, default=current) + 1, now=now)
    _write_generation(folder, files, number=generation.number)
    return generation


def load_authority(home: Path) -> Authority:
    """Read the city's authority, if its key is on this machine.

    Raises:
        KeystoreBroken: OFFLINE_KEY_ABSENT, or what is wrong with the files.
    """
    offline = _folder(home) / "offline"
    try:
        return authority_from_pem(_read_offline(offline / "ca.pem"), _read_offline(offline / "ca.key"))
    except CertificateRefused as error:
        raise KeystoreBroken(error.reason, f"{offline / 'ca.pem'}: {error}") from error


def load_bundle_key(home: Path) -> SigningKey:
    """Read the key that signs the city's bundle, if it is on this machine.

    Raises:
        KeystoreBroken: OFFLINE_KEY_ABSENT, or what is wrong with the file.
    """
    return SigningKey.from_pem(_read_offline(_folder(home) / "offline" / "bundle.key"))


def _folder(home: Path) -> Path:
    return home / _FOLDER


def _current_number(folder: Path) -> int:
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


def _read(path: Path) -> bytes:
    """Read one small file; a key that others may read is refused, since it may be known by now."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read(_FILE_BYTES_MAX)
    except OSError as error:
        raise KeystoreBroken(
            Reason.KEYSTORE_UNREADABLE,
            f"{path} cannot be read ({error.strerror}): restore it from the backup, or run as its owner",
        ) from error
    if path.suffix == ".key" and mode & 0o077:
        raise KeystoreBroken(
            Reason.KEY_EXPOSED, f"{path} has mode {mode:04o}, others may use the key: chmod 600 {path}"
        )
    return content


def _read_offline(path: Path) -> bytes:
    if not path.exists():
        raise KeystoreBroken(
            Reason.OFFLINE_KEY_ABSENT,
            f"{path} is not on this machine: put it back from where it is kept for as long as this takes",
        )
    return _read(path)


def _write_offline(folder: Path, authority: Authority, bundle_key: SigningKey) -> None:
    offline = folder / "offline"
    _make_folder(offline)
    _write(offline / "README.txt", _OFFLINE_README.encode("utf-8"))
    _write(offline / "ca.pem", authority.certificate_pem())
    _write(offline / "ca.key", authority.key_pem())
    _write(offline / "bundle.key", bundle_key.to_pem())
    _sync_folder(offline)


def _write_generation(folder: Path, files: Mapping[str, bytes], *, number: int) -> None:
    """Everything is on disk before the symlink moves: after a power cut it never points at a torn one."""
    generation = folder / "gen" / str(number)
    _make_folder(generation)
    for name in FILES:
        _write(generation / name, files[name])
    _write(generation / _MANIFEST, manifest_of(files))
    _sync_folder(generation)
    _sync_folder(generation.parent)
    link = folder / "current.new"
    link.unlink(missing_ok=True)
    link.symlink_to(f"gen/{number}")
    link.replace(folder / "current")
    _sync_folder(folder)


def _make_folder(path: Path) -> None:
    """`Path.mkdir` gives the parents the default mode, so each is made by itself."""
    if not path.parent.exists():
        _make_folder(path.parent)
    path.mkdir(mode=0o700)


def _write(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
