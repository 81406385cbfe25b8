"""The gate: every record passes the same rules on both sides.

The order in which a record is judged: size, envelope, type of its message, message, named rules and sums, key,
agreement, the receiving city's dialect. The first violation is the verdict. No verdict holds a value.

Not checked here: salt, sequence and payload codec (the exchange), and whether a mended record is superseded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from google.protobuf.message import DecodeError, Message

from services.domain.receipt import Violation
from services.ports.gate import Passed
from services.wire.datasets import Dataset, Datasets
from services.wire.reasons import reason_of
from services.wire.runs import MessageRun
from yrdx.types.v1.types_pb2 import OPERATION_RETRACT, RecordBody

Expressible = Callable[[Any], Violation | None]
"""Says why a city's dialect cannot say a message (rule id "dialect.…"), or None."""


def _refusal(rule_id: str, field_path: str = "") -> Violation:
    return Violation(field_path, rule_id, reason_of(rule_id))


_TOO_LARGE: Final = _refusal("record.too_large")
_WRONG_TYPE: Final = _refusal("record.type")
_WRONG_KEY: Final = _refusal("record.key")
_NO_REASON: Final = _refusal("record.reason")
_WRONG_TIME: Final = _refusal("record.source_time")
_NANOS_MAX: Final = 999_999_999


class ContractGate:
    """Implements `services.ports.gate.Gate` by the contract's own rules."""

    def __init__(
        self,
        datasets: Datasets,
        *,
        record_bytes_max: int,
        expressible: Mapping[str, Expressible] | None = None,
    ) -> None:
        """Set up a gate.

        Args:
            datasets: What is known here.
            record_bytes_max: Bytes of one body.
            expressible: By dataset name, what the receiving city's dialect can say; called last, on good records.
        """
        self._datasets = datasets
        self._record_bytes_max = record_bytes_max
        self._expressible = dict(expressible or {})
        self._envelopes = MessageRun(RecordBody)

    @property
    def datasets(self) -> Mapping[str, Sequence[str]]:
        """Every dataset that is known here: versions of its standard by name."""
        return {name: self._datasets.standards(name) for name in self._datasets.names()}

    def standards(self, dataset: str) -> Sequence[str]:
        """Return the versions of a dataset's standard that are known here."""
        return self._datasets.standards(dataset)

    def indispensable(self, dataset: str, standard: str) -> frozenset[str]:
        """Return the fields that no agreement may leave out; see the port."""
        return self._datasets.find(dataset, standard).indispensable

    def check(
        self, dataset: str, standard: str, bodies: Sequence[bytes], *, fields: Sequence[str] = ("*",)
    ) -> list[Passed | Violation]:
        """Check bodies, one verdict each, in order; see `services.ports.gate.Gate`.

        Raises:
            DatasetUnknown: The dataset or version is not known here.
        """
        known = self._datasets.find(dataset, standard)
        judge = self._judge(known, fields)
        sized = [body if len(body) <= self._record_bytes_max else _TOO_LARGE for body in bodies]
        envelopes = self._envelopes.parse(sized)
        messages = known.run.parse([_content(known, envelope) for envelope in envelopes])
        return [
            message if isinstance(message, Violation) else judge(envelope, message)
            for envelope, message in zip(envelopes, messages, strict=True)
        ]

    def complete_key(self, dataset: str, standard: str, body: bytes) -> bytes:
        """Fill in an empty key, by serialising the body once more, before anything is stored or hashed.

        Returns:
            The body with its key; the same bytes when it has one, or is not a readable record of this dataset
            (`check` then says why).

        Raises:
            DatasetUnknown: The dataset or version is not known here.
        """
        known = self._datasets.find(dataset, standard)
        try:
            envelope = RecordBody.FromString(body)
            if envelope.key or envelope.message.type_url != known.type_url:
                return body
            envelope.key = known.key(known.message_class.FromString(envelope.message.value))
        except DecodeError:
            return body
        return envelope.SerializeToString()

    def _judge(self, known: Dataset, fields: Sequence[str]) -> Callable[[Any, Any], Passed | Violation]:
        """Compile what is asked of a parsed record for one agreement."""
        allowed = None if "*" in fields else frozenset(fields)
        first_broken, key, expressible = known.first_broken, known.key, self._expressible.get(known.name)

        def judge(envelope: RecordBody, message: Message) -> Passed | Violation:
            violation = first_broken(message)
            if violation is None and key(message) != envelope.key:
                violation = _WRONG_KEY
            if violation is None and allowed is not None:
                violation = _outside(message, allowed)
            if violation is None and expressible is not None:
                violation = expressible(message)
            return violation or Passed(envelope.operation, envelope.key, envelope.mends)

        return judge


def _content(known: Dataset, envelope: RecordBody | Violation) -> bytes | Violation:
    """Return the bytes of a record's message, or why its envelope is refused."""
    if isinstance(envelope, Violation):
        # A path inside the envelope is none of the standard message: the rule says which part it is.
        return _refusal(f"record.{envelope.field_path}") if envelope.field_path else envelope
    stated = envelope.message
    if stated.type_url != known.type_url:
        return _WRONG_TYPE
    if envelope.operation == OPERATION_RETRACT and not envelope.reason:
        return _NO_REASON
    if envelope.HasField("source_time") and not 0 <= envelope.source_time.nanos <= _NANOS_MAX:
        return _WRONG_TIME  # buf.validate judges the seconds; these would make a sink's conversion fail
    content: bytes = stated.value
    return content


def _outside(message: Message, allowed: frozenset[str]) -> Violation | None:
    """Return the first field that is present although the agreement does not name it."""
    for field, _ in message.ListFields():
        if field.name not in allowed:
            return _refusal("agreement.field", field.name)
    return None
