"""Received records as lines of JSON, for programs that read them from a pipe."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from google.protobuf.json_format import MessageToDict

from services.node.session import NodeSession
from services.wire.datasets import load_datasets
from yrdx.node.v1 import node_pb2
from yrdx.types.v1 import types_pb2


class WatchedPage(NamedTuple):
    """A run of records.

    Attributes:
        lines: One for each record.
        acknowledge: Keeps that they were dealt with.
    """

    lines: list[str]
    acknowledge: Callable[[], None]


def watched_pages(
    session: NodeSession, dataset: str, name: str, *, from_city: str, once: bool
) -> Iterator[WatchedPage]:
    """Yield what a watcher has not acknowledged, and then what comes.

    Args:
        session: The node.
        dataset: Dataset.
        name: Name of the watcher.
        from_city: Only from this city; empty: from all.
        once: End where nothing is left.
    """
    datasets = load_datasets()
    message_type = datasets.find(dataset, datasets.standards(dataset)[-1]).message_class
    request = node_pb2.WatchInboxRequest(dataset=dataset, name=name, from_city=from_city, follow=not once)
    for page in session.stub.WatchInbox(request):
        lines = [_line(page.stream, entry, message_type) for entry in page.entries]
        place = node_pb2.AcknowledgeInboxRequest(name=name, stream=page.stream, position=page.entries[-1].position)
        yield WatchedPage(lines, lambda place=place: session.stub.AcknowledgeInbox(place))  # type: ignore[misc]


def _line(stream: str, entry: node_pb2.WatchInboxResponse.Entry, message_type: Any) -> str:  # noqa: ANN401
    body = types_pb2.RecordBody.FromString(entry.body)
    envelope = {
        "stream": stream,
        "position": entry.position,
        "epoch": entry.epoch,
        "sequence": entry.sequence,
        "operation": types_pb2.Operation.Name(body.operation).removeprefix("OPERATION_"),
        "key": entry.key.hex(),
        "real_data": body.real_data,
    }
    message = message_type.FromString(body.message.value)
    return json.dumps(
        {"@record": envelope} | MessageToDict(message, preserving_proto_field_name=True), ensure_ascii=False
    )
