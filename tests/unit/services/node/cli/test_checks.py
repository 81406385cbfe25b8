from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from certs.act_log import ActLog
from certs.diagnosis import Finding
from certs.keystore import create_keystore
from services.domain.errors import StoreUnavailable, Unavailable
from services.node.cli import doctor
from services.node.cli.checks import machine, mappings, storage, trust
from services.node.cli.checks.exchange import check_exchange, check_partner
from services.node.cli.checks.verdict import State, Verdict, failed, passed, verdicts, warning
from services.node.home import Home
from services.node.main import run
from services.store import schema
from tests.unit.services.node.cli.sessions import Answer, use_session
from yrdx.node.v1 import node_pb2

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with nothing but settings, closed to others."""
    home = Home(tmp_path / "A")
    home.path.mkdir(mode=0o700)
    home.settings.write_text('city = "320600"\n')
    home.settings.chmod(0o600)
    return home


def _states(found: list[Verdict]) -> dict[str, State]:
    return {verdict.check: verdict.state for verdict in found}


def test_a_home_closed_to_others_passes(home: Home) -> None:
    """Layout and modes are as `init` made them."""
    assert _states(list(machine.check_home(home))) == {"home.layout": State.PASSED, "home.modes": State.PASSED}


def test_a_home_that_others_may_enter_fails_with_the_command_that_closes_it(home: Home) -> None:
    """Personal data readable by others is no warning."""
    home.path.chmod(0o755)

    *_, verdict = machine.check_home(home)

    assert (verdict.check, verdict.state) == ("home.modes", State.FAILED)
    assert verdict.mend == f"chmod -R go= {home.path}"


def test_no_home_is_one_verdict_with_the_way_to_make_one(tmp_path: Path) -> None:
    """Nothing else can be said about it."""
    (verdict,) = doctor.examine(Home(tmp_path / "nowhere"), NOW)

    assert verdict.state is State.FAILED
    assert "yrdx init" in verdict.mend


@pytest.mark.parametrize(("free_mib", "state"), [(100, State.FAILED), (1_000, State.WARNING), (100_000, State.PASSED)])
def test_little_room_is_told_before_it_is_gone(
    free_mib: int, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First a warning, then a failure."""
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free_mib * machine.MIB))

    assert next(machine.check_disk(tmp_path)).state is state


@pytest.mark.parametrize(("ahead", "state"), [(timedelta(minutes=4), State.PASSED), (timedelta(hours=1), State.FAILED)])
def test_a_clock_behind_its_own_files_fails(home: Home, ahead: timedelta, state: State) -> None:
    """A clock that went back would break certificates and agreements; a few minutes do not."""
    written = (NOW + ahead).timestamp()
    os.utime(home.settings, (written, written))

    (verdict,) = machine.check_clock(home, NOW)

    assert verdict.state is state


def test_keys_and_days_left(home: Home) -> None:
    """Every leaf and the authority say how long they last; offline keys on the machine are noted."""
    create_keystore(home.path, "320600", now=NOW, random=os.urandom)

    found = _states(list(trust.check_keys(home, "320600", demo=False, now=NOW)))

    assert found.pop("keys.offline") is State.WARNING
    assert set(found.values()) == {State.PASSED}
    assert {"keys.gateway", "keys.system", "keys.operator", "keys.authority"} <= found.keys()


def test_a_leaf_in_its_last_third_is_a_warning_and_an_ended_one_a_failure(home: Home) -> None:
    """Nobody is surprised on the ninetieth day."""
    create_keystore(home.path, "320600", now=NOW, random=os.urandom)
    late, ended = NOW + timedelta(days=61), NOW + timedelta(days=91)

    near = _states(list(trust.check_keys(home, "320600", demo=True, now=late)))
    over = verdicts("keys.whole", lambda: trust.check_keys(home, "320600", demo=True, now=ended), trust.RENEW)

    assert near["keys.gateway"] is State.WARNING
    assert _states(over) == {"keys.whole": State.FAILED}
    assert over[0].mend == trust.RENEW


def test_keys_of_another_city_fail(home: Home) -> None:
    """A home copied to the wrong place is found before it serves."""
    create_keystore(home.path, "310000", now=NOW, random=os.urandom)

    assert next(trust.check_keys(home, "320600", demo=True, now=NOW)).check == "keys.city"


def test_a_migrated_store_passes(home: Home) -> None:
    """Engine and schema are told apart."""
    url = f"sqlite:///{home.store}"
    schema.migrate(url)

    found = _states(list(storage.check_store(url, home)))

    assert found == {"store.engine": State.PASSED, "store.schema": State.PASSED}


def test_an_old_store_fails_with_the_command_that_migrates_it(home: Home) -> None:
    """The same command that `serve` names."""
    home.store.touch()

    *_, verdict = storage.check_store(f"sqlite:///{home.store}", home)

    assert (verdict.check, verdict.state) == ("store.schema", State.FAILED)
    assert verdict.mend == f"yrdx db migrate --home {home.path}"


def test_a_store_that_is_gone_fails_and_is_not_made_anew(home: Home) -> None:
    """A missing file is a lost store, not an empty one."""
    (verdict,) = storage.check_store(f"sqlite:///{home.store}", home)

    assert verdict.state is State.FAILED
    assert not home.store.exists()


def _agreement(**changed: object) -> node_pb2.Agreement:
    fields: dict[str, object] = {
        "id": "NT-SH",
        "version": 1,
        "provider": "320600",
        "consumer": "310000",
        "valid_from": "2026-01-01",
        "valid_until": "2026-12-31",
    }
    return node_pb2.Agreement(**(fields | changed))  # type: ignore[arg-type]


def _certificate(city: str, *, alert: str = "ok") -> node_pb2.Certificate:
    return node_pb2.Certificate(city=city, usage="gateway", name=f"spiffe://{city}.yrdx/gateway/1", alert=alert)


def _answers(**changed: Answer) -> dict[str, Answer]:
    partner = node_pb2.Partner(city="310000", endpoint="127.0.0.1:7310", state="LIVE", bundle_version=1)
    answers: dict[str, Answer] = {
        "ListPartners": node_pb2.ListPartnersResponse(partners=[partner]),
        "ListAgreements": node_pb2.ListAgreementsResponse(agreements=[_agreement()]),
        "GetKeystore": node_pb2.GetKeystoreResponse(certificates=[_certificate("320600"), _certificate("310000")]),
        "GetStatus": node_pb2.GetStatusResponse(city="320600"),
        "PingPartner": node_pb2.PingPartnerResponse(round_trip_ms=2, clock_skew_ms=3),
    }
    return answers | changed


def _exchange(
    home: Home, monkeypatch: pytest.MonkeyPatch, *, serving: bool = True, **changed: Answer
) -> dict[str, State]:
    use_session(monkeypatch, _answers(**changed), serving=serving)
    return _states(list(check_exchange(home, NOW)))


def test_a_node_with_a_live_partner_passes(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Partner, agreement and reach are all well."""
    assert _exchange(home, monkeypatch) == {
        "partners.310000": State.PASSED,
        "bundles.own": State.WARNING,
        "certificates.ends": State.PASSED,
        "agreements.NT-SH": State.PASSED,
        "reach.310000": State.PASSED,
    }


def test_a_node_that_does_not_serve_is_not_asked_to_call(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reachability is skipped, not failed."""
    assert _exchange(home, monkeypatch, serving=False)["reach.partners"] is State.SKIPPED


def test_a_new_node_is_warned_not_failed(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """No partner and no agreement yet: the node may serve."""
    found = _exchange(
        home,
        monkeypatch,
        ListPartners=node_pb2.ListPartnersResponse(),
        ListAgreements=node_pb2.ListAgreementsResponse(),
    )

    assert found.pop("certificates.ends") is State.PASSED
    assert set(found) == {"partners.none", "bundles.own", "agreements.none"}
    assert set(found.values()) == {State.WARNING}


@pytest.mark.parametrize("state", ["UNCONFIRMED", "PAUSED"])
def test_a_partner_that_waits_is_a_warning_and_not_called(
    home: Home, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator's own decision is no failure."""
    partner = node_pb2.Partner(city="310000", state=state)

    found = _exchange(home, monkeypatch, ListPartners=node_pb2.ListPartnersResponse(partners=[partner]))

    assert found["partners.310000"] is State.WARNING
    assert "reach.310000" not in found


@pytest.mark.parametrize(
    "changed",
    [{"valid_until": "2026-05-31"}, {"valid_from": "2026-07-01"}, {"consumer": "320500"}],
    ids=["ended", "not begun", "stranger"],
)
def test_an_agreement_under_which_nothing_flows_is_a_warning(
    home: Home, changed: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with its reason."""
    found = _exchange(
        home, monkeypatch, ListAgreements=node_pb2.ListAgreementsResponse(agreements=[_agreement(**changed)])
    )

    assert found["agreements.NT-SH"] is State.WARNING


def test_only_the_newest_version_of_an_agreement_is_judged(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ended first version beside a second one in force is as it should be."""
    versions = [_agreement(valid_until="2026-02-01"), _agreement(version=2)]

    found = _exchange(home, monkeypatch, ListAgreements=node_pb2.ListAgreementsResponse(agreements=versions))

    assert found["agreements.NT-SH"] is State.PASSED


def test_a_diverged_stream_fails(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits for this very operator."""
    stream = node_pb2.StreamStatus(stream="320600/310000/social.contribution/0", state="DIVERGED")

    found = _exchange(home, monkeypatch, GetStatus=node_pb2.GetStatusResponse(streams=[stream]))

    assert found["streams.320600/310000/social.contribution/0"] is State.FAILED


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Unavailable("no connection"), State.FAILED),
        (node_pb2.PingPartnerResponse(clock_skew_ms=-90_000), State.WARNING),
        (node_pb2.PingPartnerResponse(clock_skew_ms=3_600_000), State.FAILED),
    ],
    ids=["silent", "90 s off", "an hour off"],
)
def test_a_partner_out_of_reach_or_out_of_time_is_found(
    home: Home, answer: Answer, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the skew that agreements allow, records would be refused."""
    assert _exchange(home, monkeypatch, PingPartner=answer)["reach.310000"] is state


@pytest.mark.parametrize(
    ("alert", "state"), [("notice", State.WARNING), ("critical", State.WARNING), ("expired", State.FAILED)]
)
@pytest.mark.parametrize(("city", "mend"), [("320600", "yrdx cert renew"), ("310000", "ask 310000")])
def test_a_certificate_near_its_end_is_found_with_who_renews_it(
    home: Home, alert: str, state: State, city: str, mend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours with the command, a partner's with whom to ask."""
    keystore = node_pb2.GetKeystoreResponse(certificates=[_certificate(city, alert=alert)])
    use_session(monkeypatch, _answers(GetKeystore=keystore), serving=True)

    (found,) = [one for one in check_exchange(home, NOW) if one.group == "certificates"]

    assert (found.check, found.state) == (f"certificates.{city}.gateway", state)
    assert mend in found.mend


def test_a_generation_that_was_refused_fails(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The node goes on with the old one, until that ends."""
    keystore = node_pb2.GetKeystoreResponse(refuse_reason="KEY_MISMATCH", refuse_message="not its key")

    assert _exchange(home, monkeypatch, GetKeystore=keystore)["certificates.refused"] is State.FAILED


def _of_partner(home: Home, city: str, monkeypatch: pytest.MonkeyPatch, *, serving: bool = True) -> dict[str, State]:
    other = node_pb2.StreamStatus(stream="320600/330100/social.contribution/0", state="DIVERGED")
    own = node_pb2.StreamStatus(stream="320600/310000/social.contribution/0", state="DIVERGED")
    status = node_pb2.GetStatusResponse(city="320600", streams=[other, own])
    versions = [_agreement(), _agreement(id="NT-HZ", consumer="330100", valid_until="2026-02-01")]
    answers = _answers(GetStatus=status, ListAgreements=node_pb2.ListAgreementsResponse(agreements=versions))
    use_session(monkeypatch, answers, serving=serving)
    steps = [Finding("tcp", True, "ours", "connected", ""), Finding("theirs.leaf", False, "theirs", "ended", "renew")]
    monkeypatch.setattr("services.node.cli.cert_probe.probe_partner", lambda *_: steps)
    return _states(list(check_partner(home, city, NOW)))


def test_one_partner_alone_is_looked_at_step_by_step(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is between this node and it, and each check of the handshake with its side; nothing of others."""
    assert _of_partner(home, "310000", monkeypatch) == {
        "partners.310000": State.PASSED,
        "certificates.ends": State.PASSED,
        "agreements.NT-SH": State.PASSED,
        "streams.320600/310000/social.contribution/0": State.FAILED,
        "reach.310000": State.PASSED,
        "handshake.tcp": State.PASSED,
        "handshake.theirs.leaf": State.FAILED,
    }


def test_a_partner_is_not_reached_by_a_node_that_does_not_serve(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for one partner, no answer is an answer: it fails, and `--wait` waits for it."""
    assert _of_partner(home, "310000", monkeypatch, serving=False)["reach.310000"] is State.FAILED


def test_a_partner_that_nobody_added_fails_with_the_command(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """One verdict, and nothing is dialled."""
    assert _of_partner(home, "320500", monkeypatch) == {"partners.320500": State.FAILED}


def test_before_a_home_is_made_the_machine_is_looked_at(tmp_path: Path) -> None:
    """Not being there is no failure then, and the command that makes it is named."""
    found = doctor.examine(Home(tmp_path / "new" / "A"), NOW, doctor.Scope(pre=True))

    states = _states(found)
    assert State.FAILED not in states.values()
    assert {"machine.python", "home.place", "disk.space"} <= states.keys()
    assert any("yrdx init" in one.found for one in found)
    assert not (tmp_path / "new").exists()


def test_a_folder_that_holds_something_else_is_no_place_for_a_home(tmp_path: Path) -> None:
    """`yrdx init` would refuse it."""
    (tmp_path / "letter.txt").touch()

    assert next(machine.check_place(Home(tmp_path))).state is State.FAILED


def test_before_a_node_serves_nobody_is_asked(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is local and nothing that a serving node would have to answer; its ports must be free."""
    use_session(monkeypatch, {}, serving=False)  # any question would be a KeyError

    groups = {one.group for one in doctor.examine(home, NOW, doctor.Scope(pre=True))}

    assert {"machine", "home", "settings", "disk", "clock", "store", "keys", "acts", "mappings", "port"} == groups


def test_every_heading_is_told_in_both_languages() -> None:
    """No group of checks is shown as a bare word of the program."""
    text = "".join(path.read_text(encoding="utf-8") for path in Path("services/node/cli/checks").glob("*.py"))
    groups = set(re.findall(r'(?:passed|warning|failed|skipped)\(\s*f?"([a-z]+)\.', text))

    assert len(groups) > 8
    assert groups <= doctor.GROUPS.keys()
    assert all(" · " in words for words in doctor.GROUPS.values())


def test_acts_that_somebody_changed_fail(home: Home) -> None:
    """The chain shows it, and the line is named."""
    log = ActLog(home.acts)
    for number in range(3):
        log.append("cert.renew", str(number), by="node", now=NOW)
    assert _states(list(trust.check_acts(home))) == {"acts.whole": State.PASSED}
    home.acts.write_bytes(home.acts.read_bytes().replace(b'"1"', b'"7"'))

    (verdict,) = verdicts("acts.whole", lambda: trust.check_acts(home), trust.MEND_ACTS)

    assert verdict.state is State.FAILED


@pytest.mark.parametrize(("dialect", "states"), [("local", {State.PASSED}), ("nowhere", {State.FAILED})])
def test_every_mapping_of_the_dialect_compiles(dialect: str, states: set[State]) -> None:
    """A dialect without any fails with the command that drafts one."""
    assert set(_states(list(mappings.check_mappings(dialect))).values()) == states


def test_waiting_checks_again_until_all_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second after the failure the same is looked at again; the last look counts."""
    looks = [[failed("reach.310000", "no", "x")], [passed("reach.310000", "2 ms")]]
    monkeypatch.setattr(doctor, "examine", lambda *_: looks.pop(0))
    monkeypatch.setattr(doctor, "AGAIN_S", 0.001)

    assert run(["doctor", "--wait", "5"]) == 0
    assert looks == []


def test_pre_and_partner_exclude_each_other() -> None:
    """Before a node serves it has no partner to ask."""
    assert run(["doctor", "--pre", "--partner", "310000"]) == 2


def test_a_check_that_breaks_is_a_failed_check() -> None:
    """What was found before stands; a bug is told by its type alone."""

    def broken() -> list[Verdict]:
        raise KeyError("110101199003070018")

    def closed() -> list[Verdict]:
        raise StoreUnavailable("locked")

    assert verdicts("a.b", closed, "mend") == [failed("a.b", "locked", "mend")]
    (bug,) = verdicts("a.b", broken, "mend")
    assert "KeyError" in bug.found
    assert "110101199003070018" not in bug.found


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([passed("home.layout", "A"), warning("keys.offline", "here", "mv")], 0),
        ([passed("home.layout", "A"), failed("store.schema", "old", "yrdx db migrate")], 7),
    ],
)
def test_only_a_failed_check_fails_the_preflight(
    found: list[Verdict], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 7 and ok = false for a failure; warnings pass."""
    monkeypatch.setattr(doctor, "examine", lambda *_: found)

    assert run(["doctor", "-o", "json"]) == code
    assert json.loads(capsys.readouterr().out)["ok"] is (code == 0)
    assert run(["doctor", "--json"]) == code
    assert json.loads(capsys.readouterr().out)["ok"] is (code == 0)
    assert run(["doctor"]) == code
    assert f"→ {found[1].mend}" in capsys.readouterr().out


STREAM = "320600/310000/social.contribution/0"


def test_versions_that_do_not_fit_fail_with_both_named(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The partner is reached, and one stream with it cannot run."""
    apart = node_pb2.PingPartnerResponse.Incompatibility(stream=STREAM, problem="this city has 1, 310000 has 2")
    answer = node_pb2.PingPartnerResponse(round_trip_ms=2, clock_skew_ms=3, incompatibilities=[apart])

    found = _exchange(home, monkeypatch, PingPartner=answer)

    assert found["reach.310000"] is State.PASSED
    assert found[f"standards.{STREAM}"] is State.FAILED


def test_records_that_wait_for_an_upgrade_are_a_warning(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are kept: nothing is lost, and nobody reads them yet."""
    stream = node_pb2.StreamStatus(stream=STREAM, state="OPEN", held=7, standard_problem="held for standard 1.1")

    found = _exchange(home, monkeypatch, GetStatus=node_pb2.GetStatusResponse(streams=[stream]))

    assert found[f"streams.{STREAM}"] is State.WARNING
