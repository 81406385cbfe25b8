"""A watcher: received records as lines of JSON, at least once each, for programs that read them from a pipe."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict

from services.domain.errors import Unavailable
from services.node.exits import Mistake
from services.node.lock import HomeBusy
from services.node.retries import retrying
from services.node.session import NodeSession, open_session
from services.node.sinks.run import LOOK_S
from services.wire.datasets import load_datasets
from yrdx.node.v1 import node_pb2
from yrdx.types.v1 import types_pb2


@dataclass(slots=True)
class Watcher:
    """Hands over what it has not acknowledged, and then what comes.

    Attributes:
        home: The node's home.
        dataset: Dataset.
        name: Its name; each has its own place in every stream.
        from_city: Only from this city; empty: from all.
        acknowledges: Acknowledge a run of records once it is handed over; else its reader does.
        sleep: Waits, s.
    """

    home: Path
    dataset: str
    name: str
    from_city: str
    acknowledges: bool
    sleep: Callable[[float], None] = time.sleep
    _handed: dict[str, int] = field(default_factory=dict)

    def run(self, hand_over: Callable[[list[str]], None], *, once: bool) -> None:
        """Hand over runs of records.

        Args:
            hand_over: Takes a run, a line of JSON for each record; what it returned from is handed over.
            once: End where nothing is left, and raise what otherwise is retried.

        Raises:
            Mistake: There is no such dataset.
            ExchangeError: The node refuses.
        """
        message_type = _message_type(self.dataset)
        again = retrying(Unavailable, HomeBusy, once=once)
        while True:
            again(self._round, hand_over, message_type)
            if once:
                return
            self.sleep(LOOK_S)

    def _round(self, hand_over: Callable[[list[str]], None], message_type: Any) -> None:  # noqa: ANN401
        """Look once; between two looks the node may go, and come again."""
        with open_session(self.home) as session:
            for page in session.stub.WatchInbox(self._request()):
                hand_over([_line(page.stream, entry, message_type) for entry in page.entries])
                self._handed[page.stream] = page.entries[-1].position
                if self.acknowledges:
                    self._acknowledge(session, page.stream)

    def _request(self) -> node_pb2.WatchInboxRequest:
        request = node_pb2.WatchInboxRequest(dataset=self.dataset, name=self.name, from_city=self.from_city)
        for stream, position in self._handed.items():
            request.after.add(stream=stream, position=position)
        return request

    def _acknowledge(self, session: NodeSession, stream: str) -> None:
        position = self._handed[stream]
        session.stub.AcknowledgeInbox(
            node_pb2.AcknowledgeInboxRequest(name=self.name, stream=stream, position=position)
        )


def _message_type(dataset: str) -> Any:  # noqa: ANN401 - the dataset's class
    datasets = load_datasets()
    if dataset not in datasets.names():
        known = ", ".join(datasets.names())
        raise Mistake(f"没有数据集 {dataset}，已知 · there is no dataset {dataset}, known are {known}")
    return datasets.find(dataset, datasets.standards(dataset)[-1]).message_class


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
    # In ASCII: every character arrives as it is, whatever the pipe's encoding.
    return json.dumps({"@record": envelope} | MessageToDict(message, preserving_proto_field_name=True))
