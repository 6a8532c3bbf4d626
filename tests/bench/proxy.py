"""A TCP proxy that adds a round-trip time, as far as a proxy can.

What it models: every byte arrives half a round-trip time after it was sent, in both directions, and
a connection is usable one round-trip time after it was begun. The kernel has accepted a connection
before a proxy hears of it, so the client cannot be made to wait in ``connect``; instead everything
that the client sends before it has heard a first byte is late by one whole round-trip time more,
which is when it would have been sent after a real handshake. TLS handshakes are the programs' own
and cost the round trips that they really take.

What it does not model: bandwidth, loss, slow start, and name resolution.

Threads, not an event loop: the timers of ``asyncio`` round up to a whole millisecond, for every
direction of every exchange, which would favour whoever asks less often.
"""

import queue
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

LOOPBACK: Final = "127.0.0.1"
_CHUNK: Final = 256 * 2**10
_END: Final = b""


class DelayingProxy:
    """Listens on a free port of the loopback interface and passes everything on.

    Args:
        target_port: where to, on the loopback interface.
        round_trip_seconds: the round-trip time; it may be changed between connections.

    Attributes:
        port: where it listens, while it runs.
        connections: how many have been accepted.
    """

    def __init__(self, target_port: int, *, round_trip_seconds: float = 0.0) -> None:
        self.target_port = target_port
        self.round_trip_seconds = round_trip_seconds
        self.connections = 0
        self.port = 0
        self._listener: socket.socket | None = None
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    @property
    def host(self) -> str:
        """``localhost:PORT``."""
        return f"localhost:{self.port}"

    @property
    def url(self) -> str:
        """``https://localhost:PORT``; the encryption is the target's."""
        return f"https://{self.host}"

    def __enter__(self) -> Self:
        self._listener = socket.create_server((LOOPBACK, 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        self._spawn(self._accept, self._listener)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Cut all connections and wait for the threads."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            listener.close()
        with self._lock:
            for each in self._open:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        while self._threads:
            self._threads.pop().join()

    def _spawn(self, target: Callable[..., None], *args: object) -> threading.Thread:
        thread = threading.Thread(target=target, args=args, daemon=True)
        with self._lock:
            self._threads = [each for each in self._threads if each.is_alive()]
            thread.start()
            self._threads.append(thread)
        return thread

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            self._spawn(self._serve, client, self.round_trip_seconds)

    def _serve(self, client: socket.socket, round_trip: float) -> None:
        with client:
            try:
                server = socket.create_connection((LOOPBACK, self.target_port))
            except OSError:
                return
            with server:
                for each in (client, server):
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._lock:
                    if self._listener is None:
                        return
                    self._open |= {client, server}
                answered = threading.Event()
                there = _Direction(client, server, delay=round_trip / 2)
                back = _Direction(server, client, delay=round_trip / 2, delivered=answered)
                there.late = (round_trip, answered)
                threads = [self._spawn(step) for way in (there, back) for step in way.steps]
                for thread in threads:
                    thread.join()
                with self._lock:
                    self._open -= {client, server}


class _Direction:
    """One direction of a connection: a thread reads and dates, another waits and writes."""

    def __init__(
        self,
        source: socket.socket,
        sink: socket.socket,
        *,
        delay: float,
        delivered: threading.Event | None = None,
    ) -> None:
        self.late: tuple[float, threading.Event] | None = None
        self.steps = (self._read, self._write)
        self._source = source
        self._sink = sink
        self._delay = delay
        self._delivered = delivered
        self._queue: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()

    def _read(self) -> None:
        while True:
            try:
                data = self._source.recv(_CHUNK)
            except OSError:
                data = _END
            self._queue.put((time.monotonic() + self._travel_time(), data))
            if data == _END:
                return

    def _travel_time(self) -> float:
        if self.late is None or self.late[1].is_set():
            return self._delay
        return self._delay + self.late[0]

    def _write(self) -> None:
        while True:
            due, data = self._queue.get()
            wait = due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            with suppress(OSError):  # whoever has gone needs nothing any more
                if data == _END:
                    self._sink.shutdown(socket.SHUT_WR)
                else:
                    if self._delivered is not None:
                        self._delivered.set()
                    self._sink.sendall(data)
            if data == _END:
                return
