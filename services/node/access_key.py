"""The secret under which the access log keeps subjects: an auditor finds a person's accesses, a thief of the log none.

Whoever loses it keeps the log and can ask it about nobody any more; so it is backed up with the home. Replicas of one
node share it.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from services.domain.tags import access_preimage
from services.node.exits import CommandFailed

SECRET_BYTES: Final = 32


class AccessKeyBroken(CommandFailed):
    """The file is not what was written."""

    reason: ClassVar[str] = "ACCESS_KEY_BROKEN"


class AccessKey:
    """Pseudonyms of subjects.

    Args:
        secret: 32 bytes.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def pseudonym(self, subject: Sequence[str]) -> bytes:
        """Return HMAC-SHA-256 of a subject's texts, 32 bytes (RFC 2104)."""
        return hmac.digest(self._secret, access_preimage(subject), "sha256")


def access_key(path: Path) -> AccessKey:
    """Read a home's secret; the first time, in `yrdx init`, make it. The caller holds the home's lock.

    Raises:
        AccessKeyBroken: The file has another length.
    """
    if not path.exists():
        _write(path, os.urandom(SECRET_BYTES))
    secret = path.read_bytes()
    if len(secret) != SECRET_BYTES:
        raise AccessKeyBroken(
            f"{path} 不完整，请从备份恢复 · is not whole: restore it from the backup: the log needs it"
        )
    return AccessKey(secret)


def _write(path: Path, secret: bytes) -> None:
    """Write it whole or not at all."""
    part = path.with_suffix(".part")
    descriptor = os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
