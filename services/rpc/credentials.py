"""The server's TLS: whom the handshake takes, and with which certificate this node answers.

gRPC asks for the configuration before every handshake, and every open connection waits meanwhile; so what it gets is
one ready object. Returning the *same object* each time also keeps TLS tickets from resuming, while ``None`` would
leave them usable (measured on grpcio 1.85; tests/integration/rpc holds it).

Not checked here: that key, leaf and roots are sound. gRPC takes an expired leaf or a truncated bundle without a
word, so `certs.keystore` and `certs.bundle` check everything before it comes here.
"""

from __future__ import annotations

import grpc


class ServerTrust:
    """Certificate, key and roots of the server; replaceable while it serves."""

    def __init__(self, *, chain_pem: bytes, key_pem: bytes, roots_pem: bytes) -> None:
        """Begin with one configuration; see `replace`."""
        self._configuration = _configuration(chain_pem, key_pem, roots_pem)
        self.credentials = grpc.dynamic_ssl_server_credentials(
            self._configuration, lambda: self._configuration, require_client_authentication=True
        )

    def replace(self, *, chain_pem: bytes, key_pem: bytes, roots_pem: bytes) -> None:
        """Use another configuration from the next handshake on; open connections stay.

        Args:
            chain_pem: This city's gateway leaf, and what stands between it and its authority.
            key_pem: The leaf's private key, PKCS#8.
            roots_pem: Authorities whose leaves may call: own and the confirmed partners'.

        Raises:
            ValueError: There are no roots: gRPC would refuse everybody without a word.
        """
        self._configuration = _configuration(chain_pem, key_pem, roots_pem)


def _configuration(chain_pem: bytes, key_pem: bytes, roots_pem: bytes) -> grpc.ServerCertificateConfiguration:
    if not roots_pem.strip():
        raise ValueError("the server needs the roots of those who may call")
    return grpc.ssl_server_certificate_configuration([(key_pem, chain_pem)], root_certificates=roots_pem)
