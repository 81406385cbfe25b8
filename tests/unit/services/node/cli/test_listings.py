from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from services.domain.errors import NotFound
from services.node import rejected
from services.node.cli import receipts
from services.node.main import run
from tests.unit.services.node.cli.sessions import use_session
from yrdx.exchange.v1 import exchange_pb2
from yrdx.node.v1 import node_pb2

STREAM = "320600/310000/social.contribution/0"
OUTBOUND = node_pb2.StreamStatus(
    stream=STREAM,
    direction="outbound",
    state="DIVERGED",
    state_reason="heads differ",
    epoch=2,
    watermark=7,
    submitted=10,
    acknowledged=6,
    rejected=1,
    pending=3,
    oldest_age_s=12.5,
    last_error="HEAD_MISMATCH",
)
INBOUND = node_pb2.StreamStatus(
    stream="310000/320600/social.contribution/0",
    direction="inbound",
    state="OPEN",
    epoch=1,
    watermark=9,
    submitted=9,
    acknowledged=8,
    rejected=1,
)
STATUS = {"GetStatus": node_pb2.GetStatusResponse(city="320600", streams=[OUTBOUND, INBOUND])}


def _json(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_outbox_counts_every_stream(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Programs get submitted, acknowledged, rejected, pending, oldest_age_s and state of each outbound stream."""
    use_session(monkeypatch, STATUS)

    assert run(["outbox", "ls", "--json"]) == 0

    assert _json(capsys) == [
        {
            "stream": STREAM,
            "direction": "outbound",
            "state": "DIVERGED",
            "state_reason": "heads differ",
            "epoch": 2,
            "watermark": 7,
            "standard_problem": "",
            "submitted": 10,
            "acknowledged": 6,
            "rejected": 1,
            "pending": 3,
            "void": 0,
            "oldest_age_s": 12.5,
            "last_error": "HEAD_MISMATCH",
        }
    ]


def test_outbox_tells_people_why_a_stream_stands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reason stands under the table."""
    use_session(monkeypatch, STATUS)

    assert run(["outbox", "ls"]) == 0

    out, err = capsys.readouterr()
    assert "已分叉 diverged" in out
    assert f"{STREAM}: heads differ" in err


def test_inbox_lists_what_came_in(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An inbound stream has its own words: received, accepted, rejected."""
    use_session(monkeypatch, STATUS)

    assert run(["inbox", "ls", "--json"]) == 0

    (found,) = _json(capsys)
    assert (found["received"], found["accepted"], found["rejected"]) == (9, 8, 1)


def test_an_empty_outbox_is_an_empty_array(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Programs need no special case for a new node."""
    use_session(monkeypatch, {"GetStatus": node_pb2.GetStatusResponse()})

    assert run(["outbox", "ls", "--json"]) == 0
    assert _json(capsys) == []


def test_a_stream_is_shown_by_name(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One stream with all that is known of it; an unknown name is not found."""
    use_session(monkeypatch, STATUS)

    assert run(["stream", "show", STREAM, "--json"]) == 0
    assert _json(capsys)["watermark"] == 7
    assert run(["stream", "show", "nonsense"]) == 4


def test_recovering_a_stream_says_how_it_stands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The operator's act reaches the node and its outcome the operator."""
    answer = node_pb2.RecoverStreamResponse(status=OUTBOUND, records=42)
    stub = use_session(monkeypatch, {"RecoverStream": answer})

    assert run(["stream", "recover", STREAM, "--json"]) == 0

    assert _json(capsys)["records"] == 42
    assert stub.requests == [node_pb2.RecoverStreamRequest(stream=STREAM)]


def test_a_new_epoch_needs_a_reason_and_says_what_becomes_of_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody ends an epoch without a word for the log; void is never a default."""
    stub = use_session(monkeypatch, {"OpenEpoch": node_pb2.OpenEpochResponse(status=OUTBOUND, records=3)})

    assert run(["stream", "new-epoch", STREAM]) == 2
    assert run(["stream", "new-epoch", STREAM, "--reason", "lost"]) == 0
    assert run(["stream", "new-epoch", STREAM, "--reason", "lost", "--void-unacknowledged"]) == 0

    assert stub.requests == [
        node_pb2.OpenEpochRequest(stream=STREAM, reason="lost"),
        node_pb2.OpenEpochRequest(stream=STREAM, reason="lost", void_unacknowledged=True),
    ]
    assert "records void: 3" in capsys.readouterr().err


def _receipt(epoch: int, first: int) -> node_pb2.ListReceiptsResponse.ReceiptEntry:
    return node_pb2.ListReceiptsResponse.ReceiptEntry(
        stream=STREAM,
        direction="outbound",
        epoch=epoch,
        first_sequence=first,
        last_sequence=first + 9,
        accepted_count=9,
        rejected_count=1,
        header_hash=bytes(32),
        received_time=Timestamp(seconds=1_767_225_600),
        receipt=exchange_pb2.Signed(content=b"\x01", key_id="00" * 16, signature=b"\x02"),
    )


def test_receipts_are_evidence_in_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Content, key and signature stand beside the counts, so that the array can be verified by itself."""
    use_session(monkeypatch, STATUS | {"ListReceipts": node_pb2.ListReceiptsResponse(receipts=[_receipt(1, 1)])})

    assert run(["receipts", "ls", "--stream", STREAM, "--json"]) == 0

    (found,) = _json(capsys)
    assert found == {
        "stream": STREAM,
        "direction": "outbound",
        "epoch": 1,
        "first_sequence": 1,
        "last_sequence": 10,
        "accepted": 9,
        "rejected": 1,
        "header_hash": "00" * 32,
        "received_time": "2026-01-01T00:00:00Z",
        "key_id": "00" * 16,
        "content_base64": "AQ==",
        "signature_base64": "Ag==",
    }


def test_receipts_of_all_epochs_come_once_each_whatever_the_page(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The node pages each epoch by itself; together every receipt is listed exactly once."""
    every = [_receipt(epoch, first) for epoch, count in ((1, 5), (2, 2), (3, 9)) for first in range(1, count * 10, 10)]

    def page(request: Any) -> Message:
        found = []
        for epoch in (1, 2, 3):
            later = [e for e in every if e.epoch == epoch and e.first_sequence > request.after_sequence]
            found += later[: request.page_size]
        return node_pb2.ListReceiptsResponse(receipts=found)

    monkeypatch.setattr(receipts, "PAGE_BATCHES", 3)
    use_session(monkeypatch, {"ListReceipts": page})

    assert run(["receipts", "ls", "--stream", STREAM, "--json"]) == 0

    listed = [(entry["epoch"], entry["first_sequence"]) for entry in _json(capsys)]
    assert sorted(listed) == [(entry.epoch, entry.first_sequence) for entry in every]


def test_rejections_name_file_and_row_and_come_page_by_page(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A clerk finds the row; nothing is lost between pages."""
    every = [
        node_pb2.ListRejectionsResponse.RejectedRecord(
            id=number, stream=STREAM, file="a.csv", row=number + 1, field_path="total_fen", rule_id="int64.gte"
        )
        for number in range(1, 8)
    ]

    def page(request: Any) -> Message:
        later = [r for r in every if r.id > request.after_id][: request.page_size]
        return node_pb2.ListRejectionsResponse(rejections=later)

    monkeypatch.setattr(rejected, "PAGE_RECORDS", 3)
    use_session(monkeypatch, {"ListRejections": page})

    assert run(["rejections", "ls", "--json"]) == 0

    found = _json(capsys)
    assert [(r["file"], r["row"], r["field"], r["rule"]) for r in found] == [
        ("a.csv", row, "total_fen", "int64.gte") for row in range(2, 9)
    ]


def test_an_error_of_the_node_keeps_its_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the node answers reaches the program unchanged."""
    use_session(monkeypatch, {"ListRejections": NotFound("no such source")})

    assert run(["rejections", "ls", "--json"]) == 4
    assert _json(capsys) == {"error": {"reason": "NOT_FOUND", "message": "no such source"}}
