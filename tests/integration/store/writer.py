"""A process that submits row after row and says so on stdout, each only after its future resolved.

``python -m tests.integration.store.writer URL [--rows N] [--in-flight N] [--file-bytes-max N]``
"""

from __future__ import annotations

import os
import resource
from argparse import ArgumentParser
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

from services.ports.store import Transaction
from services.store.opening import open_store
from tests.contract.store.samples import NAME, NOW, Sender, a_row

ROWS_PER_SUBMISSION = 5


def main() -> None:
    """Submit until killed, or as many rows as told."""
    parser = ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--in-flight", type=int, default=8)
    parser.add_argument("--file-bytes-max", type=int)
    arguments = parser.parse_args()
    store = open_store(arguments.url)
    sender = Sender(store, NAME)
    if arguments.file_bytes_max:
        # Writing beyond it fails with EFBIG: an I/O error of the disk, made without one.
        resource.setrlimit(resource.RLIMIT_FSIZE, (arguments.file_bytes_max, arguments.file_bytes_max))
    start = sender.source.position
    answers: deque[tuple[int, Future[None]]] = deque()
    for position in range(start, start + arguments.rows, ROWS_PER_SUBMISSION):
        answers.append((position + ROWS_PER_SUBMISSION, store.write(submission(sender, position))))
        if len(answers) == arguments.in_flight:
            answer(*answers.popleft())
    while answers:
        answer(*answers.popleft())
    store.close()


def submission(sender: Sender, after: int) -> Callable[[Transaction], None]:
    """Make the work that submits the rows after a position."""
    upto = after + ROWS_PER_SUBMISSION
    rows = [a_row(number) for number in range(after + 1, upto + 1)]

    def work(tx: Transaction) -> None:
        assert tx.advance_source(sender.source.id, after=after, upto=upto, submitted=len(rows))
        tx.append_outbox(sender.stream.id, sender.source.id, rows, now=NOW)

    return work


def answer(upto: int, future: Future[None]) -> None:
    """Say that the rows up to a position are on disk; unbuffered, so that it is one system call."""
    future.result()
    os.write(1, b"answered %d\n" % upto)


if __name__ == "__main__":
    main()
