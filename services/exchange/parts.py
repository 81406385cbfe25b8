"""What every use case is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.domain.limits import Limits
from services.domain.tags import Digest
from services.ports.clock import Clock, Random
from services.ports.codec import PayloadCodec
from services.ports.content import Contents
from services.ports.courses import Courses
from services.ports.gate import Gate
from services.ports.signer import SignatureVerifier, Signer


@dataclass(frozen=True, slots=True)
class Parts:
    """The ports of one node, wired once at start.

    Attributes:
        city: This node's city code.
        clock: Time.
        random: Salts and jitter.
        contents: Bytes ↔ domain of signed contents.
        signer: Signs for this city.
        verifier: Verifies every city's signatures.
        gate: Validates records by the contract: what is submitted here.
        inbox_gate: The same, and refuses what this city's dialect has no way to say: what is received here.
        courses: What cases do that records tell.
        codec: Payload codec.
        digests: Hash function by algorithm name.
        limits: This node's limits.
    """

    city: str
    clock: Clock
    random: Random
    contents: Contents
    signer: Signer
    verifier: SignatureVerifier
    gate: Gate
    inbox_gate: Gate
    courses: Courses
    codec: PayloadCodec
    digests: Mapping[str, Digest]
    limits: Limits
