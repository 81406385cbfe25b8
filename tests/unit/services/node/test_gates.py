from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.mapping import load_mapping
from adapters.samples import write_samples
from adapters.tables import Row, open_csv
from services.domain.errors import DatasetUnknown
from services.domain.receipt import Violation
from services.node.gates import GatePool, local_gates
from services.node.sync.inputs import layout_of
from services.ports.gate import Passed
from services.wire.bodies import BodyWriter
from services.wire.datasets import load_datasets

DATASET = "social.contribution"
BYTES_MAX = 65_536


@pytest.fixture(scope="module")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Fifty good bodies of Nantong's."""
    folder: Path = tmp_path_factory.mktemp("samples")
    samples = write_samples(folder, seed=3, people=50, bad_rows=0)
    mapping = load_mapping("local", DATASET)
    dataset = load_datasets().find(DATASET, "1")
    writer = BodyWriter(dataset.type_url, real_data=False)
    with open_csv(samples.files[0].path, layout_of(mapping)) as rows:
        messages = [mapping.to_standard(row.cells).message for row in rows if isinstance(row, Row)]
    return [writer.upsert(dataset.key(message), message.SerializeToString()) for message in messages]


@pytest.fixture(scope="module")
def pool() -> Iterator[GatePool]:
    """One worker for Shanghai."""
    with GatePool("shanghai", BYTES_MAX, workers=1) as pool:
        yield pool


def test_a_worker_judges_as_the_process_itself_would(pool: GatePool, bodies: list[bytes]) -> None:
    """Passed and refused records, for both gates."""
    judged = [*bodies, b"\xff\xff", b"", bodies[0][:-3]]
    local = local_gates("shanghai", BYTES_MAX)
    assert pool.gates.submit.check(DATASET, "1", judged) == local.submit.check(DATASET, "1", judged)
    verdicts = pool.gates.inbox.check(DATASET, "1", judged)
    assert verdicts == local.inbox.check(DATASET, "1", judged)
    assert isinstance(verdicts[0], Passed)
    assert isinstance(verdicts[-1], Violation)


def test_fields_of_the_agreement_reach_the_worker(pool: GatePool, bodies: list[bytes]) -> None:
    """A field outside the agreement is refused there too."""
    verdict = pool.gates.submit.check(DATASET, "1", bodies[:1], fields=["person_number"])[0]
    assert isinstance(verdict, Violation)
    assert verdict.rule_id == "agreement.field"


def test_an_unknown_dataset_is_named(pool: GatePool) -> None:
    """The error is the same as without workers."""
    with pytest.raises(DatasetUnknown):
        pool.gates.submit.check("social.nothing", "1", [b""])


def test_a_worker_that_died_is_replaced(pool: GatePool, bodies: list[bytes]) -> None:
    """Killing it costs nothing but time."""
    worker = pool.gates.submit.check(DATASET, "1", bodies[:1])
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _is_worker(int(entry.name)):
            os.kill(int(entry.name), signal.SIGKILL)
    assert pool.gates.submit.check(DATASET, "1", bodies[:1]) == worker


def _is_worker(pid: int) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return False
    return b"services.node.gates" in command and parent == os.getpid()
