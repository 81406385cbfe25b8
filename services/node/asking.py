"""Asking: a typed question as its fields have it in a command line or a file, over the node, to its answer.

Everything here follows from the contract: a field of a request is an option, or a column, of its own name.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import grpc
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from adapters.tables import BadRow, SourceRefused, TableLayout, open_table
from services.domain.errors import ExchangeError, Malformed, Unavailable
from services.domain.lookup import Right
from services.node.exits import Mistake, nearest
from services.node.home import Home, verify_home
from services.node.lock import held_by
from services.node.session import calling, iterating, own_channel
from services.node.settings_file import load_settings
from services.rpc.questions import QUESTIONS, Question
from services.wire.contract import verify_rules
from yrdx.types.v1 import lookup_pb2

CALL_TIMEOUT_S: Final = 60.0
_OUTCOME: Final = "LOOKUP_OUTCOME_"

Told: TypeAlias = dict[str, str | int | bool | list[str] | None]
"""An answer as it stands in JSON."""


class Answered(NamedTuple):
    """What became of one question.

    Attributes:
        row: Row of the file; 0 for a single question.
        outcome: "FOUND", "NOT_FOUND", "AMBIGUOUS", or the reason why there is no answer.
        answer: The answer's fields, where it was found.
        message: Why there is none, for people; empty otherwise.
    """

    row: int
    outcome: str
    answer: Told
    message: str = ""

    @property
    def is_answer(self) -> bool:
        """Whether the question was answered, also with NOT_FOUND."""
        return not self.message


def question_of(name: str) -> Question:
    """Return a question by its name.

    Raises:
        Mistake: There is none; the nearest is named.
    """
    known = {question.name: question for question in QUESTIONS}
    if name not in known:
        raise Mistake(
            f"没有问题 {name}，最接近的是 {nearest(name, known)} · no such question; there are {', '.join(known)}"
        )
    return known[name]


def fields_of(descriptor: Descriptor) -> dict[str, tuple[str, FieldDescriptor]]:
    """Return what a request asks: by field, where it stands ("person", or empty for the request itself)."""
    found: dict[str, tuple[str, FieldDescriptor]] = {}
    for field in descriptor.fields:
        if field.name == "context":
            continue
        inner = field.message_type.fields if field.message_type else ()
        found |= {one.name: (field.name, one) for one in inner} or {field.name: ("", field)}
    return found


@dataclass(frozen=True)
class Asking:
    """One question, asked over this city's own node.

    Attributes:
        question: The question.
        channel: To the node.
        right: By what right; each question gets a request id of its own.
    """

    question: Question
    channel: grpc.Channel
    right: Right

    @property
    def answer_fields(self) -> list[str]:
        """Names of what an answer says."""
        return [field.name for field in self._class("output_type").DESCRIPTOR.fields if field.name != "outcome"]

    def ask(self, values: Mapping[str, str]) -> Answered:
        """Ask once.

        Args:
            values: By field.

        Raises:
            Mistake: A field is unknown, missing or wrong.
            ExchangeError: The question is refused, or nobody answers.
        """
        request, kind = self._request(values), self._class("output_type")
        call = self.channel.unary_unary(self.question.method, type(request).SerializeToString, kind.FromString)
        return _answered(0, calling(lambda: call(request, timeout=CALL_TIMEOUT_S)))

    def ask_all(self, file: Path) -> Iterator[Answered]:
        """Ask for every row of a file, in order; a row that cannot be asked is answered with why.

        Raises:
            Mistake: The file as a whole is refused.
            ExchangeError: Nobody answers any more.
        """
        waiting: deque[Answered | int] = deque()  # of each row its number, or what became of it already
        twin = self.question.service.methods_by_name[f"Batch{self.question.rpc}"]
        batch_request, batch_response = GetMessageClass(twin.input_type), GetMessageClass(twin.output_type)

        def requests() -> Iterator[Message]:
            for row, values in self._rows(file):
                asked = self._checked(row, values)
                waiting.append(asked if isinstance(asked, Answered) else row)
                if not isinstance(asked, Answered):
                    yield batch_request(question=asked)

        failed: list[Exception] = []
        call = self.channel.stream_stream(
            self.question.batch_method, batch_request.SerializeToString, batch_response.FromString
        )
        for response in iterating(call(_kept(requests(), failed))):
            yield from _until_sent(waiting)
            yield _of_batch(int(waiting.popleft()), response)  # type: ignore[arg-type]  # a number, by `_until_sent`
        if failed:
            raise failed[0]
        yield from _until_sent(waiting)

    def _rows(self, file: Path) -> Iterator[tuple[int, dict[str, str] | BadRow]]:
        names = tuple(fields_of(self.question.request))
        try:
            with open_table(file, TableLayout(names, encoding="utf-8-sig")) as source:
                for row in source:
                    if isinstance(row, BadRow):
                        yield row.number, row
                    else:
                        yield row.number, dict(zip(names, (str(cell).strip() for cell in row.cells), strict=True))
        except SourceRefused as error:
            raise Mistake(f"{error}；列应为 · the columns are {', '.join(names)}, in UTF-8") from error

    def _checked(self, row: int, values: dict[str, str] | BadRow) -> Message | Answered:
        if isinstance(values, BadRow):
            return Answered(row, values.rule_id, {}, values.reason)
        try:
            return self._request(values)
        except Mistake as error:
            return Answered(row, "USAGE", {}, str(error))

    def _request(self, values: Mapping[str, str]) -> Message:
        request: Any = self._class("input_type")()
        known = fields_of(self.question.request)
        if unknown := next((name for name in values if name not in known), None):
            raise Mistake(f"没有字段 {unknown}，最接近的是 · no such field, the nearest is {nearest(unknown, known)}")
        for name, text in values.items():
            part, field = known[name]
            setattr(getattr(request, part) if part else request, name, _value(field, text))
        right = self.right._replace(request_id=str(uuid.uuid4()))
        request.context.CopyFrom(lookup_pb2.LookupContext(**right._asdict()))
        try:
            verify_rules(request)
        except Malformed as error:
            raise Mistake(f"问题不完整或格式不对 · incomplete or malformed: {_wrong_fields(error)}") from error
        return request  # type: ignore[no-any-return]

    def _class(self, end: str) -> type[Any]:
        return GetMessageClass(getattr(self.question.service.methods_by_name[self.question.rpc], end))


@contextmanager
def asking(path: Path, question: Question, right: Right) -> Iterator[Asking]:
    """Open the way to a home's node, which must serve.

    Raises:
        HomeMissing: There is no such home.
        Unavailable: The node does not serve.
    """
    home = verify_home(Home(path))
    if held_by(home) is None:
        raise Unavailable(f"节点未运行 · the node does not serve: yrdx serve --home {path}")
    with own_channel(home, load_settings(home)) as channel:
        yield Asking(question, channel, right)


def _kept(requests: Iterable[Message], failed: list[Exception]) -> Iterator[Message]:
    """Keep what a file raises while it is read: grpc's own thread would only cancel the call."""
    try:
        yield from requests
    except Exception as error:  # noqa: BLE001 - it is raised again once the answers that are under way have come
        failed.append(error)


def _until_sent(waiting: deque[Answered | int]) -> Iterator[Answered]:
    """Yield the rows before the next one that was sent."""
    while waiting and isinstance(waiting[0], Answered):
        yield waiting.popleft()  # type: ignore[misc]  # as was just looked


def _of_batch(row: int, response: Any) -> Answered:  # noqa: ANN401 - any batch's response
    if response.WhichOneof("kind") == "answer":
        return _answered(row, response.answer)
    return Answered(row, response.refusal.reason, {}, response.refusal.message or response.refusal.reason)


def _answered(row: int, response: Any) -> Answered:  # noqa: ANN401 - any response
    outcome = lookup_pb2.LookupOutcome.Name(response.outcome).removeprefix(_OUTCOME)
    return Answered(row, outcome, _told(response) if outcome == "FOUND" else {})


def _told(response: Any) -> Told:  # noqa: ANN401 - any response
    fields = (field for field in response.DESCRIPTOR.fields if field.name != "outcome")
    return {field.name: _plain(field, getattr(response, field.name)) for field in fields}


def _plain(field: FieldDescriptor, value: Any) -> Any:  # noqa: ANN401
    if field.is_repeated:
        return [_single(field, one) for one in value]
    return _single(field, value)


def _single(field: FieldDescriptor, value: Any) -> Any:  # noqa: ANN401
    """Return a value as JSON has it; a code by its name in the contract, an instant as ISO 8601."""
    if field.enum_type:
        return field.enum_type.values_by_number[value].name if value in field.enum_type.values_by_number else value
    return value.ToJsonString() if field.message_type else value


def _value(field: FieldDescriptor, text: str) -> str | int:
    """Read a value as people write it: a code by its number, or by its name without what all of its kind begin with."""
    if field.enum_type is None:
        return text
    if text.isascii() and text.isdigit():
        return int(text)
    named = [one for one in field.enum_type.values if one.name.endswith(f"_{text.upper().replace('-', '_')}")]
    if len(named) != 1:
        raise Mistake(f"{field.name}: 代码未知 · no such code; there are {_codes(field.enum_type)}")
    return int(named[0].number)


def _codes(kind: EnumDescriptor) -> str:
    return ", ".join(f"{one.number} {one.name}" for one in kind.values if one.number)


def _wrong_fields(error: ExchangeError) -> str:
    """Say which fields are wrong and why, never what they say."""
    violations = getattr(error, "violations", ())
    return "; ".join(f"{one.field_path.rpartition('.')[2]}: {one.reason}" for one in violations) or str(error)
