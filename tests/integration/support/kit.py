"""A city that runs nothing but the partner kit: its folder, its keys, and one of the kit's clients."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from google.protobuf.json_format import MessageToDict

from services.node.cli.bundle import current_bundle
from services.node.kit import write_kit
from services.node.session import open_session
from services.node.system import SystemClock
from services.wire.agreements import agreement_to_pb
from tests.integration.support.nodes import DATASET, Node, agreement
from tests.integration.support.records import messages
from yrdx.node.v1 import node_pb2

CITY: Final = "330100"


@dataclass(frozen=True, slots=True)
class KitCity:
    """One city.

    Attributes:
        folder: The exported kit, with its configuration beside it.
        command: Runs the client.
        environment: What the client needs to find its libraries.
    """

    folder: Path
    command: Sequence[str | Path]
    environment: Mapping[str, str]

    @property
    def config(self) -> Path:
        """Configuration."""
        return self.folder / "config.json"

    @property
    def state(self) -> Path:
        """State file."""
        return self.folder / "state.json"

    @property
    def receipts(self) -> list[dict[str, str]]:
        """The evidence that it kept."""
        lines = (self.folder / "state.receipts.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def run(self, act: str, *more: object, code: int = 0) -> dict[str, Any]:
        """Run the client and return its answer, once it ended as it must."""
        ran = subprocess.run(
            [*self.command, act, self.config, *map(str, more)],
            env={**os.environ, **self.environment}, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert ran.returncode == code, ran.stdout + ran.stderr
        answer: dict[str, Any] = json.loads(ran.stdout)
        return answer

    def configure(self, **changes: object) -> None:
        """Change fields of the configuration."""
        self.config.write_text(json.dumps(json.loads(self.config.read_text()) | changes))

    def write_records(self, name: str, count: int, *, seed: int, spoilt: Iterable[int] = ()) -> Path:
        """Write invented records as the client reads them; of the spoilt ones the total is wrong."""
        path, wrong = self.folder / name, set(spoilt)
        with path.open("w", encoding="utf-8") as file:
            for number, message in enumerate(messages(count, seed=seed)):
                if number in wrong:
                    message.total_fen += 1
                file.write(json.dumps(MessageToDict(message, preserving_proto_field_name=True)) + "\n")
        return path


def acquainted_city(
    folder: Path, node: Node, command: Sequence[str | Path], environment: Mapping[str, str] | None = None
) -> KitCity:
    """Set up a city as README.md says, and make it and a serving node partners.

    Args:
        folder: The kit is exported here.
        node: Serves.
        command: Runs the client, its script relative to the kit.
        environment: What the client needs.
    """
    write_kit(folder)
    city = KitCity(folder, [*command[:-1], folder / command[-1]], environment or {})
    subprocess.run(["sh", folder / "keys.sh", CITY, folder / "keys"], check=True)
    bundle = current_bundle(node.home, node.settings.advertised, now=SystemClock().now())
    (folder / "partner.bundle").write_bytes(bundle.data)
    agreed = agreement(CITY, node.city)
    config = {
        "city": CITY, "keys": "keys", "partner_bundle": "partner.bundle", "address": node.listen,
        "descriptors": "yrdx.binpb", "dataset": DATASET, "standard": "1", "agreement_id": agreed.id,
        "agreement_version": 1, "state": "state.json",
    }  # fmt: skip
    city.config.write_text(json.dumps(config))
    told = city.run("bundle")
    with open_session(node.path) as session:
        request = node_pb2.AddPartnerRequest(
            bundle=Path(told["file"]).read_bytes(), endpoint="127.0.0.1:9", fingerprint=told["fingerprint"]
        )
        session.stub.AddPartner(request)
        session.stub.ImportAgreement(node_pb2.ImportAgreementRequest(agreement=agreement_to_pb(agreed)))
    return city


def prove_client(node: Node, city: KitCity) -> None:
    """Take a client through its life: questions, records, a rejection, a lost answer, and histories that differ.

    Args:
        node: Serves; it is killed and started again.
        city: Acquainted with it.
    """
    assert city.run("describe")["city"] == node.city
    first = city.run("deliver", city.write_records("first.jsonl", 1_200, seed=71, spoilt=[5, 1_100]))
    assert (first["accepted"], first["watermark"]) == (1_198, 1_200)
    assert [(one["sequence"], one["field"], one["rule"]) for one in first["rejected"]] == [
        (6, "total_fen", "sum.mismatch"),
        (1_101, "total_fen", "sum.mismatch"),
    ]
    assert city.run("deliver", city.folder / "first.jsonl")["accepted"] == 0, "a file is taken once"

    node.kill()
    more = city.write_records("more.jsonl", 3, seed=72)
    assert city.run("deliver", more, code=1)["reason"] == "UNAVAILABLE"
    sealed = city.state.read_bytes()
    node.restart()
    assert city.run("deliver", more) == {"ok": True, "accepted": 3, "rejected": [], "watermark": 1_203}
    city.state.write_bytes(sealed)  # as if it had died before it wrote that the answer had come
    assert city.run("deliver", more) == {"ok": True, "accepted": 3, "rejected": [], "watermark": 1_203}
    assert city.receipts[-1] == city.receipts[-2], "the original receipt"
    assert _records(node) == 1_201

    state = json.loads(city.state.read_bytes())
    city.state.write_text(json.dumps(state | {"head": "11" * 32}))
    last = city.write_records("last.jsonl", 1, seed=73)
    assert city.run("deliver", last, code=1)["reason"] == "DIVERGED"
    city.state.write_text(json.dumps(state))
    assert city.run("deliver", last)["accepted"] == 1


def _records(node: Node) -> int:
    request = node_pb2.ExportInboxRequest(dataset=DATASET, from_city=CITY, history=True)
    with open_session(node.path) as session:
        return sum(len(page.entries) for page in session.stub.ExportInbox(request))
