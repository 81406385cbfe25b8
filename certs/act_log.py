"""The append-only log of acts on trust: who did what, when, approved by whom.

Each line names the digest of the line before it, so that a line changed or taken out shows at the next one.

It does not bind whoever is root on the machine: they can write the whole file anew. What leaves the machine (a copy
of the last digest, the partners' bundles) is what holds them to it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from certs.errors import KeystoreBroken, Reason

_START: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class Act:
    """One act.

    Attributes:
        at: When, RFC 3339, UTC.
        by: URI of the operator, or "node" for what the node did by itself.
        act: What was done, as a stable name: "cert.renew", "revoke.leaf".
        subject: What it was done to.
        details: Further facts; nothing secret.
        approvals: URIs of the operators whose signatures were checked.
        previous: Digest of the line before; zeroes for the first.
    """

    at: str
    by: str
    act: str
    subject: str
    details: Mapping[str, str]
    approvals: Sequence[str]
    previous: str


class ActLog:
    """The log of one home; several processes may append at once."""

    def __init__(self, path: Path) -> None:
        """Name the file; it need not exist yet."""
        self._path = path

    def append(
        self,
        act: str,
        subject: str,
        *,
        by: str,
        now: datetime,
        details: Mapping[str, str] | None = None,
        approvals: Sequence[str] = (),
    ) -> Act:
        """Add an act; it is on disk when this returns.

        Raises:
            OSError: The disk; then the act must not be done either.
        """
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "rb+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            previous = _last_digest(file.read())
            done = Act(f"{now:%Y-%m-%dT%H:%M:%S.%f}Z", by, act, subject, dict(details or {}), list(approvals), previous)
            file.write(_line(done))
            file.flush()
            os.fsync(file.fileno())
        return done

    def acts(self) -> Iterator[Act]:
        """Read all acts, oldest first, and check that each continues the one before.

        Raises:
            KeystoreBroken: ACT_LOG_ALTERED, with the number of the line.
        """
        if not self._path.exists():
            return
        previous = _START
        for number, line in enumerate(self._path.read_bytes().splitlines(keepends=True), 1):
            act = _parsed(line, number)
            if act.previous != previous:
                raise _altered(number)
            previous = hashlib.sha256(line).hexdigest()
            yield act


def _line(act: Act) -> bytes:
    return json.dumps(asdict(act), ensure_ascii=False, sort_keys=True).encode() + b"\n"


def _parsed(line: bytes, number: int) -> Act:
    try:
        return Act(**json.loads(line))
    except (ValueError, TypeError) as error:
        raise _altered(number) from error


def _last_digest(content: bytes) -> str:
    lines = content.splitlines(keepends=True)
    return hashlib.sha256(lines[-1]).hexdigest() if lines else _START


def _altered(number: int) -> KeystoreBroken:
    return KeystoreBroken(
        Reason.ACT_LOG_ALTERED,
        f"line {number} of the log of acts does not continue the line before it: somebody changed the file, or a disk "
        "failed. Compare it with its backup before anything else is trusted",
    )
