"""The real notary-signer, which keeps the server's keys apart from the server."""

import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from tests.components.certificates import Authority
from tests.components.service import LOOPBACK, Service, find_program

# RFC 9113, section 3.4: the client's preface, then an empty SETTINGS frame.
_HTTP2_HELLO: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_SETTINGS_FRAME: Final = 4


class NotarySigner(Service):
    """``notary-signer`` with keys in memory; it accepts clients of the authority only (NP 7)."""

    name: ClassVar[str] = "notary-signer"

    def __init__(self, directory: Path, authority: Authority) -> None:
        super().__init__(directory)
        self.authority = authority
        self._context = authority.client_context(authority.client)
        self._context.set_alpn_protocols(["h2"])

    def configure(self) -> Sequence[str | Path]:
        """Write ``notary-signer.json``."""
        program = find_program("notary-signer", "notary")
        config = {
            "server": {
                "grpc_addr": f"{LOOPBACK}:{self.port}",
                "tls_cert_file": str(self.authority.server.certificate),
                "tls_key_file": str(self.authority.server.key),
                "client_ca_file": str(self.authority.ca_file),
            },
            "logging": {"level": "debug"},
            "storage": {"backend": "memory"},
        }
        file = self.directory / "notary-signer.json"
        file.write_text(json.dumps(config, indent=1))
        return [program, "-config", file]

    def is_ready(self) -> bool:
        """It greets an HTTP/2 client that shows a certificate, as gRPC does."""
        with (
            socket.create_connection((LOOPBACK, self.port), timeout=5) as plain,
            self._context.wrap_socket(plain, server_hostname="localhost") as tls,
        ):
            tls.sendall(_HTTP2_HELLO)
            frame = tls.recv(9)
        return len(frame) >= 4 and frame[3] == _SETTINGS_FRAME
