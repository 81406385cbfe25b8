"""`yrdx cert lint` on a home with a partner, and on files that came from elsewhere."""

from __future__ import annotations

from pathlib import Path

from certs.pem import certificates_to_pem
from tests.integration.support.commands import yrdx
from tests.integration.support.pairs import acquainted
from tests.unit.certs.forgery import NANTONG, authority_of, forged_leaf, uri


def test_a_home_is_clean_and_a_file_from_elsewhere_is_not(tmp_path: Path) -> None:
    """Ours, the partner's and its re-issue are all held against the profile; one finding is enough for exit code 1."""
    with acquainted(tmp_path / "nodes") as pair:
        told = yrdx("cert", "lint", "--home", pair.nantong.path, "--json").json
        assert told == {"ok": True, "checked": 7, "findings": []}
        current = pair.nantong.path / "certs" / "current"
        foreign = tmp_path / "foreign.pem"
        foreign.write_bytes(certificates_to_pem(forged_leaf([uri("spiffe://320600.yrdx/x")], authority_of(NANTONG))))
        files = ["cert", "lint", foreign, current / "ca.pem"]
        lines = yrdx(*files, code=1).out.splitlines()
        assert [line.partition(":")[0] for line in lines] == [str(foreign)] * 2
        assert "[IDENTITY_MALFORMED]" in lines[0]
        assert "(RFC 5280 §4.2.1.6, X.509-SVID §2)" in lines[0]
        assert [one["reason"] for one in yrdx(*files, "--json", code=1).json["findings"]] == [
            "IDENTITY_MALFORMED",
            "NAME_FOREIGN",
        ]
