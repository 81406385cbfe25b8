"""A home as the verbs on trust work on it: its keys' passphrase, who acts, the log, and the node that is told."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from certs.act_log import ActLog
from certs.errors import TrustError
from services.domain.errors import Unavailable
from services.node.cli.node_access import connect
from services.node.home import Home
from services.node.output import say
from services.node.settings import Settings

_ANSWERS_WITHIN_S: Final = 5.0


@dataclass(frozen=True)
class Place:
    """A home, opened for an act.

    Attributes:
        home: Its layout.
        settings: Its settings.
        passphrase: Opens its keys; None when they are not encrypted.
        now: When the act happens.
        by: Who acts: the URI of the operator whose certificate the home holds.
    """

    home: Home
    settings: Settings
    passphrase: bytes | None = field(repr=False)
    now: datetime
    by: str

    @contextmanager
    def act(
        self,
        name: str,
        subject: str,
        details: Mapping[str, str] | None = None,
        *,
        approvals: Sequence[str] = (),
    ) -> Iterator[None]:
        """Write an act into the log before it is done; one that fails is followed by a line that says so."""
        log = ActLog(self.home.acts)
        log.append(name, subject, by=self.by, now=self.now, details=details, approvals=approvals)
        try:
            yield
        except BaseException as error:
            reason = error.reason.value if isinstance(error, TrustError) else type(error).__name__
            log.append(f"{name}.failed", subject, by=self.by, now=self.now, details={"reason": reason})
            raise

    def require_approved(self, act: str, digest: str, files: Sequence[Path]) -> list[str]:
        """Make sure that enough security operators approved an act, where the settings ask for it.

        Returns:
            Who approved, each with the nonce.

        Raises:
            CertificateRefused: APPROVAL_REFUSED.
        """
        from certs.verification import CallerVerifier
        from services.node.acts import approved_by
        from services.node.keys import usable_keys

        if self.settings.approvals == 1 and not files:
            return []
        city, roots = self.settings.city, usable_keys(self.home, self.settings, now=self.now).generation.own_roots
        return approved_by(
            [file.read_bytes() for file in files],
            ActLog(self.home.acts),
            act=act,
            digest=digest,
            wanted=self.settings.approvals,
            city=city,
            own=CallerVerifier({city: roots}),
            now=self.now,
        )

    def reload(self) -> None:
        """Tell the node, if one serves, and wait for its answer.

        Raises:
            Conflict: The node refuses what is on disk, and says why.
        """
        from services.node.lock import held_by
        from yrdx.node.v1 import node_pb2

        if held_by(self.home) is None:
            return
        deadline = time.monotonic() + _ANSWERS_WITHIN_S
        while True:
            try:
                with connect(self.home.path) as session:
                    session.stub.ReloadKeystore(node_pb2.ReloadKeystoreRequest())
            except Unavailable:
                # Its own certificate may have ended, so that nobody gets through to it; it looks every second.
                if time.monotonic() > deadline:
                    say("节点未应答，将自行加载 · the node did not answer; it looks at its key store by itself")
                    return
                time.sleep(0.5)
            else:
                return


def opened_home(path: Path) -> Place:
    """Open a home for an act.

    Raises:
        HomeMissing, SettingsMistake, PassphraseMistake: It cannot be used.
    """
    from certs.identity import Identity
    from services.node.keys import passphrase_of
    from services.node.settings_file import load_settings
    from services.node.system import SystemClock

    home = Home(path)
    settings = load_settings(home)
    by = Identity(settings.city, "operator", "local").uri
    return Place(home, settings, passphrase_of(home, settings), SystemClock().now(), by)


def own_revoked_serials(home: Path, authority: str) -> list[tuple[int, datetime]]:
    """Return the serials of an authority that this node's operators revoked, with their times.

    Args:
        home: The node's home.
        authority: SHA-256 of the authority's certificate.
    """
    from services.wire.times import time_from_pb
    from yrdx.node.v1 import node_pb2

    with connect(home) as session:
        found = session.stub.ListRevocations(node_pb2.ListRevocationsRequest()).revocations
    prefix = f"{authority}:"
    return [
        (int(one.subject.removeprefix(prefix), 16), time_from_pb(one.revoke_time))
        for one in found
        if one.grain == "serial" and one.subject.startswith(prefix)
    ]
