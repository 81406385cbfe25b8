"""The proof after every storm: nothing lost, nothing doubled, nothing altered, and exactly the planted rows refused."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adapters.mapping import load_mapping
from adapters.samples import Planted, SampleFile
from adapters.tables import REASON_COLUMNS
from services.node.demo.verify import compare_ends
from services.node.session import open_session
from tests.integration.support.commands import sync, yrdx
from tests.integration.support.nodes import DATASET, Node, outbound_name
from tests.integration.support.records import exported_records, standard_records


def prove_exchange(sender: Node, receiver: Node, files: Sequence[SampleFile], folder: Path) -> None:
    """Compare both ends of a stream with each other and with the files that went into it.

    Args:
        sender: City whose files they are.
        receiver: The other city.
        files: Everything that was ever submitted on the stream.
        folder: For exports.
    """
    for file in files:
        prove_rejections(sender, receiver.city, file)
    name = outbound_name(sender.city, receiver.city)
    stream = sender.until_settled(name)
    arriving = sum((standard_records(file) for file in files), start=standard_records(files[0]).__class__())
    assert stream["acknowledged"] == arriving.total()
    prove_ends(sender, receiver, acknowledged=arriving.total())
    assert exported(receiver, name, folder) == arriving
    prove_receipts(sender, receiver)


def prove_ends(sender: Node, receiver: Node, *, acknowledged: int) -> None:
    """Every acknowledged record stands in the other inbox exactly once, byte for byte."""
    with open_session(sender.path) as ours, open_session(receiver.path) as theirs:
        found = compare_ends(ours, theirs, DATASET)
    assert (found.acknowledged, found.missing, found.duplicates) == (acknowledged, 0, 0)


def exported(receiver: Node, name: str, folder: Path) -> Any:
    """Return what ``yrdx inbox export`` says stands in the inbox from a stream, with all history."""
    path = folder / f"{receiver.city}-export.jsonl"
    yrdx("inbox", "export", "--home", receiver.path, "--dataset", DATASET, "-o", path, "--history")
    return exported_records(path, name)


def prove_receipts(sender: Node, receiver: Node) -> None:
    """Both sides hold the same receipts, byte for byte: content, key and signature."""
    name = outbound_name(sender.city, receiver.city)
    got, given = receipts(sender, name), receipts(receiver, name)
    assert [_evidence(receipt) for receipt in got] == [_evidence(receipt) for receipt in given]
    for epoch in {receipt["epoch"] for receipt in got}:
        _require_contiguous([receipt for receipt in got if receipt["epoch"] == epoch])


def receipts(node: Node, name: str) -> list[dict[str, Any]]:
    """Return a stream's receipts as ``yrdx receipts ls --json`` tells them."""
    found = yrdx("receipts", "ls", "--home", node.path, "--stream", name, "--json").json
    return sorted(found, key=lambda receipt: (receipt["epoch"], receipt["first_sequence"]))


def prove_rejections(sender: Node, to_city: str, file: SampleFile) -> dict[str, Any]:
    """Sync a file once more, which must be a no-op, and hold its report against what was planted.

    Returns:
        The report.
    """
    report: dict[str, Any] = sync(sender.path, file.path, to_city, code=3 if file.planted else 0).json
    local, partner, duplicates = (_planted(file, by) for by in ("local", "partner", ""))
    assert (report["read"], report["pending"]) == (file.rows, 0)
    assert (report["rejected_local"], report["rejected_partner"]) == (len(local), len(partner))
    assert report["duplicates_in_file"] == len(duplicates)
    assert report["mapped"] == report["submitted"] == file.rows - len(local) - len(duplicates)
    assert report["acknowledged"] == report["submitted"] - len(partner)
    assert _rows_in_rejects(report["rejects_file"], file.dialect) == sorted(row.row for row in (*local, *partner))
    listed = yrdx("rejections", "ls", "--home", sender.path, "--json").json
    mine = [(one["rejected_by"], one["row"]) for one in listed if one["source"] == report["source"]]
    assert sorted(mine) == sorted(
        (by, row.row) for by, rows in (("local", local), ("partner", partner)) for row in rows
    )
    return report


def _planted(file: SampleFile, by: str) -> list[Planted]:
    return [row for row in file.planted if row.rejected_by == by]


def _rows_in_rejects(path: str | None, dialect: str) -> list[int]:
    """Return the row numbers in a rejects file."""
    if path is None:
        return []
    file = load_mapping(dialect, DATASET).file
    with Path(path).open(encoding=file.encoding, newline="") as lines:
        return [int(row[REASON_COLUMNS[0]]) for row in csv.DictReader(lines, delimiter=file.delimiter)]


def _evidence(receipt: dict[str, Any]) -> str:
    """Return a receipt without what differs by side."""
    return json.dumps({name: value for name, value in receipt.items() if name != "direction"}, sort_keys=True)


def _require_contiguous(epoch: Sequence[dict[str, Any]]) -> None:
    """No sequence is missing from an epoch's receipts, and none stands in two."""
    expected = 1
    for receipt in epoch:
        assert receipt["first_sequence"] == expected
        expected = receipt["last_sequence"] + 1
