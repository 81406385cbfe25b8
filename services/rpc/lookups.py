"""The typed services: questions in, answers out, each by its entry in the table of questions.

Every service is served by the same few functions: what an rpc asks, and of which records, stands in
`services.rpc.questions`; whether it may in `services.exchange.register`, and that it is logged in
`services.exchange.look_up`. Answers pass as bytes: they were made elsewhere.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from services.domain.errors import ExchangeError, Malformed, TooLarge
from services.domain.lookup import Asked, Asker, Inquiry, Outcome, Query, Right
from services.exchange.ahead import map_ahead
from services.exchange.look_up import LookUp
from services.ports.host import Host
from services.rpc.callers import Caller, current_caller
from services.rpc.node_desk import Context
from services.rpc.questions import QUESTIONS, Question
from services.rpc.questions.question import RECORDS_MAX
from services.wire.datasets import Datasets
from yrdx.types.v1 import lookup_pb2, types_pb2

AHEAD_QUESTIONS: Final = 32
"""Questions of a batch that are under way at once: as many as share one disk sync."""
_MESSAGE_CHARACTERS_MAX: Final = 500
_OUTCOME: Final = "LOOKUP_OUTCOME_"


class CompiledQuestion:
    """A question with what its rpcs are served by.

    Args:
        question: Entry of the table.
        datasets: What is known here.

    Raises:
        ValueError: The request does not name the dataset's subject.
    """

    def __init__(self, question: Question, datasets: Datasets) -> None:
        self.question = question
        self.dataset = datasets.find(question.dataset, question.standard)
        twin = question.service.methods_by_name[f"Batch{question.rpc}"]
        self.request: type[Any] = GetMessageClass(question.request)
        self.response: type[Any] = GetMessageClass(question.service.methods_by_name[question.rpc].output_type)
        self.batch_request: type[Any] = GetMessageClass(twin.input_type)
        self.batch_response: type[Any] = GetMessageClass(twin.output_type)
        self._subject = [self._path(name) for name in self.dataset.subject_fields]
        self._fields = frozenset(question.fields) | set(self.dataset.subject_fields)

    def parse(self, request: bytes) -> Any:  # noqa: ANN401 - its own request
        """See the port."""
        return self.request.FromString(request)

    def inquiry(self, request: Any) -> Inquiry:  # noqa: ANN401
        """Return what a request asks."""
        subject = tuple(str(getattr(getattr(request, part), name)) for part, name in self._subject)
        context = request.context
        return Inquiry(
            question=self.question.name,
            dataset=self.dataset.name,
            standard=self.dataset.standard,
            fields=self._fields,
            newest=self.question.newest,
            subject=subject,
            subject_digest=self.dataset.subject(subject),
            right=Right(*(getattr(context, name) for name in Right._fields)),
        )

    def answer(self, request: Any, asked: Asked, bodies: Sequence[bytes]) -> tuple[Outcome, bytes]:  # noqa: ANN401
        """Answer a request from the bodies of the subject's records; see the port.

        Raises:
            TooLarge: There are more records than are looked at, and the answer would be wrong without the others.
        """
        if len(bodies) >= RECORDS_MAX:
            raise TooLarge(f"the subject has {RECORDS_MAX} records or more in {self.dataset.name}: ask the city itself")
        records = list(self._records(bodies))
        found = self.question.answer(request, records, asked) if records else Outcome.NOT_FOUND
        outcome = found if isinstance(found, Outcome) else Outcome.FOUND
        response = self.response() if isinstance(found, Outcome) else found
        response.outcome = lookup_pb2.LookupOutcome.Value(f"{_OUTCOME}{outcome.value}")
        return outcome, response.SerializeToString()

    def read(self, answer: bytes) -> tuple[Outcome, bytes]:
        """Return what a partner answered, and the answer as it came.

        Raises:
            Malformed: It is none.
        """
        try:
            response = self.response.FromString(answer)
            name = lookup_pb2.LookupOutcome.Name(response.outcome)
            return Outcome(name.removeprefix(_OUTCOME)), answer
        except (DecodeError, ValueError) as error:
            raise Malformed("the partner's answer is not one: it states no outcome that is known here") from error

    def _records(self, bodies: Sequence[bytes]) -> Iterator[Message]:
        """Yield what stands: a retraction repeats what it withdraws."""
        for body in map(types_pb2.RecordBody.FromString, bodies):
            if body.operation != types_pb2.OPERATION_RETRACT:
                yield self.dataset.message_class.FromString(body.message.value)

    def _path(self, name: str) -> tuple[str, str]:
        """Find a field of the subject in a part of the request, "person" or "vehicle"."""
        for part in self.question.request.fields:
            if part.message_type and name in part.message_type.fields_by_name:
                return part.name, name
        raise ValueError(f"{self.question.request.full_name} does not name the subject's {name}")


def compile_questions(datasets: Datasets) -> dict[str, CompiledQuestion]:
    """Return the questions whose answering standard is known, by the full name of their rpc."""
    known = (one for one in QUESTIONS if one.standard in datasets.standards(one.dataset))
    return {one.method: CompiledQuestion(one, datasets) for one in known}


@dataclass(frozen=True, slots=True)
class Lookups:
    """Serves every typed service.

    Attributes:
        own_city: This node's city code.
        host: The running node around it.
        compiled: The questions that are asked here.
        look_up: The use case, one for all of them.
    """

    own_city: str
    host: Host
    compiled: Mapping[str, CompiledQuestion]
    look_up: LookUp

    def add_to(self, server: grpc.aio.Server, service: ServiceDescriptor) -> None:
        """Add one service to a server."""
        handlers: dict[str, Any] = {}
        for compiled in self.compiled.values():
            if compiled.question.service is service:
                handlers[compiled.question.rpc] = self._single(compiled)
                handlers[f"Batch{compiled.question.rpc}"] = self._batch(compiled)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))

    def _single(self, compiled: CompiledQuestion) -> Any:  # noqa: ANN401 - grpc's own handlers take no parameters
        async def single(request: Any, context: Context) -> bytes:  # noqa: ANN401
            return await self._answer(compiled, current_caller(), request)

        # `bytes` serialises bytes: gRPC's None would too, but nobody counts what passes there.
        return grpc.unary_unary_rpc_method_handler(single, compiled.request.FromString, bytes)

    def _batch(self, compiled: CompiledQuestion) -> Any:  # noqa: ANN401
        async def batch(requests: AsyncIterator[Any], context: Context) -> AsyncIterator[Message]:
            work = partial(self._answer_or_refuse, compiled, current_caller())
            async for answer in map_ahead(requests, work, AHEAD_QUESTIONS):
                yield answer

        return grpc.stream_stream_rpc_method_handler(
            batch, compiled.batch_request.FromString, compiled.batch_response.SerializeToString
        )

    async def _answer_or_refuse(self, compiled: CompiledQuestion, caller: Caller, request: Any) -> Message:  # noqa: ANN401
        answer: Message
        try:
            response = compiled.response.FromString(await self._answer(compiled, caller, request.question))
            answer = compiled.batch_response(answer=response)
        except ExchangeError as error:
            refusal = lookup_pb2.LookupRefusal(reason=error.reason, message=str(error)[:_MESSAGE_CHARACTERS_MAX])
            answer = compiled.batch_response(refusal=refusal)
        return answer

    async def _answer(self, compiled: CompiledQuestion, caller: Caller, request: Any) -> bytes:  # noqa: ANN401
        asker = Asker(caller.identity.city, caller.identity.uri)
        if caller.own and request.context.city != self.own_city:
            forward = partial(self._forward, compiled, request)
            return await self.look_up.ask(compiled.inquiry(request), asker, forward)
        return await self.look_up.answer(Query(compiled.question.method, request.SerializeToString(), asker))

    async def _forward(self, compiled: CompiledQuestion, request: Any) -> tuple[Outcome, bytes]:  # noqa: ANN401
        city, method = request.context.city, compiled.question.method
        return compiled.read(await self.host.ask(city, method, request.SerializeToString()))
