"""Receivers of another make: a sound one keeps every promise, and each broken one is named by what it breaks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from certs.bundle import CityBundle
from certs.keystore import create_keystore
from services.node.conformance.checks import ALL
from services.node.conformance.identity import agreement_text, create_identity
from services.node.conformance.lifecycle import Lifecycle
from services.node.conformance.partner import Partner
from services.node.conformance.promises import State, Verdict
from services.node.conformance.run import Asking, Unreachable, ask, meet
from tests.integration.conformance.faults import EXPIRES_AFTER_S
from tests.integration.conformance.processes import Commands
from tests.integration.support.nodes import free_port
from tests.integration.support.waiting import until

DATASET = "social.contribution"
OTHERS_WAIT_S = 0.1

DUPLICATES = {"duplicates.same_stream", "duplicates.reconnected", "duplicates.behind_others", "duplicates.later"}
BROKEN: dict[str, set[str]] = {
    "SkipsASequence": {"batches.gap"},
    "Overwrites": {"conflicts.same_range", "conflicts.inside_range", "conflicts.nothing_overwritten"},
    "ReceiptsAnew": DUPLICATES | {"conflicts.nothing_overwritten", "epochs.closed_duplicate"},
    "RefusesTheWholeBatch": {
        "records.rejected_alone",
        "records.named_rule",
        "records.no_values",
        "records.mended",
        "receipts.full",
        "limits.floor",
        "limits.record",
    },
    "TellsValues": {"records.no_values"},
    "BelievesAnySignature": {
        "openings.signature",
        "openings.unknown_key",
        "batches.signature",
        "batches.unknown_key",
    },
    "BelievesAnyRoot": {"batches.altered", "batches.root", "batches.before_a_wrong_one"},
    "AdmitsAnyName": {"certificates.other_city", "certificates.their_operator", "certificates.operator"},
    "KnowsNoLimits": {"limits.records", "limits.bytes"},
    "SpeaksTls12": {"certificates.tls13"},
}
"""What each fault breaks, and nothing else; without the commands that end and start the process."""


@contextmanager
def met(folder: Path, fault: str, *, waits_s: float = OTHERS_WAIT_S) -> Iterator[tuple[Partner, Commands]]:
    """Serve a double and meet it as a partner that was told no commands."""
    now, home = datetime.now(UTC), folder / "double"
    home.mkdir()
    generation = create_keystore(home, "310000", now=now, random=os.urandom)
    bundle: CityBundle = generation.bundle(version=1, previous=None, endpoint=None, created_at=now)
    identity = create_identity(folder / "partner", "330199", now=now, random=os.urandom)
    text = agreement_text(identity.city, generation.city, DATASET, today=now.date())
    identity.agreement_file.write_text(text, encoding="utf-8")
    listen = f"127.0.0.1:{free_port()}"
    line = ["-m", "tests.integration.conformance.double", fault, home, identity.folder, listen]
    commands = Commands(folder, line)
    asking = Asking(listen, bundle, identity, DATASET, waits_s, seed=Random(fault).randrange(2**31))

    def partner() -> Partner | None:
        try:
            return meet(asking, Lifecycle())
        except Unreachable:
            return None

    try:
        Lifecycle(commands.restart).restart(lambda: True)
        yield until("the double answers", partner, timeout_s=30), commands
    finally:
        commands.end()


def failed(verdicts: list[Verdict]) -> set[str]:
    """Names of the promises that were broken."""
    return {verdict.promise.name for verdict in verdicts if verdict.state is State.FAILED}


def with_commands(partner: Partner, commands: Commands) -> Partner:
    """Give a partner the commands."""
    return replace(partner, lifecycle=commands.lifecycle)


@pytest.mark.timeout(300)
def test_a_sound_receiver_of_another_make_keeps_every_promise(tmp_path: Path) -> None:
    """None is broken and none is left out, so what is asked is the protocol and not our own node's ways."""
    with met(tmp_path, "Receiver") as (partner, commands):
        verdicts = list(ask(with_commands(partner, commands), ALL))

    assert {v.promise.name: v.found for v in verdicts if v.state is not State.PASSED} == {}
    assert len(verdicts) == len(ALL)


@pytest.mark.timeout(300)
def test_one_that_acknowledges_before_its_commit_is_named(tmp_path: Path) -> None:
    """What it acknowledged is gone once it was killed; nothing else shows it."""
    with met(tmp_path, "AcknowledgesBeforeCommit") as (partner, commands):
        told = with_commands(partner, commands)
        promises = [one for one in ALL if one.name in {"batches.accepted", "duplicates.reconnected"}]
        assert failed(list(ask(told, promises))) == set()
        (verdict,) = ask(told, [one for one in ALL if one.name == "durability.killed"])

    assert verdict.state is State.FAILED
    assert "acknowledged batches were lost" in verdict.found


@pytest.mark.timeout(300)
def test_one_that_forgets_duplicates_is_named(tmp_path: Path) -> None:
    """A duplicate within its window looks right; the one that comes later does not."""
    with met(tmp_path, "ExpiresDuplicates", waits_s=EXPIRES_AFTER_S + 1) as (partner, _):
        verdicts = list(ask(partner, ALL))

    assert failed(verdicts) == {"duplicates.later"}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "fault", [name if name == "SkipsASequence" else pytest.param(name, marks=pytest.mark.long) for name in BROKEN]
)
def test_a_broken_receiver_is_named_by_what_it_breaks(tmp_path: Path, fault: str) -> None:
    """Exactly the promises that the fault breaks fail; those that need commands are skipped, and say so."""
    with met(tmp_path, fault) as (partner, _):
        verdicts = list(ask(partner, ALL))

    assert failed(verdicts) == BROKEN[fault]
    skipped = {v.promise.name: v.found for v in verdicts if v.state is State.SKIPPED}
    assert skipped.keys() == {"duplicates.restarted", "durability.killed"}
    assert all("--restart-command" in found for found in skipped.values())
