from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message

from certs.keystore import create_keystore
from services.domain.errors import Malformed, Unavailable
from services.node.cli.bundle import current_bundle
from services.node.home import new_home
from services.node.main import run
from tests.unit.services.node.cli.sessions import use_session
from yrdx.exchange.v1 import exchange_pb2
from yrdx.node.v1 import node_pb2

NOW = datetime(2026, 6, 1, tzinfo=UTC)
FINGERPRINT = "SHA256:1f2e-3d4c-5b6a-7988-0a1b-2c3d-4e5f-6071"


def _partner(state: str) -> node_pb2.Partner:
    return node_pb2.Partner(
        city="320600", endpoint="127.0.0.1:7320", fingerprint=FINGERPRINT, state=state, bundle_version=1
    )


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    """A bundle file."""
    (tmp_path / "a.bundle").write_bytes(b"bundle")
    return str(tmp_path / "a.bundle")


def test_without_a_fingerprint_the_partner_waits_and_the_way_on_is_told(
    bundle: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stdout holds the fingerprint alone; stderr says whom to ask and what to run then."""
    stub = use_session(monkeypatch, {"AddPartner": node_pb2.AddPartnerResponse(partner=_partner("UNCONFIRMED"))})

    assert run(["partner", "add", bundle, "--home", "B", "--endpoint", "127.0.0.1:7320"]) == 0

    out, err = capsys.readouterr()
    assert out == FINGERPRINT + "\n"
    assert f"yrdx partner confirm 320600 --home B --fingerprint {FINGERPRINT}" in err
    assert stub.requests == [node_pb2.AddPartnerRequest(bundle=b"bundle", endpoint="127.0.0.1:7320")]


def test_with_a_fingerprint_the_partner_is_live_at_once(
    bundle: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the operator typed reaches the node, which compares."""
    stub = use_session(monkeypatch, {"AddPartner": node_pb2.AddPartnerResponse(partner=_partner("LIVE"))})

    assert run(["partner", "add", bundle, "--endpoint", "h:1", "--fingerprint", FINGERPRINT, "--json"]) == 0

    assert json.loads(capsys.readouterr().out)["state"] == "LIVE"
    assert stub.requests == [node_pb2.AddPartnerRequest(bundle=b"bundle", endpoint="h:1", fingerprint=FINGERPRINT)]


def test_a_bundle_that_is_not_there_is_not_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file is named before anything is asked of the node."""
    use_session(monkeypatch, {})

    assert run(["partner", "add", "nowhere.bundle", "--endpoint", "h:1"]) == 4
    assert "nowhere.bundle" in capsys.readouterr().err


def test_a_refused_bundle_is_told(bundle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the node refuses ends with a failure."""
    use_session(monkeypatch, {"AddPartner": Malformed("the bundle was changed")})

    assert run(["partner", "add", bundle, "--endpoint", "h:1"]) == 1


@pytest.mark.parametrize(
    ("line", "rpc", "request_"),
    [
        (
            "confirm 320600 --fingerprint F",
            "ConfirmPartner",
            node_pb2.ConfirmPartnerRequest(city="320600", fingerprint="F"),
        ),
        ("pause 320600 --reason x", "PausePartner", node_pb2.PausePartnerRequest(city="320600", reason="x")),
        ("resume 320600", "ResumePartner", node_pb2.ResumePartnerRequest(city="320600")),
    ],
)
def test_each_act_is_one_rpc(
    line: str, rpc: str, request_: Message, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The verb hands over what was typed and shows the partner as it stands then."""
    answers = {
        "ConfirmPartner": node_pb2.ConfirmPartnerResponse(partner=_partner("LIVE")),
        "PausePartner": node_pb2.PausePartnerResponse(partner=_partner("PAUSED")),
        "ResumePartner": node_pb2.ResumePartnerResponse(partner=_partner("LIVE")),
    }
    stub = use_session(monkeypatch, {rpc: answers[rpc]})

    assert run(["partner", *line.split(), "--json"]) == 0

    assert stub.requests == [request_]
    assert json.loads(capsys.readouterr().out)["city"] == "320600"


def test_a_ping_shows_round_trip_and_clock(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An operator sees whether the partner answers, how fast, and whose clock is off."""
    answer = node_pb2.PingPartnerResponse(
        description=exchange_pb2.DescribeResponse(
            city="310000",
            software="0.1.0",
            datasets=[exchange_pb2.DescribeResponse.Dataset(name="social.contribution", standards=["1"])],
        ),
        round_trip_ms=3.25,
        clock_skew_ms=-12,
    )
    use_session(monkeypatch, {"PingPartner": answer})

    assert run(["partner", "ping", "310000", "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert (found["round_trip_ms"], found["clock_skew_ms"]) == (3.25, -12)
    assert found["datasets"] == [{"name": "social.contribution", "standards": ["1"]}]


def test_a_ping_names_the_versions_that_do_not_fit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The partner answers, and under one agreement nothing can be exchanged: programs get both lists."""
    apart = node_pb2.PingPartnerResponse.Incompatibility(
        agreement_id="A",
        agreement_version=2,
        stream="320600/310000/social.contribution/0",
        standard="1",
        own_standards=["1", "1.1"],
        partner_standards=["2"],
        problem="this city has 1, 1.1, 310000 has 2",
    )
    use_session(monkeypatch, {"PingPartner": node_pb2.PingPartnerResponse(incompatibilities=[apart])})

    assert run(["partner", "ping", "310000", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["incompatibilities"]
    assert (found["agreement"], found["own_standards"], found["partner_standards"]) == ("A v2", ["1", "1.1"], ["2"])
    assert run(["partner", "ping", "310000"]) == 0
    assert "this city has 1, 1.1, 310000 has 2" in capsys.readouterr().err


def test_a_partner_that_does_not_answer_can_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 6 is the one that a script may retry."""
    use_session(monkeypatch, {"PingPartner": Unavailable("no connection")})

    assert run(["partner", "ping", "310000"]) == 6


def test_partners_are_listed_and_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """People get a table, programs an array; an unknown city is not found."""
    use_session(monkeypatch, {"ListPartners": node_pb2.ListPartnersResponse(partners=[_partner("PAUSED")])})

    assert run(["partner", "ls"]) == 0
    assert "已暂停 paused" in capsys.readouterr().out
    assert run(["partner", "show", "320600", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["fingerprint"] == FINGERPRINT
    assert run(["partner", "show", "320500"]) == 4


def test_a_newer_bundle_is_held_against_the_partners(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it changes is told, and the node's own rule says whether it would be taken: a fork would not."""
    with new_home(tmp_path / "A") as home:
        create_keystore(home.path, "320600", now=NOW, random=os.urandom)
        home.settings.write_text('city = "320600"\n')
    first, second, third = (current_bundle(home, f"h:{port}", now=NOW) for port in (1, 2, 3))
    file = tmp_path / "newer.bundle"
    file.write_bytes(second.data)

    def told(stored: bytes, code: int) -> dict[str, Any]:
        partner = node_pb2.Partner(city="320600", bundle=stored)
        stub = use_session(monkeypatch, {"ListPartners": node_pb2.ListPartnersResponse(partners=[partner])})
        assert run(["partner", "diff", "320600", str(file), "--json"]) == code
        assert stub.requests == [node_pb2.ListPartnersRequest(with_bundles=True)]
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    later = told(first.data, 0)
    assert (later["continues"], later["refusal"]) == (True, None)
    assert later["changes"]["endpoint"] == ["h:1", "h:2"]
    assert told(second.data, 0)["changes"] == {}
    assert "older than version 3" in told(third.data, 1)["refusal"]
    home.bundle.write_bytes(first.data)
    fork = current_bundle(home, "h:9", now=NOW)
    assert "forged" in told(fork.data, 1)["refusal"]
