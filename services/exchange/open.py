"""Open: the receiver shows where it stands, and notices when it was restored from a backup."""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.domain.batch import Signed
from services.domain.errors import (
    Diverged,
    EpochUnknown,
    ExchangeError,
    Malformed,
    NotPermitted,
    PartnerPaused,
    PartnerUnknown,
    Recovering,
    Unavailable,
)
from services.domain.opening import Opening, OpeningAnswer
from services.domain.partner import PartnerState
from services.domain.stream import Direction, Position, Stream, StreamName, StreamState
from services.domain.tags import OPENING, POSITION, RECEIPT
from services.exchange.agreements import named_agreement
from services.exchange.parts import Parts
from services.exchange.standards import require_readable
from services.ports.store import Transaction

PAUSED_RETRY_S = 30.0


@dataclass(frozen=True, slots=True)
class Opened:
    """An opening that was judged.

    Attributes:
        stream: The stream it names.
        answer: The signed position; None when it was refused.
        refusal: Why it was refused. Returned, not raised: what the judgement changed must be committed.
    """

    stream: StreamName
    answer: Signed | None
    refusal: ExchangeError | None = None


def require_live_partner(tx: Transaction, city: str) -> None:
    """Refuse a caller that is no confirmed partner, or that an operator paused.

    Raises:
        PartnerUnknown: Not a partner, or its fingerprint was never confirmed.
        PartnerPaused: Paused by an operator of this node.
    """
    partner = tx.partner(city)
    if partner is None or partner.state is PartnerState.UNCONFIRMED:
        raise PartnerUnknown(f"city {city} is not a confirmed partner here: `yrdx partner add`, `yrdx partner confirm`")
    if partner.state is PartnerState.PAUSED:
        raise PartnerPaused(f"an operator paused city {city} here", retry_after_s=PAUSED_RETRY_S)


def read_opening(parts: Parts, signed: Signed, caller_city: str) -> Opening:
    """Verify an opening's signature and that it is the caller's own stream to this city.

    Raises:
        Malformed: Signature or content do not verify.
        NotPermitted: The stream is not from the caller to this city.
    """
    parts.verifier.verify(caller_city, OPENING, signed)
    opening = parts.contents.opening_from_bytes(signed.content)
    if (opening.stream.from_city, opening.stream.to_city) != (caller_city, parts.city):
        raise NotPermitted(f"{opening.stream} is not a stream from {caller_city} to {parts.city}")
    return opening


def answer_opening(tx: Transaction, parts: Parts, signed: Signed, opening: Opening) -> Opened:
    """Judge an opening and answer with the receiver's signed position.

    Raises:
        PartnerUnknown, PartnerPaused, AgreementMissing, StandardIncompatible, Malformed: Nothing was changed.
    """
    name = opening.stream
    require_live_partner(tx, name.from_city)
    agreement = named_agreement(tx, name, opening.agreement_id, opening.agreement_version, parts.clock.now())
    require_readable(parts.gate, agreement, opening.standard)
    if opening.hash_algorithm not in parts.digests:
        raise Malformed(f"hash algorithm {opening.hash_algorithm} is not known here")
    stream = _present(tx, opening)
    judged, refusal = _judge(parts, stream, opening)
    if judged.position.epoch > stream.position.epoch:
        tx.close_epoch(stream.id, stream.position)
    if judged != stream and not tx.update_stream(judged, expected=stream):
        raise Unavailable(f"{name} moved while it was opened: open again", retry_after_s=0.1)
    return Opened(name, None if refusal else _sign_answer(parts, judged, signed), refusal)


def _present(tx: Transaction, opening: Opening) -> Stream:
    tx.add_stream(Stream(0, opening.stream, Direction.INBOUND, hash_algorithm=opening.hash_algorithm))
    stream = tx.stream(opening.stream, Direction.INBOUND, lock=True)
    if stream is None:
        raise Unavailable("the stream vanished while it was opened", retry_after_s=1.0)
    return stream


def _judge(parts: Parts, stream: Stream, opening: Opening) -> tuple[Stream, ExchangeError | None]:
    """Return how the stream stands after an opening, and why it is refused, if it is."""
    if stream.state is StreamState.DIVERGED:
        return stream, Diverged(f"{stream.name} is DIVERGED at the receiver: {stream.state_reason}")
    opened = _open_epoch(stream, opening)
    if _behind_own_signature(parts, opened, opening):
        if stream.state is StreamState.REPLAY:
            return opened, None
        reason = (
            "this node is behind its own receipts: it was restored from a backup; "
            f"`yrdx stream recover {stream.name}` takes the partner's original batches again"
        )
        return (
            replace(stream, state=StreamState.RECOVERING, state_reason=reason),
            Recovering(f"{stream.name}: the receiver was restored from a backup and waits for its operator"),
        )
    if opening.epoch > opened.position.epoch:
        return stream, EpochUnknown(
            f"{stream.name} is in epoch {stream.position.epoch} here; the opening does not continue where it stands"
        )
    return replace(opened, state=StreamState.OPEN, state_reason=""), None


def _open_epoch(stream: Stream, opening: Opening) -> Stream:
    """Begin the sender's next epoch when it says rightly where this one ends."""
    if opening.epoch != stream.position.epoch + 1 or opening.closed != stream.position:
        return stream
    begin = Position(opening.epoch, 0, stream.position.head)
    return replace(stream, position=begin, sealed=begin, closed=stream.position, hash_algorithm=opening.hash_algorithm)


def _behind_own_signature(parts: Parts, stream: Stream, opening: Opening) -> bool:
    """Say whether the sender holds a receipt of ours for a batch that we do not have."""
    if opening.last_receipt is None:
        return False
    parts.verifier.verify(parts.city, RECEIPT, opening.last_receipt)
    receipt = parts.contents.receipt_from_bytes(opening.last_receipt.content)
    if receipt.stream != stream.name:
        return False
    return (receipt.epoch, receipt.last_sequence) > (stream.position.epoch, stream.position.watermark)


def _sign_answer(parts: Parts, stream: Stream, opening: Signed) -> Signed:
    digest = parts.digests[stream.hash_algorithm]
    answer = OpeningAnswer(
        stream=stream.name,
        position=stream.position,
        replay=stream.state is StreamState.REPLAY,
        opening_hash=digest(OPENING + opening.content),
        answered_time=parts.clock.now(),
    )
    return parts.signer.sign(POSITION, parts.contents.answer_to_bytes(answer))
