"""Which agreement lets a stream exist."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from services.domain.agreement import Agreement
from services.domain.errors import AgreementMissing
from services.domain.stream import StreamName
from services.ports.directory import Agreements


def agreement_in_force(directory: Agreements, stream: StreamName, at: datetime) -> Agreement:
    """Return the newest push agreement of a stream that covers an instant.

    Raises:
        AgreementMissing: There is none.
    """
    revoked = directory.revoked_agreements()
    known = (a for a in directory.agreements() if a.id not in revoked)
    found = [a for a in known if a.stream == stream and a.mode == "push" and a.in_force(at)]
    if not found:
        raise AgreementMissing(
            f"no agreement in force lets {stream} exist: import one with `yrdx agreement import FILE` on both sides"
        )
    return max(found, key=lambda agreement: (agreement.valid_from, agreement.version))


def agreements_with(directory: Agreements, city: str, at: datetime) -> list[Agreement]:
    """Return the agreement in force of every stream with a city, whoever sends, by name of the stream."""
    streams = {a.stream for a in directory.agreements() if city in (a.provider, a.consumer)}
    found = []
    for stream in sorted(streams, key=str):
        with suppress(AgreementMissing):
            found.append(agreement_in_force(directory, stream, at))
    return found


def named_agreement(
    directory: Agreements, stream: StreamName, agreement_id: str, version: int, at: datetime
) -> Agreement:
    """Return the agreement that a sender names.

    Args:
        directory: Agreements known here.
        stream: Stream it must be for.
        agreement_id: As the sender names it.
        version: As the sender names it.
        at: Instant it must cover: a batch's sealed time, or now for an opening.

    Raises:
        AgreementMissing: It is unknown here, for another stream, or not in force at that instant.
    """
    for agreement in directory.agreements():
        if (agreement.id, agreement.version, agreement.stream) == (agreement_id, version, stream):
            if agreement_id in directory.revoked_agreements():
                raise AgreementMissing(f"agreement {agreement_id} was revoked at the receiving city")
            if agreement.mode == "push" and agreement.in_force(at):
                return agreement
            raise AgreementMissing(
                f"agreement {agreement_id} version {version} is not in force: its dates or mode exclude this"
            )
    raise AgreementMissing(
        f"agreement {agreement_id} version {version} for {stream} is not known at the receiving city: import it there"
    )
