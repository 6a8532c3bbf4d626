"""A TLS server on loopback that misbehaves as a test says, and stands before a real one if asked.

It runs in threads of the tests. A behaviour is a function of one `Exchange`: it may reply, forward
the request to the real server and change the answer, drop the connection, or keep it waiting.
"""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final, Self

import httpx

from tests.components.certificates import Authority, CertificateFiles
from tests.components.service import LOOPBACK
from tests.components.web import WebService

HANG_SECONDS: Final = 30.0
"""A bound for tests that fail; the end of the test ends a hanging exchange at once."""


class Exchange:
    """One request, and the means to answer it."""

    def __init__(self, handler: BaseHTTPRequestHandler, body: bytes, over: threading.Event) -> None:
        self._handler = handler
        self.body = body
        self._over = over

    @property
    def method(self) -> str:
        """``GET``, ``POST``, ..."""
        return self._handler.command

    @property
    def path(self) -> str:
        """The path with its query."""
        return self._handler.path

    @property
    def headers(self) -> dict[str, str]:
        """The request's fields, by names in lower case."""
        return {name.lower(): value for name, value in self._handler.headers.items()}

    def reply(
        self,
        status: int,
        body: bytes = b"",
        *,
        media_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer in good form."""
        self._handler.send_response(status)
        self._handler.send_header("Content-Type", media_type)
        self._handler.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self._handler.send_header(name, value)
        self._handler.end_headers()
        if self.method != "HEAD":
            self._handler.wfile.write(body)

    def send(self, data: bytes) -> None:
        """Send bytes as they are; the connection ends after this exchange."""
        self._handler.close_connection = True
        self._handler.wfile.write(data)
        self._handler.wfile.flush()

    def drop(self) -> None:
        """Reset the connection."""
        self._handler.close_connection = True
        linger = struct.pack("ii", 1, 0)
        self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._handler.connection.close()

    def hang(self, seconds: float = HANG_SECONDS) -> bool:
        """Wait; tell whether the test goes on."""
        return not self._over.wait(seconds)

    def ask(self, server: WebService, *, body: bytes | None = None) -> httpx.Response:
        """Ask the real server the same, perhaps with another body."""
        kept = {"accept", "authorization", "content-type"}
        with server.client() as client:
            return client.request(
                self.method,
                self.path,
                content=self.body if body is None else body,
                headers={name: value for name, value in self.headers.items() if name in kept},
            )

    def forward(self, server: WebService, *, body: bytes | None = None) -> None:
        """Ask the real server, and reply what it replies."""
        answer = self.ask(server, body=body)
        kept = ("docker-content-digest", "www-authenticate", "location")
        self.reply(
            answer.status_code,
            answer.content,
            media_type=answer.headers.get("Content-Type", "text/plain"),
            headers={name: answer.headers[name] for name in kept if name in answer.headers},
        )


Behaviour = Callable[[Exchange], None]


@dataclass
class FaultyServer:
    """``https://localhost:PORT`` with a behaviour.

    Attributes:
        authority: signs its certificate.
        behaviour: answers each request.
        files: certificate and key to show, where they are not the authority's usual ones.
        requests: method and path of everything that was asked.
    """

    authority: Authority
    behaviour: Behaviour
    files: CertificateFiles | None = None
    requests: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._server = _QuietServer((LOOPBACK, 0), _handler_for(self, self._over))
        shown = self.files or self.authority.server
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(shown.certificate, shown.key)
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def host(self) -> str:
        """``localhost:PORT``."""
        return f"localhost:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """``https://localhost:PORT``."""
        return f"https://{self.host}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that give up are what the tests are about."""


def _handler_for(server: FaultyServer, over: threading.Event) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = HANG_SECONDS

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            server.requests.append((self.command, self.path))
            server.behaviour(Exchange(self, body, over))

        do_GET = do_POST = do_HEAD = do_DELETE = _handle  # noqa: N815 - http.server's names

        def log_message(self, *_args: object) -> None:
            """Keep the tests' output clean."""

    return Handler
