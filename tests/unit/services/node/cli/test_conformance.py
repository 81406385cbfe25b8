from __future__ import annotations

import json
from pathlib import Path

import pytest

from certs.bundle import bundle_to_bytes
from certs.signing import SigningKey
from services.node.main import run
from tests.unit.services.node.conformance.cities import make_cities


@pytest.fixture
def line(tmp_path: Path) -> list[str]:
    """A command line that is right but for what a test changes; nobody listens at the target."""
    target = make_cities(tmp_path).partner.target
    (tmp_path / "target.bundle").write_bytes(bundle_to_bytes(target.bundle, SigningKey.generate()))
    return [
        "conformance",
        "127.0.0.1:9",
        "--bundle",
        str(tmp_path / "target.bundle"),
        "--identity",
        str(tmp_path / "new"),
    ]


def test_preparing_prints_what_the_operator_does(
    line: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Commands on stdout; the files that are handed over hold no secret and may be read."""
    assert run([*line, "--city", "330198", "--prepare"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("yrdx partner add city.bundle --endpoint 127.0.0.1:9 --fingerprint SHA256:")
    assert [one.split()[1:3] for one in lines[1:]] == [
        ["agreement", "import"], ["conformance", "127.0.0.1:9"], ["revoke", "city"],
    ]  # fmt: skip
    for name in ("city.bundle", "agreement.toml"):
        assert (tmp_path / "new" / name).stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "new" / "certs").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ([], "--city"),
        (["--city", "33"], "--city"),
        (["--city", "330198", "--only", "duplicate"], "duplicates"),
        (["--city", "330198", "--dataset", "social.nothing"], "social.contribution"),
        (["--city", "330198", "--duplicate-after", "soon"], "--duplicate-after"),
    ],
)
def test_a_mistake_is_named_before_anybody_is_asked(
    line: list[str], more: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, with what is wrong and what is right."""
    assert run([*line, *more, "--json"]) == 2
    assert words in json.loads(capsys.readouterr().out)["error"]["message"]
    assert not Path(line[-1]).exists(), "nothing was made"
