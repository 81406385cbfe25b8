"""Who may call what: two tables. A method that is missing in the first stops the server at start-up."""

from __future__ import annotations

from typing import Final

from services.rpc.callers import OWN, PARTNER, CallerEntry
from services.rpc.questions import QUESTIONS

_GATEWAY: Final = (CallerEntry(PARTNER, "gateway"),)
_DESCRIBE: Final = (CallerEntry(PARTNER, "gateway"), CallerEntry(OWN, "gateway"), CallerEntry(OWN, "operator"))
_SYSTEM: Final = (CallerEntry(OWN, "system"), CallerEntry(OWN, "operator"))
_OPERATOR: Final = (CallerEntry(OWN, "operator"),)
_ASKING: Final = (*_GATEWAY, *_SYSTEM)

CALLERS: Final = {
    "/yrdx.exchange.v1.ExchangeService/Describe": _DESCRIBE,
    "/yrdx.exchange.v1.ExchangeService/Deliver": _GATEWAY,
    "/yrdx.exchange.v1.ExchangeService/ListReceipts": _GATEWAY,
    "/yrdx.exchange.v1.ExchangeService/OfferBundle": _GATEWAY,
    "/yrdx.node.v1.NodeService/Submit": _SYSTEM,
    "/yrdx.node.v1.NodeService/GetSource": _SYSTEM,
    "/yrdx.node.v1.NodeService/WatchSource": _SYSTEM,
    "/yrdx.node.v1.NodeService/GetStatus": _SYSTEM,
    "/yrdx.node.v1.NodeService/ListRejections": _SYSTEM,
    "/yrdx.node.v1.NodeService/CloseRejection": _SYSTEM,
    "/yrdx.node.v1.NodeService/ListCases": _SYSTEM,
    "/yrdx.node.v1.NodeService/GetCase": _SYSTEM,
    "/yrdx.node.v1.NodeService/MergeStanding": _SYSTEM,
    "/yrdx.node.v1.NodeService/FindStanding": _SYSTEM,
    "/yrdx.node.v1.NodeService/ListStanding": _SYSTEM,
    "/yrdx.node.v1.NodeService/GetOutboxRecords": _SYSTEM,
    "/yrdx.node.v1.NodeService/GetLineage": _SYSTEM,
    "/yrdx.node.v1.NodeService/ListReceipts": _SYSTEM,
    "/yrdx.node.v1.NodeService/ExportInbox": _SYSTEM,
    "/yrdx.node.v1.NodeService/WatchInbox": _SYSTEM,
    "/yrdx.node.v1.NodeService/AcknowledgeInbox": _SYSTEM,
    "/yrdx.node.v1.NodeService/ExportOutbox": _SYSTEM,
    "/yrdx.node.v1.NodeService/ListPartners": _SYSTEM,
    "/yrdx.node.v1.NodeService/ListAgreements": _SYSTEM,
    "/yrdx.node.v1.NodeService/GetKeystore": _SYSTEM,
    "/yrdx.node.v1.NodeService/ReloadKeystore": _OPERATOR,
    "/yrdx.node.v1.NodeService/Revoke": _OPERATOR,
    "/yrdx.node.v1.NodeService/LiftRevocation": _OPERATOR,
    "/yrdx.node.v1.NodeService/ImportCrl": _OPERATOR,
    "/yrdx.node.v1.NodeService/ListRevocations": _SYSTEM,
    "/yrdx.node.v1.NodeService/DistributeBundle": _OPERATOR,
    "/yrdx.node.v1.NodeService/TryGeneration": _OPERATOR,
    "/yrdx.node.v1.NodeService/AddPartner": _OPERATOR,
    "/yrdx.node.v1.NodeService/ConfirmPartner": _OPERATOR,
    "/yrdx.node.v1.NodeService/PausePartner": _OPERATOR,
    "/yrdx.node.v1.NodeService/ResumePartner": _OPERATOR,
    "/yrdx.node.v1.NodeService/PingPartner": _OPERATOR,
    "/yrdx.node.v1.NodeService/ImportAgreement": _OPERATOR,
    "/yrdx.node.v1.NodeService/ListAccesses": _OPERATOR,
    "/yrdx.node.v1.NodeService/RecoverStream": _OPERATOR,
    "/yrdx.node.v1.NodeService/OpenEpoch": _OPERATOR,
    **{method: _ASKING for one in QUESTIONS for method in (one.method, one.batch_method)},
}

_RUN: Final = ("system",)
_TRUST: Final = ("security",)
_ACT: Final = ("system", "security")
_READ: Final = ("system", "security", "audit")
_AUDIT: Final = ("audit",)

_OFFICES: Final = {
    name: offices
    for names, offices in (
        (("GetStatus", "GetSource", "WatchSource", "GetLineage", "GetKeystore"), _READ),
        (("ListRejections", "ListReceipts", "ListPartners", "ListAgreements", "ListRevocations"), _READ),
        (("PausePartner", "ResumePartner", "PingPartner", "ReloadKeystore", "TryGeneration"), _ACT),
        (("AddPartner", "ConfirmPartner", "ImportAgreement"), _TRUST),
        (("Revoke", "LiftRevocation", "ImportCrl", "DistributeBundle"), _TRUST),
        (("Describe",), _READ),
        (("ListAccesses",), _AUDIT),
    )
    for name in names
}

OFFICES: Final = {method: _OFFICES.get(method.rpartition("/")[2], _RUN) for method in CALLERS}
"""Which offices may call what. A method that is named nowhere above runs the node or shows records: system operators.
An operator without an office (``operator/local``, the home's own) is held by the node's approvals alone."""
