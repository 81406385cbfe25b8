"""The server's TLS: whom the handshake takes, and with which certificate this node answers.

gRPC asks for the configuration before every handshake, and every open connection waits meanwhile; so what it gets is
one ready object, and that only once: ``None`` says that nothing changed. A configuration that it is given again makes
it free the one in use, also while another thread begins a handshake with it, and the process is gone
(github.com/grpc/grpc/issues/36693; a few hundred broken handshakes were enough, from anybody). What is left of it is
the instant in which trust changes.

So TLS tickets resume; whoever comes with one is refused by `services.rpc.callers`.

Not checked here: that key, leaf and roots are sound. gRPC takes an expired leaf or a truncated bundle without a
word, so `certs.keystore` and `certs.bundle` check everything before it comes here.
"""

from __future__ import annotations

import grpc


class ServerTrust:
    """Certificate, key and roots of the server; replaceable while it serves."""

    def __init__(self, *, chain_pem: bytes, key_pem: bytes, roots_pem: bytes) -> None:
        """Begin with one configuration; see `replace`."""
        self._configuration = self._known = _configuration(chain_pem, key_pem, roots_pem)
        self.credentials = grpc.dynamic_ssl_server_credentials(
            self._configuration,
            self._fetch,  # type: ignore[arg-type]  # its types leave out None
            require_client_authentication=True,
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

    def _fetch(self) -> grpc.ServerCertificateConfiguration | None:
        """Return a configuration that gRPC does not have yet; None when it has the present one."""
        present = self._configuration
        if present is self._known:
            return None
        self._known = present
        return present


def _configuration(chain_pem: bytes, key_pem: bytes, roots_pem: bytes) -> grpc.ServerCertificateConfiguration:
    if not roots_pem.strip():
        raise ValueError("the server needs the roots of those who may call")
    return grpc.ssl_server_certificate_configuration([(key_pem, chain_pem)], root_certificates=roots_pem)
