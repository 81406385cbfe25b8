"""One run: find the agreement, then ask for every promise in turn; one that breaks keeps none of the others waiting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import grpc
from google.protobuf.message import DecodeError

from certs.bundle import CityBundle
from services.node.conformance.calls import Outcome
from services.node.conformance.identity import Identity
from services.node.conformance.kept import Kept
from services.node.conformance.lifecycle import Lifecycle
from services.node.conformance.partner import CONNECT_WITHIN_S, Partner, asked
from services.node.conformance.promises import Broken, Promise, Skipped, State, Verdict
from services.node.conformance.records import Records
from services.node.conformance.sender import Key, Sender
from services.node.conformance.target import Target
from services.node.exits import CommandFailed, Exit
from yrdx.exchange.v1 import exchange_pb2


class NotPrepared(CommandFailed):
    """The node does not know us yet, or no agreement lets us send: its operator must act first."""

    reason: ClassVar[str] = "NOT_PREPARED"
    code: ClassVar[Exit] = Exit.NOT_PERMITTED


class Unreachable(CommandFailed):
    """The node does not answer."""

    reason: ClassVar[str] = "UNAVAILABLE"
    code: ClassVar[Exit] = Exit.PARTNER_UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Asking:
    """What a run needs to know.

    Attributes:
        address: Where the node listens, "host:port".
        bundle: The bundle of the node's city.
        identity: Who asks.
        dataset: What is sent.
        duplicate_after_s: How long a duplicate waits before it is sent again.
        seed: Of the invented people.
    """

    address: str
    bundle: CityBundle
    identity: Identity
    dataset: str
    duplicate_after_s: float
    seed: int


def meet(asking: Asking, lifecycle: Lifecycle) -> Partner:
    """Ask the node who it is, with the right certificate, and find the agreement to send under.

    Args:
        asking: Whom to ask, and as whom.
        lifecycle: Commands that end and start the node.

    Raises:
        Unreachable: It does not answer.
        NotPrepared: It refuses us, or holds no agreement from us to it about the dataset.
    """
    target, identity = Target(asking.address, asking.bundle), asking.identity
    sender = Sender(
        identity.city,
        target.city,
        identity.folder,
        asking.address,
        target.bundle.roots_pem,
        Key(identity.generation.signing_key),
        agreement_id="",
        dataset=asking.dataset,
    )
    with sender.stub() as stub:
        said = _answer(asking, asked(stub.Describe, exchange_pb2.DescribeRequest(), timeout_s=CONNECT_WITHIN_S))
    agreement = _agreement(asking, said.agreements)
    return Partner(
        target,
        identity,
        sender.copy(agreement_id=agreement.id, agreement_version=agreement.version, standard=agreement.standard),
        said.limits,
        Records(asking.dataset, seed=asking.seed),
        lifecycle,
        Kept(identity.folder / f"kept-{target.city}-{asking.dataset}.binpb"),
        asking.duplicate_after_s,
    )


def ask(partner: Partner, promises: Iterable[Promise]) -> Iterator[Verdict]:
    """Ask for promises, one verdict each, while the next one waits.

    Raises:
        CommandFailed: A command of the operator's failed: the node's state is unknown then.
    """
    for promise in promises:
        try:
            yield Verdict(promise, State.PASSED, promise.check(partner))
        except Broken as broken:
            yield Verdict(promise, State.FAILED, str(broken))
        except DecodeError:
            yield Verdict(promise, State.FAILED, "答复中有无法解析的内容 · it answered with bytes that do not parse")
        except Skipped as skipped:
            yield Verdict(promise, State.SKIPPED, str(skipped))


def _answer(asking: Asking, answered: Outcome) -> Any:  # noqa: ANN401 - the contract's message
    if answered.code is grpc.StatusCode.OK:
        return answered.answers[0]
    if answered.code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
        raise Unreachable(
            f"{asking.address} 无应答，或握手被拒 · does not answer, or refuses the handshake: is its node running, "
            f"did its operator add our bundle (--prepare), and is --bundle its city's ({asking.bundle.city})?"
        )
    raise NotPrepared(
        f"{asking.address} 拒绝本市 · refuses us: {answered.told}. 先由对方操作员按 --prepare 登记 · its operator must "
        "first do what --prepare prints"
    )


def _agreement(asking: Asking, agreements: Iterable[Any]) -> Any:  # noqa: ANN401 - the contract's message
    wanted = (asking.identity.city, asking.bundle.city, asking.dataset)
    streams = [one for one in agreements if one.mode in ("", "push")]
    found = [one for one in streams if (one.provider, one.consumer, one.dataset) == wanted]
    if not found:
        raise NotPrepared(
            f"节点没有本市到它的 {asking.dataset} 协议 · the node has no agreement on {asking.dataset} from us to it: "
            "先由对方操作员按 --prepare 导入 · its operator must first do what --prepare prints"
        )
    return max(found, key=lambda one: one.version)
