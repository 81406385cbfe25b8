from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from certs.keystore import create_keystore
from services.domain.errors import NotFound, StoreUnavailable, Unavailable
from services.node.cli import doctor
from services.node.cli.checks import machine, storage, trust
from services.node.cli.checks.exchange import check_exchange
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


def _answers(**changed: Answer) -> dict[str, Answer]:
    partner = node_pb2.Partner(city="310000", endpoint="127.0.0.1:7310", state="LIVE", bundle_version=1)
    answers: dict[str, Answer] = {
        "ListPartners": node_pb2.ListPartnersResponse(partners=[partner]),
        "ListAgreements": node_pb2.ListAgreementsResponse(agreements=[_agreement()]),
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

    assert found == {"partners.none": State.WARNING, "agreements.none": State.WARNING}


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


@pytest.mark.parametrize(("partner", "agreed"), [("310000", "agreements.NT-SH"), ("330100", "agreements.none")])
def test_one_partner_alone_can_be_looked_at(
    home: Home, monkeypatch: pytest.MonkeyPatch, partner: str, agreed: str
) -> None:
    """Agreements and streams with others are left out; a city that is no partner is not found."""
    partners = [node_pb2.Partner(city=city, state="PAUSED", bundle_version=1) for city in ("310000", "330100")]
    streams = [node_pb2.StreamStatus(stream=f"320600/{one}/a.b/0", state="DIVERGED") for one in ("310000", "330100")]
    answers = _answers(
        ListPartners=node_pb2.ListPartnersResponse(partners=partners),
        GetStatus=node_pb2.GetStatusResponse(streams=streams),
    )
    use_session(monkeypatch, answers, serving=True)

    found = {one.check for one in check_exchange(home, NOW, partner)}

    assert found == {f"partners.{partner}", agreed, f"streams.320600/{partner}/a.b/0"}
    with pytest.raises(NotFound):
        list(check_exchange(home, NOW, "320500"))
