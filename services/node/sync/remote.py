"""One outbound stream as the node knows it: its sources, how far they are, and what was refused of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from services.domain.errors import Unavailable
from services.domain.stream import StreamName
from services.node.rejected import RejectedRecord, rejected_records
from services.node.session import NodeSession
from services.node.sync.report import Progress
from yrdx.node.v1 import node_pb2


@dataclass(frozen=True, slots=True)
class RemoteStream:
    """Questions about one stream.

    Attributes:
        session: The node.
        to_city: City that receives.
        dataset: Dataset.
    """

    session: NodeSession
    to_city: str
    dataset: str

    def source(self, name: str) -> node_pb2.GetSourceResponse:
        """Return where a source's last run stands; all zero when it was never submitted."""
        request = node_pb2.GetSourceRequest(to_city=self.to_city, dataset=self.dataset, source=name)
        answer: node_pb2.GetSourceResponse = self.session.stub.GetSource(request)
        return answer

    def submitted_ever(self) -> int:
        """Return how many records were ever submitted."""
        name = str(StreamName(self.session.settings.city, self.to_city, self.dataset))
        status = self.session.stub.GetStatus(node_pb2.GetStatusRequest())
        return sum(one.submitted for one in status.streams if (one.stream, one.direction) == (name, "outbound"))

    def follow(self, source: str, wait_s: float, progress: Progress) -> node_pb2.WatchSourceResponse:
        """Follow the delivery of a source until every record is answered, or the time is over.

        Raises:
            ExchangeError: The node is not there any more.
        """
        request = node_pb2.WatchSourceRequest(to_city=self.to_city, dataset=self.dataset, source=source)
        answer = self._present(request)
        progress.delivered(answer)
        if not (self.session.serving and wait_s and answer.pending):
            return answer
        try:
            for answer in self.session.stub.WatchSource(request, timeout_s=wait_s):
                progress.delivered(answer)
        except Unavailable:
            return self._present(request)  # raises when it was not the time that ended it
        return answer

    def rejections(self, source: str) -> Iterator[RejectedRecord]:
        """Yield everything that was refused of a source, by rising id."""
        return rejected_records(self.session, to_city=self.to_city, dataset=self.dataset, source=source)

    def _present(self, request: node_pb2.WatchSourceRequest) -> node_pb2.WatchSourceResponse:
        answer: node_pb2.WatchSourceResponse = next(self.session.stub.WatchSource(request))
        return answer
