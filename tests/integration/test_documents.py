"""What the documents tell an operator to type works as it stands; what a test cannot type says why, in one table."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Final

import pytest

from services.node.cli.agreement_file import read_agreement
from tests.integration.support.nodes import NANTONG, SHANGHAI, Node, agreement, introduce, make_node

ROOT: Final = Path(__file__).parents[2]
SESSION_S: Final = 240.0
BLOCK: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WANG: Final = "31010119480615001X"
"""Of Shanghai's golden rows."""

# A terminal goes on after a command that failed, and so does this; every failure is noted with its line.
_TERMINAL: Final = """\
set -u
trap 'echo "$?: $BASH_COMMAND" >> failed' ERR
trap 'trap - ERR; kill $(jobs -p) 2> jobs; wait' EXIT
touch failed
"""


@dataclass(frozen=True, slots=True)
class Session:
    """How one document's blocks are typed, beside two nodes A and B that know each other.

    Attributes:
        first: What the reader has done already.
        before: What stands before a line that begins so: what another person does, or a file that comes from elsewhere.
        said: Words of the document → what a reader types in their place.
        fails: Beginning of a command that must not end with 0 → its exit code.
        stopped: Whether node A is not serving when the session begins.
    """

    first: str = ""
    before: Mapping[str, str] = field(default_factory=dict)
    said: Mapping[str, str] = field(default_factory=dict)
    fails: Mapping[str, int] = field(default_factory=dict)
    stopped: bool = False


_FORMER_BUNDLES: Final = "yrdx bundle export --home B -o sh.bundle; yrdx bundle export --home A -o former.bundle"
SESSIONS: Final = {
    "docs/cases.md": Session(
        first="yrdx sync run social_transfer.csv --home A --to 310000 --dataset social.transfer",
    ),
    "docs/syncing.md": Session(
        first="""\
export YRDX_HOME=A
yrdx samples --people 300 --bad-rows 40 --dataset social.contribution -o samples
yrdx sync run samples/nantong_contributions.csv --to 310000 --dataset social.contribution
LC_ALL=C sed "s/'-//" A/rejects/nantong_contributions-*.rejects.csv > mended.csv
""",
        before={
            "yrdx rejections close": "OPEN=$(yrdx rejections ls --open --json | grep -oE '\"id\": [0-9]+' | tail -1)",
        },
        said={"close 17": "close ${OPEN##* }"},
        fails={"yrdx sync run": 3, "yrdx rejections resubmit": 3},
    ),
    "docs/lookups.md": Session(
        first="printf 'person_number,person_name\\n31010119480615001X,王五\\n' > people.csv",
        said={"--person - ": f"--person - <<< {WANG} "},
    ),
    "docs/operating.md": Session(before={"yrdx db restore": "kill %1; wait"}, stopped=True),
    "docs/handbook.md": Session(
        first="cp -r A/certs/offline offline",
        before={
            "yrdx cert install": "yrdx ca issue gateway.csr --ca offline -o gateway.pem",
            "yrdx bundle export": _FORMER_BUNDLES,
        },
        said={"/media/offline": "offline"},
    ),
}

_BY_ROOT: Final = "needs systemd and root; tests/integration/packages installs the bundle and runs the node from it"
_REVOKES: Final = (
    "takes trust away from cities that the other blocks need; typed with real fingerprints in "
    "tests/integration/trust/test_revocation.py"
)
_OPERATORS: Final = "needs a home made with --production and a second person; typed in tests/integration/trust"
NOT_TYPED: Final = {
    ("README.md", "make run"): "the demo and the tests themselves; tests/integration/cli/test_up.py runs the demo",
    ("README.md", "make dev"): "this test runs in what it sets up",
    ("docs/handbook.md", "yrdx operator csr"): _OPERATORS,
    ("docs/handbook.md", "yrdx revoke leaf"): _REVOKES,
    ("docs/handbook.md", "yrdx operator approve lift"): _OPERATORS,
    ("deploy/offline/README.md", "sha256sum"): "unpacks a release; tests/integration/packages does so with one",
    ("deploy/offline/README.md", "install -m 644"): _BY_ROOT,
    ("deploy/offline/README.md", "/opt/yrdx/current/bin/yrdx db backup"): _BY_ROOT,
    ("deploy/offline/README.md", "systemctl stop"): _BY_ROOT,
}
"""Document and first words of a block → why no test types it."""
TYPED_ELSEWHERE: Final = {"docs/adding-a-city.md": "test_adding_a_city.py"}
"""Document → the test beside this one that types all of it; README.md's marked blocks are those of test_readme.py."""


def documents() -> dict[str, str]:
    """Documents for people by name, but decisions, of which none is typed."""
    paths = [
        *ROOT.glob("*.md"),
        *(path for folder in ("docs", "kit", "deploy", "adapters") for path in (ROOT / folder).rglob("*.md")),
    ]
    names = (str(path.relative_to(ROOT)) for path in sorted(paths))
    return {name: (ROOT / name).read_text(encoding="utf-8") for name in names}


DOCUMENTS: Final = documents()


def shell_blocks(text: str) -> list[str]:
    """Blocks that are typed, those of the README's own test left out."""
    unmarked = re.sub(r"^<!-- by hand -->\n```sh\n.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return [content for language, content in BLOCK.findall(unmarked) if language == "sh"]


def reason_not_typed(document: str, block: str) -> str:
    """Why no test types a block; empty where one does."""
    return next((why for (name, words), why in NOT_TYPED.items() if name == document and block.startswith(words)), "")


@pytest.fixture(scope="module")
def cities(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Node]]:
    """Nantong as A and Shanghai as B, with the agreements that the documents speak of, and golden rows."""
    folder = tmp_path_factory.mktemp("cities")
    nantong, shanghai = make_node(folder, NANTONG), make_node(folder, SHANGHAI)
    (folder / "A").symlink_to(nantong.path)
    (folder / "B").symlink_to(shanghai.path)
    (toml,) = [block for language, block in BLOCK.findall(DOCUMENTS["docs/lookups.md"]) if language == "toml"]
    (folder / "lookup.toml").write_text(toml, encoding="utf-8")
    pushed = [agreement(NANTONG.code, SHANGHAI.code, dataset) for dataset in ("social.contribution", "social.transfer")]
    agreements = [*pushed, read_agreement(folder / "lookup.toml")]
    introduce(nantong, shanghai, agreements)
    introduce(shanghai, nantong, agreements)
    samples = resources.files("adapters")
    (folder / "social_transfer.csv").write_bytes((samples / "local" / "samples" / "social_transfer.csv").read_bytes())
    (folder / "coverage.csv").write_bytes((samples / "shanghai" / "samples" / "care_coverage.csv").read_bytes())
    with ExitStack() as stack:
        for node in (nantong, shanghai):
            stack.callback(node.stop)
            node.start()
        yield nantong, shanghai


def script_of(document: str, session: Session) -> str:
    """The document's blocks as they are typed, one command a line."""
    blocks = [block for block in shell_blocks(DOCUMENTS[document]) if not reason_not_typed(document, block)]
    lines = [line for block in blocks for line in re.sub(r"\\\n\s*", "", block).splitlines()]
    for words, instead in session.said.items():
        assert any(words in line for line in lines), words
        lines = [line.replace(words, instead) for line in lines]
    for beginning, first in session.before.items():
        place = next(number for number, line in enumerate(lines) if line.startswith(beginning))
        lines.insert(place, first)
    return "\n".join([_TERMINAL, session.first, *lines]) + "\n"


@pytest.mark.timeout(SESSION_S + 60)
@pytest.mark.parametrize("document", sorted(SESSIONS))
def test_every_command_of_a_document(document: str, cities: tuple[Node, Node]) -> None:
    """Each ends with 0, but those of which the document says that rows are refused."""
    session, nantong = SESSIONS[document], cities[0]
    folder = nantong.path.parent
    (folder / "failed").unlink(missing_ok=True)
    if session.stopped:
        nantong.stop()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("YRDX_")}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    ran = subprocess.run(
        ["bash", "-c", script_of(document, session)],
        cwd=folder,
        env=environment,
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SESSION_S,
    )
    if session.stopped:
        nantong.restart()
    failed = (folder / "failed").read_text(encoding="utf-8").splitlines()
    expected = {f"{code}: {words}" for words, code in session.fails.items()}
    unexpected = [line for line in failed if not any(line.startswith(one) for one in expected)]
    assert unexpected == [], f"{ran.stdout}{ran.stderr}"
    assert {one for one in expected if not any(line.startswith(one) for line in failed)} == set()


@pytest.mark.parametrize("document", [name for name in DOCUMENTS if not name.endswith(".zh-CN.md")])
def test_every_block_is_typed_or_says_why_not(document: str) -> None:
    """A block of commands is marked as such, and no mark is without a test or a reason."""
    plain = [content for language, content in BLOCK.findall(DOCUMENTS[document]) if language == ""]
    assert [block for block in plain if re.match(r"(yrdx|make|pip|curl|sh|systemctl|export) ", block)] == []
    if document not in SESSIONS and document not in TYPED_ELSEWHERE:
        assert [block for block in shell_blocks(DOCUMENTS[document]) if not reason_not_typed(document, block)] == []


def test_reasons_are_of_blocks_that_are_there() -> None:
    """A reason goes with its block, and names a place that is there."""
    for (document, words), why in NOT_TYPED.items():
        assert any(block.startswith(words) for block in shell_blocks(DOCUMENTS[document])), words
        for place in re.findall(r"tests/[\w/.]+\w", why):
            assert (ROOT / place).exists(), place
    for document, test in TYPED_ELSEWHERE.items():
        assert document in DOCUMENTS
        assert (Path(__file__).parent / test).exists()


@pytest.mark.parametrize("chinese", [name for name in DOCUMENTS if name.endswith(".zh-CN.md")])
def test_both_languages_type_the_same(chinese: str) -> None:
    """Blocks differ in comments, and in words for people between quotation marks."""

    def typed(text: str) -> list[str]:
        return [re.sub(r' *#.*$|"[^"]*"', "", block, flags=re.MULTILINE) for block in shell_blocks(text)]

    assert typed(DOCUMENTS[chinese]) == typed(DOCUMENTS[chinese.replace(".zh-CN", "")])
