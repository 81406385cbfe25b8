"""The node that is asked: where it is, and what its city's bundle says about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import Message

from certs.bundle import CityBundle
from certs.errors import SignatureRefused
from services.node.addresses import split_address
from services.node.conformance.promises import Broken
from services.wire.contract import ContractBroken, parse_content
from yrdx.exchange.v1 import exchange_pb2

ContentT = TypeVar("ContentT", bound=Message)


@dataclass(frozen=True, slots=True)
class Target:
    """A node of another city.

    Attributes:
        address: Where its gateway listens, "host:port".
        bundle: Its city's bundle.
    """

    address: str
    bundle: CityBundle

    @property
    def city(self) -> str:
        """Its city code."""
        return self.bundle.city

    @property
    def place(self) -> tuple[str, int]:
        """Host and port."""
        return split_address(self.address)

    def said(self, kind: type[ContentT], tag: bytes, signed: exchange_pb2.Signed) -> ContentT:
        """Return what the node signed.

        Raises:
            Broken: The key is none of its bundle, the signature does not stand, or the content breaks the contract.
        """
        name = kind.DESCRIPTOR.name
        key = self.bundle.signing_key(signed.key_id)
        if key is None:
            raise Broken(f"{name}：签名密钥不在其信任包中 · is signed by a key that its bundle does not list")
        try:
            key.verify(signed.signature, tag + signed.content)
            return parse_content(kind, signed.content)
        except SignatureRefused as error:
            raise Broken(f"{name}：签名不成立 · its signature does not stand over tag and content") from error
        except ContractBroken as error:
            raise Broken(f"{name}：内容不合约定 · {error}") from error
