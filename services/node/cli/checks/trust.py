"""The node's own keys: whole, for this city, and how long they last."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from certs.act_log import ActLog
from certs.generation import PARTIES
from certs.keystore import load_generation
from certs.leaf import LEAF_VALID_FOR
from services.node.cli.checks.verdict import Verdict, failed, passed, warning
from services.node.home import Home

LEAF_LEFT_LOW: Final = LEAF_VALID_FOR / 3
AUTHORITY_LEFT_LOW: Final = timedelta(days=180)
MEND_ACTS: Final = "与备份比对 · compare acts.log with its backup: somebody changed it"
RENEW: Final = "yrdx cert renew"


def check_keys(
    home: Home, city: str, demo: bool, now: datetime, *, passphrase: bytes | None = None
) -> Iterator[Verdict]:
    """Look at the key store.

    Raises:
        KeystoreBroken: It cannot be used; its text says what mends it.
    """
    generation = load_generation(home.path, now=now, passphrase=passphrase)
    if generation.city != city:
        yield failed(
            "keys.city",
            f"密钥属于 · the keys are of {generation.city}, the settings say {city}",
            "修改 node.toml 的 city · mend `city` in node.toml",
        )
    yield passed("keys.whole", f"第 {generation.number} 代 · generation {generation.number}, {generation.fingerprint}")
    for role in PARTIES:
        yield _left(f"keys.{role}", getattr(generation, role).not_after - now, LEAF_LEFT_LOW)
    ends = max(root.not_valid_after_utc for root in generation.own_roots)
    yield _left("keys.authority", ends - now, AUTHORITY_LEFT_LOW)
    if (home.offline / "ca.key").exists() and not demo:
        yield warning(
            "keys.offline",
            f"离线密钥仍在本机 · offline keys are still here: {home.offline}",
            f"mv {home.offline}/*.key /media/…",
        )


def check_acts(home: Home) -> Iterator[Verdict]:
    """Look whether every act on trust continues the one before it.

    Raises:
        KeystoreBroken: One does not; its text says which.
    """
    count = sum(1 for _ in ActLog(home.acts).acts())
    yield passed("acts.whole", f"{count} 条，首尾相接 · acts, each continues the one before")


def _left(check: str, left: timedelta, low: timedelta) -> Verdict:
    found = f"剩余 {left.days} 天 · {left.days} days left"
    return passed(check, found) if left >= low else warning(check, found, RENEW)
