"""NodeService: what this city's own systems and operators call."""

from __future__ import annotations

from services.rpc.node_access import AccessDesk
from services.rpc.node_agreements import Agreements
from services.rpc.node_cases import CaseDesk
from services.rpc.node_keys import Keystore, OwnBundle
from services.rpc.node_lineage import LineageDesk
from services.rpc.node_partners import Partners
from services.rpc.node_rejections import RejectionsDesk
from services.rpc.node_revocations import Revocations
from services.rpc.node_standing import StandingDesk
from services.rpc.node_streams import Streams
from services.rpc.node_submit import Submissions
from services.rpc.node_watch import InboxDesk
from yrdx.node.v1 import node_pb2_grpc


class NodeServicer(
    Submissions,
    RejectionsDesk,
    CaseDesk,
    LineageDesk,
    StandingDesk,
    InboxDesk,
    AccessDesk,
    Keystore,
    OwnBundle,
    Revocations,
    Partners,
    Agreements,
    Streams,
    node_pb2_grpc.NodeServiceServicer,
):
    """Every rpc of NodeService; each group lives in a file of its own."""
