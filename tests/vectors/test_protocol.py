"""The published vectors are what the product does, and what the documents say."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from services.ports.gate import Passed
from services.wire.datasets import load_datasets
from services.wire.gate import ContractGate
from services.wire.reasons import REASONS
from services.wire.status import CODES
from tests.vectors import generate
from tests.vectors.independent import HASHES, header_bytes, key_id, leaf, record_key, root, verify

VECTORS: dict[str, Any] = json.loads(generate.FILE.read_text(encoding="utf-8"))
SIGNED: list[dict[str, Any]] = [
    *VECTORS["headers"],
    *(VECTORS[name] for name in ("receipt", "opening", "position", "conflict")),
]


def unhex(text: str) -> bytes:
    """Return bytes from the file."""
    return bytes.fromhex(text)


def test_the_product_gives_the_published_values() -> None:
    """Bytes that were published never change by accident."""
    assert generate.as_text(generate.vectors()) == generate.FILE.read_text(encoding="utf-8")


def test_published_records_pass_the_gate() -> None:
    """The bodies are records that a node accepts, with the keys they state."""
    gate = ContractGate(load_datasets(), record_bytes_max=65_536)

    verdicts = gate.check("social.contribution", "1", [unhex(one["body"]) for one in VECTORS["records"]])

    assert all(isinstance(verdict, Passed) for verdict in verdicts)
    first = verdicts[0]
    assert isinstance(first, Passed)
    assert first.key.hex() == VECTORS["record_key"]["key"]


def test_the_key_of_a_record_follows_from_the_documents() -> None:
    """Length-prefixed UTF-8 texts under their tags, 8 bytes of SHA-256 of the subject and 8 of the business key."""
    vector = VECTORS["record_key"]
    assert record_key(vector["subject_parts"], vector["parts"]).hex() == vector["key"]


@pytest.mark.parametrize("algorithm", HASHES)
def test_leaves_and_roots_follow_from_the_documents(algorithm: str) -> None:
    """Leaf and node preimages, and the tree of RFC 9162, for 1, 2, 3, 5 and 8 records."""
    h = HASHES[algorithm]
    leaves = [leaf(h, one["sequence"], unhex(one["salt"]), unhex(one["body"])) for one in VECTORS["records"]]

    assert [one.hex() for one in leaves] == [one["leaf"][algorithm] for one in VECTORS["records"]]
    found = {one["count"]: root(h, leaves[: one["count"]]).hex() for one in VECTORS["roots"]}
    assert found == {one["count"]: one["root"][algorithm] for one in VECTORS["roots"]}
    assert sorted(found) == [1, 2, 3, 5, 8]


@pytest.mark.parametrize("header", VECTORS["headers"])
def test_headers_follow_from_the_documents(header: dict[str, Any]) -> None:
    """Bytes, root over the records, and identity of a batch."""
    says = header["says"]
    algorithm = {1: "SHA256", 2: "SM3"}[says["hash_algorithm"]]
    h = HASHES[algorithm]
    first, count = int(says["first_sequence"]), says["record_count"]
    leaves = [unhex(one["leaf"][algorithm]) for one in VECTORS["records"][first - 1 : first - 1 + count]]
    content = header_bytes(says | {"root": _base64(root(h, leaves))})

    assert content.hex() == header["content"]
    assert h(b"yrdx-batch-v1" + content).hex() == header["hash"]


def test_each_header_continues_the_one_before() -> None:
    """The second batch names the first one's hash, and the first one nothing."""
    first, second, _ = VECTORS["headers"]

    assert first["says"]["previous_hash"] == _base64(bytes(32))
    assert second["says"]["previous_hash"] == _base64(unhex(first["hash"]))


@pytest.mark.parametrize("signed", SIGNED, ids=lambda one: f"{one['tag']}-{one['content'][:8]}")
def test_signatures_verify_with_nothing_but_the_public_key(signed: dict[str, Any]) -> None:
    """Over tag and content; not over other bytes, and not under another tag."""
    key = VECTORS["keys"][signed["signer"]]
    public, content, signature = unhex(key["public"]), unhex(signed["content"]), unhex(signed["signature"])

    verify(public, signed["tag"], content, signature)
    with pytest.raises(InvalidSignature):
        verify(public, signed["tag"], content + b"\x00", signature)
    with pytest.raises(InvalidSignature):
        verify(public, "yrdx-other-v1", content, signature)


def test_evidence_names_what_it_is_about() -> None:
    """The receipt names the batch, the position answers the opening, by their hashes."""
    opening = VECTORS["opening"]
    h = HASHES["SHA256"]

    assert h(b"yrdx-opening-v1" + unhex(opening["content"])).hex() == opening["hash"]
    assert VECTORS["position"]["says"]["opening_hash"] == _base64(unhex(opening["hash"]))
    assert VECTORS["receipt"]["says"]["header_hash"] == _base64(unhex(VECTORS["headers"][0]["hash"]))


def test_keys_are_named_by_their_public_half() -> None:
    """The first 16 bytes of SHA-256 of the raw public key."""
    for key in VECTORS["keys"].values():
        assert key_id(unhex(key["public"])) == key["key_id"]


def test_the_document_names_every_reason_code_tag_and_rule() -> None:
    """An error, a tag or a rule that docs/protocol.md does not explain is one that nobody else can handle."""
    document = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
    words = set(re.findall(r"[\w.-]*\w", document))
    tags = {one["tag"] for one in SIGNED}
    rules = {
        rule for rule in REASONS if rule.startswith(("record.", "agreement.")) or rule.endswith((".check", ".exists"))
    }

    assert {kind.reason for kind in CODES} | {code.name for code in CODES.values()} | tags <= words
    assert rules <= words


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
