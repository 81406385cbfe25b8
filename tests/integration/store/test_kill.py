from __future__ import annotations

from random import Random

import pytest

from services.domain.stream import Direction
from services.ports.store import Transaction
from services.store.opening import open_store
from tests.contract.store.samples import NAME
from tests.integration.store.processes import answered, start_writer


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kills", [4, pytest.param(40, marks=pytest.mark.long)])
def test_nothing_acknowledged_is_lost_when_the_writer_is_killed(url: str, kills: int) -> None:
    """After kill -9 at random moments every answered row is there, once, in order, and no half submission is."""
    random = Random(320600)
    upto = 0
    for _ in range(kills):
        upto = max(upto, run_and_kill(url, answers=random.randrange(1, 60)))

    def look(tx: Transaction) -> tuple[int, list[bytes]]:
        stream = tx.stream(NAME, Direction.OUTBOUND)
        assert stream is not None
        (source,) = tx.sources(stream.id, "sha256:00")
        return source.position, [row.record.body for row in tx.pending(stream.id, records_max=1_000_000)]

    store = open_store(url)
    position, bodies = store.read(look)
    store.close()
    assert position >= upto > 0
    assert bodies == [b"body %d" % number for number in range(1, position + 1)]


def run_and_kill(url: str, answers: int) -> int:
    """Let a writer answer a while, kill it in the middle, and return the last position that it had answered."""
    writer = start_writer(url)
    assert writer.stdout is not None
    said = [writer.stdout.readline() for _ in range(answers)]
    writer.kill()
    rest, error = writer.communicate(timeout=30)
    lines = [line for line in [*said, *rest.splitlines(keepends=True)] if line.endswith("\n")]
    assert lines, error
    return answered(lines[-1])
