"""Restoring a home's store from a backup: what must be true of the copy, and what it must not bring back.

An old copy believes what was revoked since. Revocations stand in the log of acts too, so those that the copy lacks are
put back before anybody can serve it. What granted trust since (partners, agreements, lists) is not: an operator does
that again, with the approvals that it takes. The access log is evidence: what the store in place has logged since goes
on in the copy, before that one takes its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Final

from certs.act_log import Act, ActLog
from services.domain.revocation import Grain, Revocation
from services.domain.stream import Direction, Stream
from services.node.addresses import store_file
from services.node.exits import CommandFailed
from services.node.home import Home
from services.node.lock import NodeLock
from services.store import schema
from services.store.former_log import CarriedAccesses, FormerLog, carry_accesses
from services.store.opening import open_store
from services.store.restore import place, staged

_REVOKE: Final = "revoke."
_LIFT: Final = "grant.lift"
_KEPT: Final = "replaced-"


class ForeignBackup(CommandFailed):
    """The backup is another city's store."""

    reason: ClassVar[str] = "FOREIGN_BACKUP"


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done.

    Attributes:
        kept: Where the former store lies; None when there was none, or where it is a database that stays.
        migrated: Migrations that the copy lacked.
        revocations: How many were put back.
        accesses: What became of the access log since the backup.
        streams: Streams as the copy knows them.
    """

    kept: Path | None
    migrated: Sequence[str]
    revocations: int
    accesses: CarriedAccesses
    streams: Sequence[Stream]


def restore(home: Home, city: str, url: str, backup: Path, *, by: str, now: datetime) -> Restored:
    """Put a backup in the place of a home's store; nothing is changed unless all of it succeeds.

    Args:
        home: The home.
        city: Whose home it is.
        url: Its store, resolved.
        backup: File that ``yrdx db backup`` wrote.
        by: URI of who does it, for the log of acts.
        now: Present instant.

    Raises:
        HomeBusy: A node serves the home, or a command works in it.
        ForeignBackup: It is another city's.
        services.store.errors.StoreRefused: It is no whole backup of such a store, or a newer version's.
        services.domain.errors.StoreUnavailable: The copy cannot be written: the disk is full.
        certs.errors.KeystoreBroken: The log of acts was altered: what it says of revocations cannot be relied upon.
    """
    log = ActLog(home.acts)
    with NodeLock(home), staged(url, backup) as copy:
        migrated = schema.migrate(copy)
        streams, put_back = _prepare(copy, city, revocations_in(log.acts()))
        carried = _carry_on(store_file(url), copy)
        details = {"revocations": str(put_back), "accesses": str(carried.count), "former_log": carried.former.value}
        log.append("store.restore", backup.name, by=by, now=now, details=details)
        kept = (store_file(url) or home.store).with_name(f"{_KEPT}{now:%Y%m%dT%H%M%S%f}Z")
        has_former = place(url, copy, kept)
    return Restored(kept if has_former else None, migrated, put_back, carried, streams)


def revocations_in(acts: Iterable[Act]) -> list[Revocation]:
    """Return the revocations that operators made and that stand, by the log of acts, oldest first."""
    standing: dict[tuple[Grain, str], Revocation] = {}
    for act in acts:
        if act.act == _LIFT:
            standing.pop((Grain.CITY, act.subject), None)
        elif act.act.startswith(_REVOKE):
            grain = Grain(act.act.removeprefix(_REVOKE))
            at = datetime.fromisoformat(act.at)
            standing[grain, act.subject] = Revocation(grain, act.subject, act.details["reason"], act.by, at)
    return list(standing.values())


def _prepare(url: str, city: str, revoked: Sequence[Revocation]) -> tuple[Sequence[Stream], int]:
    store = open_store(url)
    try:
        streams = store.read(lambda tx: tx.streams())
        _require_own(streams, city)
        put_back = store.write(lambda tx: tx.put_revocations(revoked)).result()
    finally:
        store.close()
    return streams, put_back


def _carry_on(store: Path | None, copy: str) -> CarriedAccesses:
    if store is None:
        return CarriedAccesses(FormerLog.ELSEWHERE)
    # A restore that was cut off has kept the former store already, and there is none in its place.
    newest_kept = max(store.parent.glob(f"{_KEPT}*/{store.name}"), default=None)
    return carry_accesses(store if store.exists() else newest_kept, copy)


def _require_own(streams: Iterable[Stream], city: str) -> None:
    owners = {one.name.from_city if one.direction is Direction.OUTBOUND else one.name.to_city for one in streams}
    if strangers := sorted(owners - {city}):
        raise ForeignBackup(
            f"这是 {strangers[0]} 的备份，不是 {city} 的 · the backup is of {strangers[0]}, not of {city}"
        )
