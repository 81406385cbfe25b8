"""Partners, agreements and streams as the node knows them, and whether partners answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

from certs.errors import TrustError
from services.domain.agreement import CLOCK_SKEW, LOCAL_TIME
from services.domain.errors import ExchangeError
from services.node.cli.agreement import agreements
from services.node.cli.checks.verdict import Verdict, failed, passed, skipped, warning
from services.node.cli.node_access import connect
from services.node.cli.partner import partners
from services.node.cli.stream import streams
from services.node.exits import CommandFailed
from services.node.home import Home

if TYPE_CHECKING:
    from services.node.session import NodeSession
    from yrdx.node.v1 import node_pb2

SKEW_NOTED_MS: Final = 60_000
_OVER: Final = frozenset({"RETIRED", "REVOKED"})
"""Authorities that may end as they like."""


def check_exchange(home: Home, now: datetime) -> Iterator[Verdict]:
    """Ask the node; it works with one that does not serve too.

    Raises:
        HomeBusy, ExchangeError: The node cannot be asked.
    """
    with connect(home.path) as session:
        known = list(partners(session))
        yield from _check_partners(known, home)
        yield _check_bundle(home)
        yield from _check_certificates(session, home)
        yield from _check_agreements(session, {partner.city for partner in known}, home, now)
        yield from _check_streams(session, home)
        yield from _check_reach(session, known, home)


def check_partner(home: Home, city: str, now: datetime) -> Iterator[Verdict]:
    """Look at everything between this node and one partner, and at each step of the handshake.

    Raises:
        HomeMissing, SettingsMistake, HomeBusy, ExchangeError: The node cannot be asked.
    """
    with connect(home.path) as session:
        known = [partner for partner in partners(session) if partner.city == city]
        if not known:
            mend = f"yrdx partner add FILE --home {home.path} --endpoint HOST:PORT"
            yield failed(f"partners.{city}", "没有这个伙伴 · no such partner here", mend)
            return
        yield from _check_partners(known, home)
        yield from _check_certificates(session, home, city)
        yield from _check_agreements(session, {city}, home, now, city)
        yield from _check_streams(session, home, city)
        if session.serving:
            yield from _check_reach(session, known, home)
        else:
            yield failed(f"reach.{city}", "节点未运行 · the node does not serve", f"yrdx serve --home {home.path}")
    yield from _handshake(home, city)


def _handshake(home: Home, city: str) -> Iterator[Verdict]:
    """Open TLS by hand: gRPC does not say which check failed, nor on which side."""
    from services.node.cli.cert_probe import probe_partner

    for one in probe_partner(home.path, city):
        check = f"handshake.{one.check}"
        yield passed(check, one.found) if one.ok else failed(check, one.found, f"[{one.side}] {one.mend}")


def _check_bundle(home: Home) -> Verdict:
    if home.bundle.is_file():
        return passed("bundles.own", f"{home.bundle}")
    mend = f"yrdx bundle export --home {home.path} -o CITY.bundle"
    return warning("bundles.own", "尚未导出，伙伴无从取得 · not exported yet: partners cannot get it", mend)


def _check_certificates(session: NodeSession, home: Home, city: str = "") -> Iterator[Verdict]:
    """Look at the ends of all certificates known, ours and the partners'."""
    from yrdx.node.v1 import node_pb2

    keystore = session.stub.GetKeystore(node_pb2.GetKeystoreRequest())
    if keystore.refuse_reason:
        mend = f"yrdx cert check --home {home.path}"
        yield failed("certificates.refused", f"[{keystore.refuse_reason}] {keystore.refuse_message}", mend)
    own = session.settings.city
    shown = [one for one in keystore.certificates if city in ("", one.city) and one.state not in _OVER]
    for one in shown:
        found = f"{one.name}: {one.alert}"
        mend = f"yrdx cert renew --home {home.path}" if one.city == own else f"请对方更新 · ask {one.city} to renew it"
        if one.alert == "expired":
            yield failed(f"certificates.{one.city}.{one.usage}", found, mend)
        elif one.alert != "ok":
            yield warning(f"certificates.{one.city}.{one.usage}", found, mend)
    if all(one.alert == "ok" for one in shown):
        yield passed("certificates.ends", f"{len(shown)} 张，均未临近到期 · certificates, none near its end")


def _check_partners(known: list[node_pb2.Partner], home: Home) -> Iterator[Verdict]:
    if not known:
        yield warning(
            "partners.none",
            "尚无伙伴 · no partner yet",
            f"yrdx partner add FILE --home {home.path} --endpoint HOST:PORT",
        )
    for partner in known:
        check = f"partners.{partner.city}"
        if partner.state == "UNCONFIRMED":
            yield warning(
                check,
                "未确认，不交换 · unconfirmed: nothing flows",
                f"yrdx partner confirm {partner.city} --home {home.path} --fingerprint …",
            )
        elif partner.state == "PAUSED":
            yield warning(
                check,
                f"已暂停 · paused: {partner.state_reason}",
                f"yrdx partner resume {partner.city} --home {home.path}",
            )
        else:
            yield passed(check, f"{partner.endpoint}, 信任包 · bundle v{partner.bundle_version}")


def _check_agreements(
    session: NodeSession, cities: set[str], home: Home, now: datetime, city: str = ""
) -> Iterator[Verdict]:
    today = now.astimezone(LOCAL_TIME).date()
    newest = {agreement.id: agreement for agreement in agreements(session)}  # by id and version, so the last wins
    if city:
        newest = {name: one for name, one in newest.items() if city in (one.provider, one.consumer)}
    if not newest:
        yield warning(
            "agreements.none", "尚无交换协议 · no agreement yet", f"yrdx agreement import FILE --home {home.path}"
        )
    for agreement in newest.values():
        yield _check_agreement(agreement, cities | {session.settings.city}, home, today)


def _check_agreement(agreement: node_pb2.Agreement, cities: set[str], home: Home, today: date) -> Verdict:
    check = f"agreements.{agreement.id}"
    strangers = {agreement.provider, agreement.consumer} - cities
    if strangers:
        return warning(
            check,
            f"未登记的城市 · no such partner: {', '.join(strangers)}",
            f"yrdx partner add FILE --home {home.path} --endpoint HOST:PORT",
        )
    if not date.fromisoformat(agreement.valid_from) <= today <= date.fromisoformat(agreement.valid_until):
        return warning(
            check,
            f"不在有效期 · not in force: {agreement.valid_from} – {agreement.valid_until}",
            f"yrdx agreement import FILE --home {home.path}",
        )
    return passed(check, f"v{agreement.version}, 至 · until {agreement.valid_until}")


def _check_streams(session: NodeSession, home: Home, city: str = "") -> Iterator[Verdict]:
    for stream in streams(session):
        if city and city not in stream.stream.split("/")[:2]:
            continue
        if stream.standard_problem:
            yield warning(f"streams.{stream.stream}", _waiting(stream), "升级软件，或改用双方都有的版本 · upgrade it")
        if stream.state in ("DIVERGED", "RECOVERING"):
            yield failed(
                f"streams.{stream.stream}",
                f"{stream.state}: {stream.state_reason}",
                f"yrdx stream recover {stream.stream} --home {home.path}",
            )


def _check_reach(session: NodeSession, known: list[node_pb2.Partner], home: Home) -> Iterator[Verdict]:
    if not session.serving:
        yield skipped("reach.partners", "节点未运行 · the node does not serve", f"yrdx serve --home {home.path}")
        return
    for partner in known:
        if partner.state == "LIVE":
            yield from _ping(session, partner, home)


def _waiting(stream: node_pb2.StreamStatus) -> str:
    held = f"待升级记录 · records held: {stream.held}; " if stream.held else ""
    return f"{held}{stream.standard_problem}"


def _ping(session: NodeSession, partner: node_pb2.Partner, home: Home) -> Iterator[Verdict]:
    from yrdx.node.v1 import node_pb2

    check = f"reach.{partner.city}"
    try:
        answer = session.stub.PingPartner(node_pb2.PingPartnerRequest(city=partner.city))
    except ExchangeError as error:
        yield _explained(check, f"{partner.endpoint}: {error}", partner.city, home)
        return
    found = f"{answer.round_trip_ms:.0f} ms, 时差 · clock differs by {answer.clock_skew_ms:.0f} ms"
    if abs(answer.clock_skew_ms) > CLOCK_SKEW.total_seconds() * 1_000:
        yield failed(check, found, "timedatectl set-ntp true")
    elif abs(answer.clock_skew_ms) > SKEW_NOTED_MS:
        yield warning(check, found, "timedatectl timesync-status")
    else:
        yield passed(check, found)
    for apart in answer.incompatibilities:
        yield failed(
            f"standards.{apart.stream}",
            f"标准版本不兼容 · standards do not fit: {apart.problem}",
            "升级落后的一方，或改用双方都有的版本 · upgrade whoever is behind, or agree on a version that both know",
        )


def _explained(check: str, found: str, city: str, home: Home) -> Verdict:
    """Say which check of the handshake failed, on which side; gRPC does not."""
    from services.node.cli.cert_probe import probe_partner

    mend = "检查网络、防火墙和对方节点 · check network, firewalls and the partner's node"
    try:
        wrong = next((one for one in probe_partner(home.path, city) if not one.ok), None)
    except (TrustError, CommandFailed, ExchangeError):  # what is wrong with this home is a check of its own
        wrong = None
    if wrong is None:
        return failed(check, found, mend)
    return failed(check, f"{found} · {wrong.check}: {wrong.found}", f"[{wrong.side}] {wrong.mend}")
