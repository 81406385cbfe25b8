"""Which version of a standard two cities speak, and what happens where they know different ones.

The agreement names the newest version that may be sent. A sender speaks the newest one that it knows and the agreement
includes. A receiver that does not know it yet, but the version that it adds to, keeps the records and holds them
(`services.exchange.release`). Without a common major version nothing can be said: the stream is not opened, and both
sides say which versions there are. Nothing else between the two cities is concerned.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from services.domain.agreement import Agreement
from services.domain.errors import AgreementMissing, StandardIncompatible
from services.domain.standard import StandardVersion, newest_before, newest_included, share_major
from services.domain.stream import StreamName
from services.exchange.agreements import agreement_in_force
from services.ports.channel import Description
from services.ports.directory import Agreements
from services.ports.gate import Datasets, Gate


@dataclass(frozen=True, slots=True)
class Incompatibility:
    """An agreement under which two cities cannot exchange: their versions of its standard differ too much.

    Attributes:
        agreement: As it stands here.
        city: The partner.
        ours: Versions on this side.
        theirs: Versions on the partner's.
    """

    agreement: Agreement
    city: str
    ours: Sequence[str]
    theirs: Sequence[str]

    def __str__(self) -> str:
        """Say which versions there are, and who must act."""
        agreed = self.agreement
        return (
            f"{agreed.dataset}: agreement {agreed.id} v{agreed.version} names standard {agreed.standard}; this city "
            f"has {_listed(self.ours)}, {self.city} has {_listed(self.theirs)}. Whoever is behind upgrades, or "
            "both import an agreement on a version that both know; until then this stream waits, and no other"
        )


def spoken_standard(gate: Gate, agreement: Agreement) -> str:
    """Return the version that this city sends under an agreement.

    Raises:
        StandardIncompatible: It knows none that the agreement includes.
    """
    known = gate.standards(agreement.dataset)
    spoken = newest_included(agreement.standard, known)
    if spoken is None:
        raise StandardIncompatible(
            f"agreement {agreement.id} v{agreement.version} names standard {agreement.standard} of "
            f"{agreement.dataset}, this city has {_listed(known)}: upgrade, or import an agreement on what is known"
        )
    return spoken


def is_ahead(gate: Gate, dataset: str, standard: str) -> bool:
    """Say whether a version is a compatible addition that is not known here yet: its records are held."""
    return newest_before(standard, gate.standards(dataset)) is not None


def require_readable(gate: Gate, agreement: Agreement, standard: str) -> None:
    """Make sure that what a sender says it speaks was agreed, and can at least be kept here.

    Args:
        gate: The receiver's.
        agreement: Under which it is said.
        standard: Version that the sender names.

    Raises:
        StandardIncompatible: It goes beyond the agreement, or has no major version in common with those known here.
    """
    if not StandardVersion.parse(agreement.standard).includes(StandardVersion.parse(standard)):
        raise StandardIncompatible(
            f"agreement {agreement.id} v{agreement.version} names standard {agreement.standard} of "
            f"{agreement.dataset}, the sender speaks {standard}"
        )
    known = gate.standards(agreement.dataset)
    if not share_major([standard], known):
        raise StandardIncompatible(
            f"{agreement.dataset}: the sender speaks standard {standard}, the receiver has {_listed(known)}: whoever "
            "is behind upgrades, or both import an agreement on a version that both know"
        )


def incompatibilities(
    agreements: Sequence[Agreement], ours: Datasets, described: Description
) -> Iterator[Incompatibility]:
    """Compare what two cities know of the standards that they agreed on.

    Args:
        agreements: Those of this city with the partner, whoever sends.
        ours: Versions known here, by dataset.
        described: What the partner said.
    """
    theirs = dict(described.datasets)
    for agreement in agreements:
        here, there = ours.get(agreement.dataset, ()), theirs.get(agreement.dataset, ())
        agreed = [agreement.standard]
        if not (share_major(agreed, here) and share_major(agreed, there)):
            yield Incompatibility(agreement, described.city, here, there)


def verify_described(agreement: Agreement, gate: Gate, described: Description) -> None:
    """Make sure, before a stream is opened, that its receiver can at least keep what is sent.

    Raises:
        StandardIncompatible: Both sides' versions are named.
    """
    for found in incompatibilities([agreement], gate.datasets, described):
        raise StandardIncompatible(str(found))


def standard_problems(directory: Agreements, gate: Gate, at: datetime) -> dict[StreamName, str]:
    """Say of which streams the agreement in force names no version that is known here, and which ones are."""
    problems = {}
    for stream in {a.stream for a in directory.agreements() if not _is_spoken(gate, a)}:
        with suppress(AgreementMissing):
            try:
                spoken_standard(gate, agreement_in_force(directory, stream, at))
            except StandardIncompatible as problem:
                problems[stream] = str(problem)
    return problems


def _is_spoken(gate: Gate, agreement: Agreement) -> bool:
    return newest_included(agreement.standard, gate.standards(agreement.dataset)) is not None


def _listed(versions: Sequence[str]) -> str:
    return ", ".join(versions) or "none"
