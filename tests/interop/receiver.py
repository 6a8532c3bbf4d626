"""A receiver of webhooks: a CI host's trigger endpoint, on loopback."""

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self

from tests.components.certificates import CertificateFiles

_WAIT_SECONDS: Final = 60.0


class Receiver:
    """Keeps the bodies that are posted to it.

    Attributes:
        port: where it listens; known before it does.
        bodies: what was received, decoded.
        status: what it answers.
    """

    def __init__(self, port: int = 0, *, certificate: CertificateFiles | None = None) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.status = 201
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._scheme = "http"
        if certificate is not None:
            self._scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.certificate, certificate.key)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        """A trigger's URL, with a worthless token."""
        return f"{self._scheme}://localhost:{self.port}/trigger/pipeline?token=worthless&ref=master"

    def wait_for(self, kind: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait until ``count`` bodies of a type were received, and return them."""

        def found() -> list[dict[str, Any]]:
            return [body for body in self.bodies if body["type"] == kind]

        with self._changed:
            arrived = self._changed.wait_for(lambda: len(found()) >= count, _WAIT_SECONDS)
        assert arrived, f"{len(found())} of {count} {kind} were received"
        return found()

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

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            timeout = _WAIT_SECONDS

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with receiver._changed:
                    if receiver.status < 300:
                        receiver.bodies.append(body)
                    receiver._changed.notify_all()
                self.send_response_only(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                """Keep the tests' output clean."""

        return Handler
