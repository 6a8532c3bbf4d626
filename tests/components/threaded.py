"""Small HTTP servers of the tests' own, each in a thread."""

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from tests.components.certificates import CertificateFiles
from tests.components.service import LOOPBACK

_POLL_SECONDS = 0.05


class ThreadedServer:
    """Answers on loopback from a thread of its own, as a context manager.

    It listens from the beginning, so that its port is known before it is entered.
    """

    def listen(
        self,
        handler: type[BaseHTTPRequestHandler],
        *,
        certificate: CertificateFiles | None = None,
        port: int = 0,
    ) -> int:
        """Listen, with TLS where there is a certificate; return the port."""
        self._server = ThreadingHTTPServer((LOOPBACK, port), handler)
        self._server.daemon_threads = True
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.certificate, certificate.key)
            # The handshake is made by the thread that answers: one that hangs delays no other.
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_SECONDS,))
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
