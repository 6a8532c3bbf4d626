"""Servers on loopback, a thread each, for what only a real connection shows."""

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

Conversation = Callable[[socket.socket], None]
"""Talks with one client, and returns when done."""


class Listener:
    """Accepts connections on 127.0.0.1 and lets ``talk`` answer each in a thread.

    ``stopping`` is set at the end, so that a conversation can wait for it instead of sleeping.
    ``connections`` counts those accepted, with TLS where ``context`` is given.
    """

    def __init__(self, talk: Conversation, *, context: ssl.SSLContext | None = None) -> None:
        self.stopping = threading.Event()
        self.connections = 0
        self._talk = talk
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stopping.set()
        for open_socket in (self._socket, *self._open):
            with suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)
            open_socket.close()
        for thread in self._threads:
            thread.join(timeout=5)
            assert not thread.is_alive()

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                self.connections += 1
                self._open.append(client)
                self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError):
            if self._context is not None:
                client = self._context.wrap_socket(client, server_side=True)
                self._open.append(client)
            self._talk(client)
        with suppress(OSError):
            client.close()


def read_request(client: socket.socket) -> bytes:
    """Read up to the blank line; empty where the client has gone."""
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = client.recv(65536)
        if not chunk:
            return b""
        received += chunk
    return received


def answering(body: bytes) -> Conversation:
    """Answer every request of a connection with ``body``."""

    def talk(client: socket.socket) -> None:
        while read_request(client):
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
            client.sendall(head.encode() + body)

    return talk
