"""A host like a DTR for the documents' commands: registry, Notary server and CA on one port."""

from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from tests.components.notary_server import NotaryServer
from tests.components.registry import Registry
from tests.components.threaded import ThreadedServer
from tests.components.web import WebService

if TYPE_CHECKING:
    from collections.abc import Callable

_NOT_FORWARDED: Final = {"connection", "content-length", "keep-alive", "transfer-encoding"}
_SECONDS: Final = 30.0


class Dtr(ThreadedServer, WebService):
    """Forwards to the real servers by the path, as the web server in front of a DTR does.

    It runs in a thread of the tests. Paths with ``/_trust/`` belong to the Notary server,
    ``/ca`` is the authority's certificate, the rest is the registry's.

    Attributes:
        api: answers for DTR's API, where a test has one.
    """

    name = "dtr"

    def __init__(self, directory: Path, notary: NotaryServer, registry: Registry) -> None:
        super().__init__(directory, registry.authority)
        self.notary = notary
        self.registry = registry
        self.api: Callable[[httpx.Request], httpx.Response] | None = None
        self.port = self.listen(_handler_for(self), certificate=self.authority.server)

    @property
    def fingerprint(self) -> str:
        """The CA's SHA-256 fingerprint as upper-case hex with colons."""
        certificate = x509.load_pem_x509_certificate(self.authority.ca_file.read_bytes())
        return certificate.fingerprint(SHA256()).hex(":").upper()

    def configure(self) -> list[str | Path]:
        """Nothing is to be configured: it is no program."""
        return []

    def is_ready(self) -> bool:
        """It listens from the beginning."""
        return True


def _handler_for(dtr: Dtr) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = _SECONDS

        def do_GET(self) -> None:
            self._forward()

        def do_HEAD(self) -> None:
            self._forward()

        def do_POST(self) -> None:
            self._forward()

        def do_PUT(self) -> None:
            self._forward()

        def do_PATCH(self) -> None:
            self._forward()

        def _forward(self) -> None:
            if self.path == "/ca":
                self._reply(200, {}, dtr.authority.ca_file.read_bytes())
                return
            if dtr.api and self.path.startswith("/api/"):
                answer = dtr.api(httpx.Request("GET", f"{dtr.url}{self.path}"))
                self._reply(answer.status_code, _kept(dict(answer.headers)), answer.content)
                return
            behind = dtr.notary if "/_trust/" in self.path else dtr.registry
            body = self._body()
            # Engines send one Accept for each type.
            names = dict.fromkeys(name.lower() for name in self.headers)
            sent = {name: ", ".join(self.headers.get_all(name, [])) for name in names}
            with behind.client() as client:
                answer = client.request(
                    self.command, self.path, headers=_kept(sent), content=body, timeout=_SECONDS
                )
            headers = dict(answer.headers)
            length = headers.get("content-length", "") if self.command == "HEAD" else ""
            self._reply(answer.status_code, _kept(headers), answer.content, length)

        def _body(self) -> bytes:
            """Read the body; Docker engines send layers in chunks (RFC 9112, section 7.1)."""
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", "0")))
            chunks = []
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return b"".join(chunks)

        def _reply(
            self, status: int, headers: dict[str, str], body: bytes, behind_length: str = ""
        ) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            # The length of what a GET would send: engines believe it.
            length = behind_length or str(len(body))
            self.send_header("Content-Length", length)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Keep the tests' output clean."""

    return Handler


def _kept(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _NOT_FORWARDED}
