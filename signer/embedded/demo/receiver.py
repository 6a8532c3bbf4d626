"""A CI server's webhook endpoint, as far as the demonstration needs one."""

import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final, Self

_MAX_BODY: Final = 1_000_000


class Receiver:
    """Takes webhooks on loopback, and hands their bodies over one by one."""

    def __init__(self) -> None:
        self._bodies: queue.Queue[bytes] = queue.Queue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where webhooks are sent."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    def wait(self, seconds: float) -> bytes:
        """Return the next body.

        Raises:
            queue.Empty: none came in time.
        """
        return self._bodies.get(timeout=seconds)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        bodies = self._bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = min(int(self.headers.get("Content-Length", "0")), _MAX_BODY)
                bodies.put(self.rfile.read(length))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing: the demonstration tells what happens."""

        return Handler
