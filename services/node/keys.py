"""A home's keys as its settings say: where the passphrase stands, and which generation is current."""

from __future__ import annotations

import stat
from datetime import datetime
from pathlib import Path
from typing import ClassVar, NamedTuple

from certs.errors import KeystoreBroken
from certs.generation import Generation
from certs.keystore import find_rollback, load_generation
from services.node.exits import Mistake
from services.node.home import Home
from services.node.settings import Settings


class PassphraseMistake(Mistake):
    """The passphrase's file cannot be used."""

    reason: ClassVar[str] = "PASSPHRASE"


def passphrase_of(home: Home, settings: Settings) -> bytes | None:
    """Read the passphrase that opens the home's keys; None when they are not encrypted.

    Raises:
        PassphraseMistake: The file is missing, empty, or others may read it.
    """
    return read_passphrase(home.path / settings.passphrase_file) if settings.passphrase_file else None


def read_passphrase(path: Path) -> bytes:
    """Read a passphrase from its file: the first line.

    Raises:
        PassphraseMistake: The file is missing, empty, or others may read it.
    """
    try:
        mode, content = stat.S_IMODE(path.stat().st_mode), path.read_bytes()
    except OSError as error:
        raise PassphraseMistake(f"口令文件 · passphrase file {path}: {error.strerror}") from error
    if mode & 0o077:
        raise PassphraseMistake(
            f"口令文件 · passphrase file: others may read {path} (mode {mode:04o}): chmod 600 {path}"
        )
    passphrase = content.partition(b"\n")[0]
    if not passphrase:
        raise PassphraseMistake(f"口令文件为空 · passphrase file {path} is empty")
    return passphrase


class UsableKeys(NamedTuple):
    """The keys that a home works with.

    Attributes:
        generation: The current generation, or the newest before it that works.
        refused: What is wrong with the current one; None when that is the one.
    """

    generation: Generation
    refused: KeystoreBroken | None


def usable_keys(home: Home, settings: Settings, *, now: datetime) -> UsableKeys:
    """Load the current generation, or the newest before it that works: a serving node goes on with that one too.

    Raises:
        PassphraseMistake, KeystoreBroken: None can be used; what is wrong with the current one.
    """
    passphrase = passphrase_of(home, settings)
    try:
        return UsableKeys(load_generation(home.path, now=now, passphrase=passphrase), None)
    except KeystoreBroken as broken:
        try:
            return UsableKeys(find_rollback(home.path, now=now, passphrase=passphrase), broken)
        except KeystoreBroken:
            raise broken from None
