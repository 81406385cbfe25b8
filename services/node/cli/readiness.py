"""Whether partners are ready for a step of an act on this city's keys; the running node asks them.

A step for which somebody is not ready would break that partner. So it is refused and names who it is, and an operator
who goes on without that partner pauses it openly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from certs.rollover import breaking
from services.domain.errors import Conflict
from services.node.cli.node_access import connect

if TYPE_CHECKING:
    from services.node.cli.ring import Ring
    from yrdx.node.v1 import node_pb2

_LIVE: Final = "LIVE"


def distribute(ring: Ring, *, offer: bool = True) -> node_pb2.DistributeBundleResponse:
    """Offer the bundle to every live partner, and say who holds which version."""
    from yrdx.node.v1 import node_pb2

    with connect(ring.place.home.path) as session:
        answer: node_pb2.DistributeBundleResponse = session.stub.DistributeBundle(
            node_pb2.DistributeBundleRequest(dry_run=not offer)
        )
    return answer


def require_nobody_breaks(answer: node_pb2.DistributeBundleResponse, excluded: Sequence[str]) -> None:
    """Refuse a step that some partner is not ready for.

    Raises:
        Conflict: With their city codes, and what lets it go on without them.
    """
    held = {one.city: one.digest for one in answer.acknowledgements}
    live = [one.city for one in answer.acknowledgements if one.state == _LIVE and one.city not in excluded]
    broken = breaking(live, held, answer.digest)
    if broken:
        raise Conflict(
            f"{', '.join(broken)} did not acknowledge version {answer.version} of the bundle and would break: "
            f"`yrdx ca distribute`, or go on without with `--exclude {broken[0]}`, which pauses that partner"
        )


def canaries(ring: Ring, number: int) -> Mapping[str, str]:
    """Call every live partner with the leaf of a generation on disk.

    Returns:
        City → why it does not work; empty where it does.
    """
    from yrdx.node.v1 import node_pb2

    with connect(ring.place.home.path) as session:
        answer = session.stub.TryGeneration(node_pb2.TryGenerationRequest(generation=number))
    return {one.city: one.error for one in answer.canaries}


def pause(ring: Ring, excluded: Sequence[str]) -> None:
    """Pause partners openly: they are told, and nothing is lost."""
    from yrdx.node.v1 import node_pb2

    with connect(ring.place.home.path) as session:
        for city in excluded:
            reason = "excluded from a rollover: its bundle of ours is old"
            session.stub.PausePartner(node_pb2.PausePartnerRequest(city=city, reason=reason))
