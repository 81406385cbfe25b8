"""Serves a receiver in a process of its own, so that it can be killed: ``python -m … FAULT HOME PARTNER LISTEN``."""

from __future__ import annotations

import os
import sys

# Read when grpc is imported: with it TLS 1.3 alone is spoken, without it 1.2 as well.
os.environ["GRPC_SSL_CIPHER_SUITES"] = "ECDHE-PSK-CHACHA20-POLY1305"
if sys.argv[1:2] == ["SpeaksTls12"]:
    del os.environ["GRPC_SSL_CIPHER_SUITES"]

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import grpc

from certs.bundle import read_bundle
from certs.keystore import load_generation
from services.node.cli.agreement_file import read_agreement
from services.node.conformance.sender import Key
from tests.integration.conformance.faults import FAULTS
from yrdx.exchange.v1 import exchange_pb2_grpc

MESSAGE_BYTES_MAX = 8_388_608


def serve(fault: str, home: Path, partner: Path, listen: str) -> None:
    """Serve until the process ends.

    Args:
        fault: Which receiver.
        home: Its keys and its journal.
        partner: Folder with the partner's bundle and the agreement.
        listen: "host:port".
    """
    generation = load_generation(home, now=datetime.now(UTC))
    bundle = read_bundle((partner / "city.bundle").read_bytes()).bundle
    receiver = FAULTS[fault](
        generation.city,
        Key(generation.signing_key),
        bundle,
        read_agreement(partner / "agreement.toml"),
        home / "journal",
    )
    credentials = grpc.ssl_server_credentials(
        [(generation.gateway_key_pem, generation.gateway_chain_pem)], bundle.roots_pem, require_client_auth=True
    )
    options = [("grpc.max_receive_message_length", MESSAGE_BYTES_MAX), ("grpc.so_reuseport", 0)]
    server = grpc.server(ThreadPoolExecutor(8), options=options)
    exchange_pb2_grpc.add_ExchangeServiceServicer_to_server(receiver, server)
    server.add_secure_port(listen, credentials)
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
