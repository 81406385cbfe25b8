"""Who is calling, and may they: asked once per call or stream, before anything else.

The handshake takes any chain under any partner's authority; only here is the leaf verified against the authorities
of the city it claims (docs: trust, "City ↔ CA, twice"). gRPC's own flat peer strings are never asked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextvars import ContextVar
from enum import StrEnum
from typing import Any, Final, NamedTuple, cast

from google.protobuf.descriptor import ServiceDescriptor
from grpc.aio import ServicerContext

from certs.approval import office_of
from certs.errors import CertificateRefused
from certs.identity import ROLE_USAGES, Identity, Role
from certs.revocation import VerifiedLeaf
from certs.verification import CACHED_LEAVES_MAX, CallerVerifier
from services.domain.errors import NotPermitted, Unauthenticated
from services.ports.clock import Clock


class Side(StrEnum):
    """Whose certificate a caller shows."""

    OWN = "own"
    PARTNER = "partner"


OWN: Final = Side.OWN
PARTNER: Final = Side.PARTNER


class CallerEntry(NamedTuple):
    """One kind of caller that a method admits."""

    side: Side
    role: Role


CallerTable = Mapping[str, Collection[CallerEntry]]
"""Full method name, "/yrdx.exchange.v1.ExchangeService/Deliver" → who may call it."""

OfficeTable = Mapping[str, Collection[str]]
"""Full method name → offices of our own operators who may call it; a method that is missing is for all of them."""

_NOBODY: Final[frozenset[CallerEntry]] = frozenset()
_FULL_HANDSHAKE: Final = [b"false"]
_ANYBODY: Final = frozenset(CallerEntry(side, role) for side in Side for role in ROLE_USAGES)


class Caller(NamedTuple):
    """Who is calling.

    Attributes:
        leaf: What the certificate proves.
        own: Whether it is of this node's own city.
        pem: The certificate, to be judged again.
        trust: State of trust that it was judged under.
        entry: What the table of callers must hold for it.
        office: Of one of our own operators who has one; empty for anybody else.
    """

    leaf: VerifiedLeaf
    own: bool
    pem: bytes
    trust: CallerVerifier
    entry: CallerEntry
    office: str = ""

    @property
    def identity(self) -> Identity:
        """Who the certificate speaks for."""
        return self.leaf.identity


_CALLER: Final[ContextVar[Caller]] = ContextVar("yrdx_caller")


def current_caller() -> Caller:
    """Return who is calling, inside a servicer's method.

    Raises:
        LookupError: Nobody was admitted in this context: not inside a call.
    """
    return _CALLER.get()


def let_in(caller: Caller) -> Caller:
    """Let `current_caller` know who is calling."""
    _CALLER.set(caller)
    return caller


def verify_callers(table: CallerTable, services: Iterable[ServiceDescriptor]) -> CallerTable:
    """Return a table that names callers for exactly the methods that are served.

    Raises:
        ValueError: A method is missing or admits nobody, or an entry names no served method. An empty list is never
            a way to say "everybody", nor a way to switch a method off.
    """
    served = _methods(services)
    missing = sorted(method for method in served if not table.get(method))
    foreign = sorted(table.keys() - served)
    if missing or foreign:
        raise ValueError(f"the table of callers lacks entries for {missing}, and names {foreign}, which are not served")
    return table


def _methods(services: Iterable[ServiceDescriptor]) -> set[str]:
    return {f"/{service.full_name}/{method.name}" for service in services for method in service.methods}


class CallerGuard:
    """Admits callers by certificate and table.

    Attributes:
        seen: SHA-256 of an authority → the last caller that showed a leaf of it, since somebody emptied this.
    """

    def __init__(
        self,
        table: CallerTable,
        *,
        own_city: str,
        trust: Callable[[], CallerVerifier],
        clock: Clock,
        offices: OfficeTable | None = None,
    ) -> None:
        """Set up a guard.

        Args:
            table: Who may call what; `cover` holds it against what is served.
            own_city: This node's city code.
            trust: The present state of trust; another object after any change of it.
            clock: Validity is judged on every call.
            offices: Which offices of our own operators may call what; None: they have none.
        """
        self._table: CallerTable = {method: frozenset(entries) for method, entries in table.items()}
        self._own_city = own_city
        self._trust = trust
        self._clock = clock
        self._offices = offices or {}
        self.seen: dict[str, Caller] = {}
        self._judged_under: CallerVerifier | None = None
        self._judged: dict[bytes, Caller] = {}

    def cover(self, services: Iterable[ServiceDescriptor], *, anybody: Iterable[ServiceDescriptor]) -> None:
        """Hold the table against what is served.

        Args:
            services: Services whose every method the table must name.
            anybody: Services that every authenticated caller may call: health and reflection.

        Raises:
            ValueError: See `verify_callers`.
        """
        verify_callers(self._table, services)
        self._table = {**self._table, **dict.fromkeys(_methods(anybody), _ANYBODY)}

    def admit(self, method: str, context: ServicerContext[Any, Any]) -> Caller:
        """Return who is calling and let `current_caller` know.

        Raises:
            Unauthenticated: The certificate proves nothing, or TLS skipped it.
            NotPermitted: This caller may not call this method.
        """
        peer = cast("Mapping[str, Sequence[bytes]]", context.auth_context())
        if peer.get("ssl_session_reused") != _FULL_HANDSHAKE:
            # A resumed session skips every check of the certificate, also of its end.
            raise Unauthenticated("a resumed TLS session proves nothing: connect with a full handshake")
        leaves = peer.get("x509_pem_cert", ())
        if len(leaves) != 1:
            raise Unauthenticated("the connection shows no certificate")
        caller = self.judge(leaves[0])
        if caller.entry not in self._table.get(method, _NOBODY):
            raise NotPermitted(f"{caller.entry.side} {caller.entry.role} may not call {method}")
        if caller.office and caller.office not in self._offices.get(method, (caller.office,)):
            raise NotPermitted(f"an operator with the office {caller.office} may not call {method}")
        self.seen[caller.leaf.authority] = caller
        return let_in(caller)

    def recheck(self, caller: Caller) -> Caller:
        """Judge a caller that was admitted before by the present state of trust, and by the clock.

        Raises:
            Unauthenticated: It would not be admitted now.
        """
        return self.judge(caller.pem)

    @property
    def trust(self) -> CallerVerifier:
        """The present state of trust."""
        return self._trust()

    def judge(self, pem: bytes) -> Caller:
        """Return who a certificate speaks for, by the present state of trust and by the clock.

        Raises:
            Unauthenticated: It proves nothing.
        """
        trust, now = self._trust(), self._clock.now()
        if trust is not self._judged_under:
            self._judged_under, self._judged = trust, {}
        caller = self._judged.get(pem)
        if caller is not None and caller.leaf.not_before <= now <= caller.leaf.not_after:
            return caller
        try:
            leaf = trust.verify_leaf(pem, now=now)
        except CertificateRefused as refused:
            raise Unauthenticated(f"[{refused.reason}] {refused}") from refused
        return self._remember(leaf, pem, trust)

    def _remember(self, leaf: VerifiedLeaf, pem: bytes, trust: CallerVerifier) -> Caller:
        own = leaf.identity.city == self._own_city
        caller = Caller(leaf, own, pem, trust, CallerEntry(OWN if own else PARTNER, leaf.identity.role))
        if own and leaf.identity.role == "operator":
            caller = caller._replace(office=office_of(leaf.identity))
        if len(self._judged) >= CACHED_LEAVES_MAX:
            self._judged = {}
        self._judged[pem] = caller
        return caller
