"""Certificates, lists and the server, as other makers' checkers see them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from certs.constraint import constrained_pem
from certs.crl import issue_crl
from certs.enrolment import issue_from_request, personal_request
from certs.identity import Identity
from certs.keystore import create_keystore
from certs.offline import load_authority
from certs.pem import certificates_to_pem
from tests.integration.support.guests import Host

pytestmark = pytest.mark.interop

CITY = "320600"
WAIVED = "pkix.invalid_uri_syntax"
"""pkilint takes spiffe:// for no URI since its authority has no port and its path no extension; RFC 3986 allows it."""
KINDS = ("gateway", "system", "operator", "ca", "request", "constraint")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of every kind of certificate, and a list."""
    home, now = tmp_path_factory.mktemp("made"), datetime.now(UTC)
    create_keystore(home, CITY, now=now, random=os.urandom)
    authority = load_authority(home)
    for name in ("gateway", "system", "operator", "ca"):
        shutil.copy(home / "certs" / "current" / f"{name}.pem", home / f"{name}.pem")
    _, request = personal_request(Identity(CITY, "operator", "security-li"))
    asked = issue_from_request(authority, request, now=now, serial=0x1F2E3D4C5B6A7988)
    (home / "request.pem").write_bytes(certificates_to_pem(asked))
    (home / "constraint.pem").write_bytes(constrained_pem(CITY, [authority.certificate]))
    (home / "empty.crl").write_bytes(issue_crl(authority, [], number=1, now=now))
    (home / "revoked.crl").write_bytes(issue_crl(authority, [(asked.serial_number, now)], number=2, now=now))
    return home


def findings(tools: Path, *words: object) -> list[str]:
    """What pkilint finds at NOTICE or above, without what is waived."""
    command, *arguments = map(str, words)
    ran = subprocess.run(
        [tools / "checkers" / "bin" / command, "lint", "-s", "NOTICE", *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = re.findall(r"^\s+(\S+) \((?:FATAL|ERROR|WARNING|NOTICE)\)", ran.stdout, re.MULTILINE)
    assert ran.returncode == len(found), f"{ran.stdout}{ran.stderr}"
    return [one for one in found if one != WAIVED]


@pytest.mark.parametrize("kind", KINDS)
def test_smoke_every_kind_of_certificate(tools: Path, made: Path, kind: str) -> None:
    """RFC 5280 to the letter."""
    assert findings(tools, "lint_pkix_cert", made / f"{kind}.pem") == []


@pytest.mark.parametrize("name", ["empty", "revoked"])
def test_every_list(tools: Path, made: Path, name: str) -> None:
    """RFC 5280 section 5."""
    assert findings(tools, "lint_crl", "-t", "CRL", "-p", "PKIX", made / f"{name}.crl") == []


@pytest.mark.parametrize("kind", ["gateway", "system", "operator", "request"])
def test_chains(tools: Path, made: Path, kind: str) -> None:
    """Names, key identifiers and validity fit between authority and leaf."""
    assert findings(tools, "lint_pkix_signer_signee_cert_chain", made / "ca.pem", made / f"{kind}.pem") == []


@pytest.mark.parametrize(("kind", "crl", "good"), [("gateway", "revoked", True), ("request", "revoked", False)])
def test_smoke_openssl_verifies_strictly(made: Path, kind: str, crl: str, good: bool) -> None:
    """With the list: an honest leaf stands, a revoked one does not."""
    ran = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-crl_check", "-CAfile", made / "ca.pem", "-CRLfile",
         made / f"{crl}.crl", made / f"{kind}.pem"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.returncode == 0) == good, ran.stderr
    assert good or "certificate revoked" in ran.stderr


def test_sslyze_finds_tls13_alone(tools: Path, shanghai: Host, tmp_path: Path) -> None:
    """No older version, no compression, no renegotiation. What a resumed session is told: tests/integration/rpc.

    Its scan for early data dies in its own library; the test below asks openssl instead.
    """
    out = tmp_path / "sslyze.json"
    guest = shanghai.guest().home / "certs" / "current"
    command: list[str | Path] = [tools / "sslyze" / "bin" / "sslyze", "--mozilla_config", "disable"]
    command += ["--sslv2", "--sslv3", "--tlsv1"]
    command += ["--tlsv1_1", "--tlsv1_2", "--tlsv1_3", "--compression", "--reneg", "--heartbleed", "--robot"]
    command += ["--resum", "--cert", guest / "gateway.pem", "--key", guest / "gateway.key"]
    command += ["--json_out", out, shanghai.node.listen]
    subprocess.run(command, check=True, capture_output=True)
    result = json.loads(out.read_text())["server_scan_results"][0]["scan_result"]
    older = ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1", "tls_1_2")
    for version in older:
        assert result[f"{version}_cipher_suites"]["result"]["accepted_cipher_suites"] == [], version
    assert result["tls_1_3_cipher_suites"]["result"]["accepted_cipher_suites"]
    assert result["session_resumption"]["result"]["tls_ticket_resumption_result"] == "SERVER_IS_TLS_1_3_ONLY"
    assert not result["tls_compression"]["result"]["supports_compression"]
    assert not result["heartbleed"]["result"]["is_vulnerable_to_heartbleed"]
    assert result["robot"]["result"]["robot_result"].startswith("NOT_VULNERABLE")
    assert not result["session_renegotiation"]["result"]["is_vulnerable_to_client_renegotiation_dos"]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")
def test_smoke_a_resumed_session_takes_no_early_data(shanghai: Host, tmp_path: Path) -> None:
    """Early data could be played again: the server's ticket allows none, and openssl, told to send some, does not."""
    guest = shanghai.guest().home / "certs" / "current"
    session, data = tmp_path / "session.pem", tmp_path / "data"
    data.write_bytes(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    connect: list[str | Path] = ["openssl", "s_client", "-connect", shanghai.node.listen, "-tls1_3", "-alpn", "h2"]
    connect += ["-cert", guest / "gateway.pem", "-key", guest / "gateway.key"]
    first = s_client([*connect, "-sess_out", session])
    assert "Post-Handshake New Session Ticket arrived" in first
    described = subprocess.run(
        ["openssl", "sess_id", "-in", session, "-noout", "-text"], check=True, capture_output=True, text=True
    ).stdout
    assert "Max Early Data: 0" in described
    again = s_client([*connect, "-sess_in", session, "-early_data", data])
    assert "Early data was not sent" in again


def s_client(command: list[str | Path]) -> str:
    """Run openssl's client for a second: a ticket comes after the handshake, so its input must stay open."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        with suppress(subprocess.TimeoutExpired):
            client.wait(1.0)
        return client.communicate(b"")[0].decode(errors="replace")  # the server's settings are no text
