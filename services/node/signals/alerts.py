"""Approaching ends of certificates, ours and the partners', said in the log: each step once, and again at the next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import structlog

from services.domain.revocation import CrlState
from services.ports.keys import CertificateStatus

_log = structlog.get_logger("yrdx.keys")

_LOUD: Final = frozenset({"warning", "critical", "expired"})
_DONE: Final = frozenset({"RETIRED", "REVOKED"})


class Alerts:
    """Remembers what was said."""

    def __init__(self) -> None:
        """Begin with nothing said."""
        self._said: dict[str, str] = {}

    def tell(self, certificates: Sequence[CertificateStatus]) -> None:
        """Say what has become louder since the last time.

        Args:
            certificates: All that the node knows; authorities that are retired or revoked may end as they like.
        """
        for one in certificates:
            if one.state in _DONE or self._said.get(one.fingerprint, "ok") == one.alert:
                continue
            self._said[one.fingerprint] = one.alert
            if one.alert != "ok":
                tell = _log.error if one.alert in _LOUD else _log.warning
                tell("certificate.ending", city=one.city, usage=one.usage, alert=one.alert, ends=str(one.not_after))

    def tell_crls(self, crls: Sequence[CrlState], *, now: datetime) -> None:
        """Say which revocation lists have ended and wait for their next one."""
        for crl in crls:
            key, alert = f"crl:{crl.authority}:{crl.number}", "ok" if now <= crl.next_update else "expired"
            if self._said.get(key, "ok") != alert:
                self._said[key] = alert
                _log.error("crl.ended", city=crl.city, number=crl.number, ended=str(crl.next_update))
