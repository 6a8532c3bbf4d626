"""A receiver of webhooks: a CI host's trigger endpoint, on loopback."""

import json
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any, Final

from tests.components.certificates import CertificateFiles
from tests.components.threaded import ThreadedServer

_WAIT_SECONDS: Final = 60.0


class Receiver(ThreadedServer):
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
        self.port = self.listen(self._handler(), certificate=certificate, port=port)
        self._scheme = "https" if certificate else "http"

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
