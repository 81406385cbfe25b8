"""The contract without stubs, bundles, hashes and signatures: what docs/protocol.md says about bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import grpc
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

MESSAGE_BYTES_MAX = 8 * 1_048_576


class Stopped(Exception):
    """Nothing more can be sent; the first argument is a stable reason, the second says what to do."""


class City:
    """This city, its partner, and the contract."""

    def __init__(self, path: Path) -> None:
        """Read a configuration; the other files are read when they are needed."""
        self.config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        self.folder = path.parent

    def file(self, name: str) -> Path:
        """Return a file that the configuration names."""
        return self.folder / str(self.config[name])

    def key(self, name: str) -> Ed25519PrivateKey:
        """Read a private key."""
        key = load_pem_private_key((self.file("keys") / name).read_bytes(), None)
        if not isinstance(key, Ed25519PrivateKey):
            raise Stopped("KEY", f"{name} is no Ed25519 key: keys.sh makes one")
        return key

    @cached_property
    def descriptors(self) -> descriptor_pb2.FileDescriptorSet:
        """The descriptor set."""
        return descriptor_pb2.FileDescriptorSet.FromString(self.file("descriptors").read_bytes())

    @cached_property
    def pool(self) -> descriptor_pool.DescriptorPool:
        """The contract."""
        pool = descriptor_pool.DescriptorPool()
        for file in self.descriptors.file:
            pool.Add(file)
        return pool

    @cached_property
    def partner(self) -> dict[str, Any]:
        """What the partner's bundle says."""
        return read_bundle(self.file("partner_bundle").read_bytes())

    def type(self, name: str) -> Any:
        """Return a message class of the contract."""
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(name))

    def make(self, name: str, **fields: Any) -> Any:
        """Make a message of the exchange."""
        return self.type(f"yrdx.exchange.v1.{name}")(**fields)

    def standard(self) -> tuple[Any, Any]:
        """Return the dataset's message class and its declaration, which names the fields of its key ("Key")."""
        options = self.type("google.protobuf.MessageOptions")
        extension = self.pool.FindExtensionByName("yrdx.types.v1.dataset")
        for kind in self._messages():
            said = options.FromString(kind.GetOptions().SerializeToString()).Extensions[extension]
            if (said.name, said.standard) == (self.config["dataset"], self.config["standard"]):
                return message_factory.GetMessageClass(kind), said
        raise Stopped("DATASET_UNKNOWN", "the descriptor set has no such dataset: ask for the partner's newer kit")

    def _messages(self) -> Iterator[Any]:
        for file in self.descriptors.file:
            yield from self.pool.FindFileByName(file.name).message_types_by_name.values()

    @cached_property
    def channel(self) -> grpc.Channel:
        """The partner's gateway: its authorities alone are believed, under the one name that it has ("Connection")."""
        trusted = [one for one in self.partner["authorities"] if one["state"] not in ("RETIRED", "REVOKED")]
        roots = "".join(one["certificate"] for one in trusted).encode("ascii")
        chain, key = ((self.file("keys") / name).read_bytes() for name in ("gateway.pem", "gateway.key"))
        options = [
            ("grpc.ssl_target_name_override", f"gateway.{self.partner['city']}.yrdx"),
            ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
        ]
        return grpc.secure_channel(
            self.config["address"], grpc.ssl_channel_credentials(roots, key, chain), options=options
        )

    def call(self, method: str) -> Any:
        """Return a callable of ExchangeService; requests of a stream are an iterable."""
        service = self.pool.FindServiceByName("yrdx.exchange.v1.ExchangeService")
        found = service.FindMethodByName(method)
        answer = message_factory.GetMessageClass(found.output_type)
        make = self.channel.stream_stream if found.client_streaming else self.channel.unary_unary
        path = f"/{service.full_name}/{method}"
        return make(path, lambda request: request.SerializeToString(), answer.FromString)

    @property
    def stream(self) -> str:
        """The stream to the partner."""
        return f"{self.config['city']}/{self.partner['city']}/{self.config['dataset']}/0"


def key_id(public: bytes) -> str:
    """Name a signing key ("Signed bytes")."""
    return hashlib.sha256(public).digest()[:16].hex()


def read_bundle(data: bytes) -> dict[str, Any]:
    """Return what a bundle says, once its signature stands; whose key that is, people compared by its fingerprint."""
    tag, key, signature, _, payload = data.split(b"\n", 4)
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.decode().removeprefix("key Ed25519 ")))
    public.verify(bytes.fromhex(signature.decode().removeprefix("signature ")), tag + payload)
    said: dict[str, Any] = json.loads(payload)
    return said


def bundle(city: City) -> dict[str, Any]:
    """Write version 1 of this city's bundle."""
    code, keys = city.config["city"], city.file("keys")
    signing, own = city.key("signing.key").public_key().public_bytes_raw(), city.key("bundle.key")
    said = {
        "city": code,
        "version": 1,
        "previous": None,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "endpoint": city.config.get("endpoint"),
        "dns_names": [f"gateway.{code}.yrdx"],
        "authorities": [{"state": "ACTIVE", "certificate": (keys / "authority.pem").read_text(encoding="ascii")}],
        "signing_keys": [
            {
                "key_id": key_id(signing),
                "algorithm": "Ed25519",
                "public_key": signing.hex(),
                "retired_at": None,
                "compromised_at": None,
            }
        ],
        "gateway_leaves": [(keys / "gateway.pem").read_text(encoding="ascii")],
    }
    tag, payload, public = b"yrdx-bundle-v1", json.dumps(said, indent=1).encode(), own.public_key().public_bytes_raw()
    head = f"\nkey Ed25519 {public.hex()}\nsignature {own.sign(tag + payload).hex()}\n\n"
    path = city.folder / f"{code}.bundle"
    path.write_bytes(tag + head.encode() + payload)
    name = key_id(public)
    return {"file": str(path), "fingerprint": "SHA256:" + "-".join(name[at : at + 4] for at in range(0, 32, 4))}


def sha256(*parts: bytes) -> bytes:
    """Hash bytes one after the other."""
    return hashlib.sha256(b"".join(parts)).digest()


def record_key(message: Any, declared: Any) -> bytes:
    """Hash the subject and the business key ("Key")."""
    halves = ((b"yrdx-subject-v1", declared.subject or declared.key), (b"yrdx-key-v1", declared.key))
    return b"".join(sha256(tag, *(_framed(str(getattr(message, name))) for name in names))[:8] for tag, names in halves)


def _framed(text: str) -> bytes:
    encoded = text.encode("utf-8")
    return len(encoded).to_bytes(4, "big") + encoded


def leaf(sequence: int, record: Any) -> bytes:
    """Hash one record at its place ("Leaf and root")."""
    return sha256(b"\x00yrdx-record-v1", sequence.to_bytes(8, "big"), record.salt, record.body)


def root(leaves: list[bytes]) -> bytes:
    """Hash leaves as RFC 9162 section 2.1.1 says."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01", root(leaves[:split]), root(leaves[split:]))


def signed(city: City, tag: bytes, message: Any) -> Any:
    """Serialise once and sign ("Signed bytes")."""
    key, content = city.key("signing.key"), message.SerializeToString()
    public = key.public_key().public_bytes_raw()
    return city.make("Signed", content=content, key_id=key_id(public), signature=key.sign(tag + content))


def verified(city: City, tag: bytes, answer: Any, name: str) -> Any:
    """Return what the partner signed, under a key of its bundle."""
    keys = {one["key_id"]: one["public_key"] for one in city.partner["signing_keys"]}
    if answer.key_id not in keys:
        raise Stopped("SIGNATURE_INVALID", f"{name}: ask the partner for its newest bundle, and compare fingerprints")
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(keys[answer.key_id]))
        public.verify(answer.signature, tag + answer.content)
    except InvalidSignature as error:
        raise Stopped("SIGNATURE_INVALID", f"{name}: the signature does not stand; call the partner") from error
    return city.type(f"yrdx.exchange.v1.{name}").FromString(answer.content)
