"""The gate: every record passes the same rules on both sides.

Nearly all records are good, so they are asked together, column by column (`services.wire.columns`). Only where one does
not pass, it and its neighbours are judged one by one, in this order: size, envelope, type of the message, message,
named rules and sums, key, agreement, the receiving city's dialect. The first violation is the verdict. No verdict holds
a value.

Not checked here: salt, sequence and payload codec (the exchange), and whether a mended record is superseded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final, Protocol

from google.protobuf.message import DecodeError, Message

from services.domain.receipt import Violation
from services.ports.gate import Passed
from services.wire.columns import Columns
from services.wire.contract import UNPARSABLE
from services.wire.datasets import Dataset, Datasets
from services.wire.reasons import reason_of
from services.wire.runs import MessageRun
from yrdx.types.v1.types_pb2 import OPERATION_RETRACT, RecordBody


class Expressible(Protocol):
    """What a city's dialect has a way to say."""

    def refusal(self, message: Any) -> Violation | None:  # noqa: ANN401 - the dataset's message
        """Return why the dialect cannot say a message (rule id "dialect.…"), or None."""
        ...

    def all_good(self, columns: Columns) -> bool:
        """Say of many messages whether the dialect surely can say them all; where in doubt, no."""
        ...


def _refusal(rule_id: str, field_path: str = "") -> Violation:
    return Violation(field_path, rule_id, reason_of(rule_id))


_TOO_LARGE: Final = _refusal("record.too_large")
_WRONG_TYPE: Final = _refusal("record.type")
_WRONG_KEY: Final = _refusal("record.key")
_NO_REASON: Final = _refusal("record.reason")
_WRONG_TIME: Final = _refusal("record.source_time")
_NANOS_MAX: Final = 999_999_999
_KEYED: Final = b"\x08\x01\x12\x10"
"""How the usual body begins: field 1 is UPSERT, field 2 a key of 16 bytes. Asking protobuf costs two microseconds."""
_PASSED: Final = ("operation", "key", "mends")
_PART_RECORDS: Final = 32
"""Where one record of many does not pass, its neighbours are asked again in parts of this size."""


class ContractGate:
    """Implements `services.ports.gate.Gate` by the contract's own rules."""

    def __init__(
        self,
        datasets: Datasets,
        *,
        record_bytes_max: int,
        dialects: Mapping[str, Expressible] | None = None,
    ) -> None:
        """Set up a gate.

        Args:
            datasets: What is known here.
            record_bytes_max: Bytes of one body.
            dialects: By dataset name, what the receiving city's dialect can say; asked last, about good records.
        """
        self._datasets = datasets
        self._record_bytes_max = record_bytes_max
        self._dialects = dict(dialects or {})
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
        allowed = None if "*" in fields else frozenset(fields)
        before = self._datasets.before(dataset, standard)
        if before is not None:
            return self._check_ahead(before, bodies, allowed)
        known = self._datasets.find(dataset, standard)
        verdicts = self._passed_together(known, bodies, allowed)
        if verdicts is not None:
            return verdicts
        parts = [bodies[start : start + _PART_RECORDS] for start in range(0, len(bodies), _PART_RECORDS)]
        judged = (
            self._passed_together(known, part, allowed) or self._check_each(known, part, allowed) for part in parts
        )
        return list(chain.from_iterable(judged))

    def _passed_together(
        self, known: Dataset, bodies: Sequence[bytes], allowed: frozenset[str] | None
    ) -> list[Passed | Violation] | None:
        """Return the verdicts on bodies that all pass, as nearly all do; None when they must be judged one by one.

        Whatever passes here passes `_check_each` with the same verdict, at about half of its cost.
        """
        if not bodies or max(map(len, bodies)) > self._record_bytes_max:
            return None
        envelopes = self._envelopes.parse_clean(bodies)
        if envelopes is None or set(envelopes["message.type_url"]) != {known.type_url} or _unreasoned(envelopes):
            return None
        columns = known.run.parse_clean(envelopes["message.value"])
        if columns is None or not self._good(known, columns, allowed) or known.keys(columns) != envelopes["key"]:
            return None
        return list(map(Passed._make, zip(*map(envelopes.__getitem__, _PASSED), strict=True)))

    def _good(self, known: Dataset, columns: Columns, allowed: frozenset[str] | None) -> bool:
        dialect = self._dialects.get(known.name)
        return (
            known.sums_hold(columns)
            and (allowed is None or not any(_outside(message, allowed) for message in columns.messages))
            and (dialect is None or dialect.all_good(columns))
        )

    def _check_each(
        self, known: Dataset, bodies: Sequence[bytes], allowed: frozenset[str] | None
    ) -> list[Passed | Violation]:
        """Judge bodies one by one: the authority on every verdict."""
        sized = [body if len(body) <= self._record_bytes_max else _TOO_LARGE for body in bodies]
        envelopes = self._envelopes.parse(sized)
        messages = known.run.parse([_content(known, envelope) for envelope in envelopes])
        return [
            message if isinstance(message, Violation) else self._judge(known, envelope, message, allowed)
            for envelope, message in zip(envelopes, messages, strict=True)
        ]

    def _check_ahead(
        self, before: Dataset, bodies: Sequence[bytes], allowed: frozenset[str] | None
    ) -> list[Passed | Violation]:
        """Judge bodies under a version that adds to the newest known one, by what no addition changes.

        An addition may relax a rule, extend a code list or a sum, so nothing of those is asked before it is known.
        """
        sized = [body if len(body) <= self._record_bytes_max else _TOO_LARGE for body in bodies]
        return [
            envelope if isinstance(envelope, Violation) else _judge_ahead(before, envelope, allowed)
            for envelope in self._envelopes.parse(sized)
        ]

    def _judge(
        self, known: Dataset, envelope: RecordBody, message: Message, allowed: frozenset[str] | None
    ) -> Passed | Violation:
        violation = known.first_broken(message)
        if violation is None and known.key(message) != envelope.key:
            violation = _WRONG_KEY
        if violation is None and allowed is not None:
            violation = _outside(message, allowed)
        dialect = self._dialects.get(known.name)
        if violation is None and dialect is not None:
            violation = dialect.refusal(message)
        return violation or Passed(envelope.operation, envelope.key, envelope.mends)

    def complete_key(self, dataset: str, standard: str, body: bytes) -> bytes:
        """Fill in an empty key, by serialising the body once more, before anything is stored or hashed.

        Returns:
            The body with its key; the same bytes when it has one, or is not a readable record of this dataset
            (`check` then says why).

        Raises:
            DatasetUnknown: The dataset or version is not known here.
        """
        if body.startswith(_KEYED):
            return body
        known = self._datasets.find(dataset, standard)
        try:
            envelope = RecordBody.FromString(body)
            if envelope.key or envelope.message.type_url != known.type_url:
                return body
            envelope.key = known.key(known.message_class.FromString(envelope.message.value))
        except DecodeError:
            return body
        return envelope.SerializeToString()


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


def _judge_ahead(before: Dataset, envelope: RecordBody, allowed: frozenset[str] | None) -> Passed | Violation:
    content = _content(before, envelope)
    if isinstance(content, Violation):
        return content
    try:
        message = before.message_class.FromString(content)
    except DecodeError:
        return UNPARSABLE
    if before.key(message) != envelope.key:
        return _WRONG_KEY
    outside = None if allowed is None else _outside(message, allowed)
    return outside or Passed(envelope.operation, envelope.key, envelope.mends)


def _unreasoned(envelopes: Columns) -> bool:
    """Say whether there is a retraction without a reason."""
    operations = envelopes["operation"]
    return OPERATION_RETRACT in operations and (OPERATION_RETRACT, "") in zip(
        operations, envelopes["reason"], strict=True
    )


def _outside(message: Message, allowed: frozenset[str]) -> Violation | None:
    """Return the first field that is present although the agreement does not name it."""
    for field, _ in message.ListFields():
        if field.name not in allowed:
            return _refusal("agreement.field", field.name)
    return None
