"""Two persons for every grant of trust, and an office for each person."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.node.cli.bundle import current_bundle
from services.node.system import SystemClock
from tests.integration.support.commands import Ran, yrdx
from tests.integration.support.nodes import NANTONG, SHANGHAI, Node, make_node

NOT_PERMITTED = 5


def person(node: Node, folder: Path, name: str) -> Path:
    """Enrol somebody under the node's authority, with the very commands an operator would use."""
    yrdx("operator", "csr", name, "--city", node.city, "-o", folder)
    leaf = folder / f"{name}.pem"
    yrdx("ca", "issue", folder / f"{name}.csr", "--ca", node.home.offline, "-o", leaf)
    return leaf


def approval(leaf: Path, act: str, file: Path) -> Path:
    """Let somebody approve an act."""
    out = leaf.with_suffix(f".{act}")
    yrdx("operator", "approve", act, file, "--cert", leaf, "--key", leaf.with_suffix(".key"), "-o", out)
    return out


def test_granting_trust_takes_two_and_taking_it_away_one(tmp_path: Path) -> None:
    """A partner becomes live only with two security operators' signatures; each counts once; it is in the log."""
    node = make_node(tmp_path / "nodes", NANTONG)
    other = make_node(tmp_path / "nodes", SHANGHAI)
    settings = node.home.settings.read_text().replace("demo = true", "demo = false\napprovals = 2")
    node.home.settings.write_text(settings)
    bundle = tmp_path / "sh.bundle"
    signed = current_bundle(other.home, other.settings.advertised, now=SystemClock().now())
    bundle.write_bytes(signed.data)
    li, wang = (person(node, tmp_path, f"security-{name}") for name in ("li", "wang"))
    add = ["partner", "add", bundle, "--home", node.path, "--endpoint", other.listen, "--json"]
    grant = [*add, "--fingerprint", signed.fingerprint]
    with node:
        assert "2 different security operators" in yrdx(*grant, code=NOT_PERMITTED).err
        one = approval(li, "partner", bundle)
        yrdx(*grant, "--approval", one, code=NOT_PERMITTED)
        assert yrdx(*add).json["state"] == "UNCONFIRMED"
        both = ["--approval", one, "--approval", approval(wang, "partner", bundle)]
        assert yrdx(*grant, *both).json["state"] == "LIVE"
        assert "used before" in yrdx(*grant, *both, code=NOT_PERMITTED).err
        revocation = [SHANGHAI.code, "--home", node.path, "--reason", "x", "--json"]
        assert yrdx("revoke", "city", *revocation).json["revoked"] == 1
        assert "2 different" in yrdx("revoke", "lift", *revocation, "--dry-run", code=NOT_PERMITTED).err
        other_act = ["--approval", approval(li, "partner", bundle), "--approval", approval(wang, "partner", bundle)]
        assert "something else" in yrdx("revoke", "lift", *revocation, *other_act, code=NOT_PERMITTED).err
        lifting = ["--approval", approval(li, "lift", bundle), "--approval", approval(wang, "lift", bundle)]
        assert yrdx("revoke", "lift", *revocation, *lifting).json["lifted"]
        assert yrdx("partner", "pause", SHANGHAI.code, "--home", node.path, "--json").json["state"] == "PAUSED"
    acts = yrdx("cert", "log", "--home", node.path, "--json").json
    granted = next(act for act in acts if act["act"] == "grant.partner")
    assert [name.partition("#")[0].rpartition("/")[2] for name in granted["approvals"]] == [
        "security-li",
        "security-wang",
    ]


@pytest.mark.parametrize(
    ("name", "may", "may_not"),
    [
        ("audit-wu", ["partner", "ls"], ["partner", "pause", "310000"]),
        ("system-zhou", ["cert", "ls"], ["revoke", "city", "310000", "--reason", "x"]),
        ("security-li", ["cert", "ls"], ["inbox", "export", "--dataset", "social.contribution", "-o", "OUT"]),
    ],
)
def test_an_office_does_its_own_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, may: list[str], may_not: list[str]
) -> None:
    """An auditor reads, a system operator runs, a security operator grants and revokes."""
    with make_node(tmp_path / "nodes", NANTONG) as node:
        leaf = person(node, tmp_path, name)
        monkeypatch.setenv("YRDX_OPERATOR", str(leaf))

        def run(words: list[str], code: int = 0) -> Ran:
            return yrdx(
                *[str(tmp_path / "x.jsonl") if w == "OUT" else w for w in words], "--home", node.path, code=code
            )

        run(may)
        refused = run(may_not, code=NOT_PERMITTED)
    assert f"an operator with the office {name.partition('-')[0]} may not call" in refused.err


def test_a_new_authority_takes_two_as_well(tmp_path: Path) -> None:
    """From `ca prepare` on it is believed, so that is where they sign; without a partner nobody has to acknowledge."""
    node = make_node(tmp_path / "nodes", NANTONG)
    node.home.settings.write_text(node.home.settings.read_text().replace("demo = true", "approvals = 2"))
    leaves = [person(node, tmp_path, f"security-{name}") for name in ("li", "wang")]
    made = node.home.offline / "next" / "ca.pem"
    refused = yrdx("ca", "prepare", "--home", node.path, "--json", code=1)
    assert refused.reason == "APPROVAL_REFUSED"
    assert str(made) in refused.err
    assert [one["state"] for one in yrdx("ca", "ls", "--home", node.path, "--json").json] == ["ACTIVE"]
    authorities = [one for one in yrdx("cert", "ls", "--home", node.path, "--json").json if one["usage"] == "authority"]
    assert len(authorities) == 1
    signed = [approval(leaf, "ca", made) for leaf in leaves]
    yrdx("ca", "prepare", "--home", node.path, "--approval", signed[0], code=1)
    yrdx("ca", "prepare", "--home", node.path, "--approval", signed[0], "--approval", signed[1])
    for step in ("distribute", "activate"):
        yrdx("ca", step, "--home", node.path)
    states = [one["state"] for one in yrdx("ca", "ls", "--home", node.path, "--json").json]
    assert states == ["RETIRING", "ACTIVE"]
    acts = yrdx("cert", "log", "--home", node.path, "--json").json
    assert len(next(act for act in acts if act["act"] == "ca.prepare")["approvals"]) == 2
