"""A sending city written from docs/protocol.md and the descriptor set alone.

    python sender.py bundle   CONFIG                  write this city's bundle, print its fingerprint
    python sender.py describe CONFIG                  ask the partner who it is
    python sender.py deliver  CONFIG RECORDS.jsonl    send records, one JSON object of the standard a line

CONFIG is JSON; its paths are relative to it (README.md lists the fields). Everything that must outlive a crash is in
one state file: a batch stands there before it is sent, and its receipt before it is forgotten. Run `deliver` again
after any interruption, with the same file or the next one. Answers are JSON on stdout. Needs grpcio, protobuf and
cryptography.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import grpc
from google.protobuf import json_format

from wire import City, Stopped, bundle, leaf, record_key, root, sha256, signed, verified

RECORDS_MAX = 1_000
BYTES_MAX = 1_048_576
"""What every node takes ("Batches")."""
ANSWER_S = 30.0
AGAIN = {"UNAVAILABLE", "STOPPING", "STORE_UNAVAILABLE", "PARTNER_PAUSED", "QUOTA_EXCEEDED", "INTERNAL", "SEQUENCE_GAP"}
AGAIN_CODES = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "INTERNAL", "UNKNOWN"}
ATTEMPTS = 5
"""A gateway tries without end ("Trying again"); a command gives up and says so."""


def records(city: City, lines: Sequence[bytes], first_line: int) -> Iterator[Any]:
    """Make records from lines of JSON; each is serialised once, under a salt of its own ("Records")."""
    kind, declared = city.standard()
    for number, line in enumerate(lines, first_line):
        try:
            message = json_format.ParseDict(json.loads(line), kind(), descriptor_pool=city.pool)
        except (ValueError, json_format.ParseError):  # their texts quote the line: people's data stays out of messages
            raise Stopped("LINE", f"line {number} is no {city.config['dataset']} as JSON: mend it, run again") from None
        body = city.type("yrdx.types.v1.RecordBody")(operation=1, key=record_key(message, declared))
        body.real_data = bool(city.config.get("real_data", False))
        body.message.type_url = f"type.googleapis.com/{kind.DESCRIPTOR.full_name}"
        body.message.value = message.SerializeToString()
        yield city.make("Record", salt=os.urandom(16), body=body.SerializeToString())


def seal(city: City, state: dict[str, Any], lines: Sequence[bytes], first_line: int) -> int:
    """Seal the next records into a batch in the state, and return how many lines it took ("Batches")."""
    taken: list[Any] = []
    size = 0
    for record in records(city, lines[:RECORDS_MAX], first_line):
        size += len(record.salt) + len(record.body)
        if taken and size > BYTES_MAX:
            break
        taken.append(record)
    first = state["next_sequence"]
    header = city.make(
        "BatchHeader",
        **named(city, state),
        first_sequence=first,
        record_count=len(taken),
        root=root([leaf(sequence, record) for sequence, record in enumerate(taken, first)]),
        previous_hash=bytes.fromhex(state["head"]),
    )
    header.sealed_time.GetCurrentTime()
    batch = city.make("Batch", header=signed(city, b"yrdx-batch-v1", header), records=taken)
    state["pending"] = base64.b64encode(batch.SerializeToString()).decode()
    return len(taken)


def named(city: City, state: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that an opening and a header have in common."""
    names = ("agreement_id", "agreement_version", "standard")
    same = {name: city.config[name] for name in names}
    return {"stream": city.stream, "epoch": state["epoch"], "hash_algorithm": 1, **same}


def load(path: Path) -> dict[str, Any]:
    """Return the state; that of a stream's beginning where there is none."""
    if path.exists():
        found: dict[str, Any] = json.loads(path.read_bytes())
        return found
    return {"epoch": 1, "next_sequence": 1, "head": "00" * 32, "last_receipt": "", "pending": "", "taken": {}}


def save(path: Path, state: dict[str, Any]) -> None:
    """Put the state on disk as a whole."""
    new = path.with_suffix(".new")
    with new.open("w", encoding="ascii") as file:
        json.dump(state, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def deliver(city: City, file: Path) -> dict[str, Any]:
    """Send what is pending, and then every line of a file that was not taken before."""
    content, path = file.read_bytes(), city.file("state")
    lines = [line for line in content.split(b"\n") if line.strip()]
    source, state = hashlib.sha256(content).hexdigest(), load(path)
    told: dict[str, Any] = {"accepted": 0, "rejected": []}
    while True:
        at = state["taken"].get(source, 0)
        if not state["pending"]:
            if at == len(lines):
                return {**told, "watermark": state["next_sequence"] - 1}
            state["taken"][source] = at + seal(city, state, lines[at:], at + 1)
            save(path, state)  # the lines are taken and the batch stands, both or neither
        receipt = patiently(city, lambda: send(city, state))
        told["accepted"] += receipt.accepted_count
        told["rejected"] += [rejection_of(one) for one in receipt.rejections]
        save(path, state)


def rejection_of(one: Any) -> dict[str, Any]:
    """Return a rejection for whoever mends the record."""
    return {"sequence": one.sequence, "field": one.field_path, "rule": one.rule_id, "reason": one.reason}


def send(city: City, state: dict[str, Any]) -> Any:
    """Open the stream, send the pending batch, verify its receipt, and move the state on."""
    batch = city.make("Batch")
    batch.ParseFromString(base64.b64decode(state["pending"]))
    opening = city.make("Opening", **named(city, state))
    opening.opened_time.GetCurrentTime()
    if state["last_receipt"]:
        opening.last_receipt.ParseFromString(base64.b64decode(state["last_receipt"]))
    first = city.make("DeliverRequest", opening=signed(city, b"yrdx-opening-v1", opening))

    requests: SimpleQueue[Any] = SimpleQueue()
    answers = city.call("Deliver")(iter(requests.get, None), timeout=ANSWER_S)
    try:
        requests.put(first)
        verify_position(city, state, batch, next(answers).position, first.opening.content)
        requests.put(city.make("DeliverRequest", batch=batch))
        acknowledgement = next(answers).acknowledgement
    finally:
        requests.put(None)
    receipt = verified(city, b"yrdx-receipt-v1", acknowledgement.receipt, "Receipt")
    settle(city, state, batch, acknowledgement.receipt, receipt)
    return receipt


def verify_position(city: City, state: dict[str, Any], batch: Any, answer: Any, opening: bytes) -> None:
    """Go on only where the receiver stands before our pending batch, or has just applied it ("Position")."""
    position = verified(city, b"yrdx-position-v1", answer, "Position")
    if position.opening_hash != sha256(b"yrdx-opening-v1", opening):
        raise Stopped("DIVERGED", "the position answers another opening; call the partner")
    header = city.make("BatchHeader")
    header.ParseFromString(batch.header.content)
    before = (state["epoch"], header.first_sequence - 1, header.previous_hash)
    behind = (state["epoch"], header.first_sequence - 1 + header.record_count, identity(batch))
    stands = (position.position.epoch, position.position.watermark, position.position.head)
    if stands not in (before, behind):
        raise Stopped("DIVERGED", "the partner stands elsewhere than our state: an operator of each side compares them")


def identity(batch: Any) -> bytes:
    """Return a batch's header hash."""
    return sha256(b"yrdx-batch-v1", batch.header.content)


def settle(city: City, state: dict[str, Any], batch: Any, answer: Any, receipt: Any) -> None:
    """Hold a receipt against its batch, keep both as evidence, and go on behind it."""
    counts = receipt.accepted_count + len(receipt.rejections)
    if receipt.header_hash != identity(batch) or counts != len(batch.records):
        raise Stopped("DIVERGED", "the receipt is not of the batch that was sent; call the partner")
    evidence = {
        "header": base64.b64encode(batch.header.SerializeToString()).decode(),
        "receipt": base64.b64encode(answer.SerializeToString()).decode(),
    }
    with city.file("state").with_suffix(".receipts.jsonl").open("a", encoding="ascii") as kept:
        kept.write(json.dumps(evidence) + "\n")  # twice after a crash in between; it is the same receipt
        kept.flush()
        os.fsync(kept.fileno())
    state["next_sequence"] = receipt.first_sequence + receipt.record_count
    state["head"], state["last_receipt"], state["pending"] = identity(batch).hex(), evidence["receipt"], ""


def patiently(city: City, work: Callable[[], Any]) -> Any:
    """Try again where the table of errors says so, with exponential back-off and full jitter ("Trying again")."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return work()
        except grpc.RpcError as error:
            reason = reason_of(city, error)
            can_wait = reason in AGAIN if reason else error.code().name in AGAIN_CODES
            if not can_wait or attempt == ATTEMPTS:
                raise Stopped(reason or error.code().name, error.details()) from error
            time.sleep(random.uniform(0, min(300.0, 0.2 * 2 ** (attempt - 1))))
    raise AssertionError("the last attempt returns or raises")


def reason_of(city: City, error: Any) -> str:
    """Return why a call was refused ("Errors"); empty where the status does not say."""
    status, info = city.type("google.rpc.Status")(), city.type("google.rpc.ErrorInfo")()
    status.ParseFromString(dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b""))
    for packed in status.details:
        if packed.type_url.endswith("/google.rpc.ErrorInfo"):
            info.ParseFromString(packed.value)
    return info.reason if info.domain == "yrdx" else ""


def describe(city: City) -> dict[str, Any]:
    """Ask the partner who it is."""
    question = city.call("Describe")
    answer = patiently(city, lambda: question(city.make("DescribeRequest"), timeout=ANSWER_S))
    said: dict[str, Any] = json_format.MessageToDict(
        answer, preserving_proto_field_name=True, descriptor_pool=city.pool
    )
    return said


def main(words: Sequence[str]) -> int:
    """Run one command; exit code 1 where an operator must act, 2 for a wrong command line."""
    match words:
        case ["bundle", config]:
            work: Callable[[], dict[str, Any]] = lambda: bundle(City(Path(config)))  # noqa: E731
        case ["describe", config]:
            work = lambda: describe(City(Path(config)))  # noqa: E731
        case ["deliver", config, file]:
            work = lambda: deliver(City(Path(config)), Path(file))  # noqa: E731
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    try:
        answer = {"ok": True, **work()}
    except Stopped as stopped:
        answer = {"ok": False, "reason": stopped.args[0], "message": stopped.args[1]}
    print(json.dumps(answer, ensure_ascii=False))
    return 0 if answer["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
