"""The wire under the pool: connections whose every read and write obeys one deadline.

httpx bounds each read alone, so a server that sends a byte now and then would never be given up.
Here the deadline of the request that a thread is making is looked up at each operation, whichever
connection it uses. Built on httpcore's public interfaces.
"""

import math
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Final, cast
from urllib.request import getproxies, proxy_bypass
from weakref import WeakSet

import httpcore

from signer.constants import DEFAULT_CONNECTIONS
from signer.errors import UsageError
from signer.transport._httpx import httpx
from signer.transport.origin import Origin

KEEPALIVE_SECONDS: Final = 30.0
_WRITE_SLICE: Final = 64 * 2**10

_deadline: ContextVar[float] = ContextVar("deadline", default=math.inf)


@contextmanager
def deadline_at(moment: float) -> Iterator[None]:
    """Give up every network operation of this thread at ``moment`` (``time.monotonic`` seconds)."""
    token = _deadline.set(moment)
    try:
        yield
    finally:
        _deadline.reset(token)


def _bounded(timeout: float | None, error: type[Exception]) -> float:
    remaining = _deadline.get() - time.monotonic()
    if remaining <= 0:
        raise error("the time allowed for the whole request is over")
    return remaining if timeout is None else min(timeout, remaining)


class _OpenStreams:
    """The streams that are open, so that another thread can end what they wait for."""

    def __init__(self) -> None:
        self._streams: WeakSet[_BoundedStream] = WeakSet()
        self._lock = threading.Lock()

    def add(self, stream: "_BoundedStream") -> None:
        with self._lock:
            self._streams.add(stream)

    def interrupt(self) -> None:
        with self._lock:
            streams = list(self._streams)
        for stream in streams:
            stream.interrupt()


class _BoundedStream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, opened: _OpenStreams) -> None:
        self._inner = inner
        self._opened = opened
        opened.add(self)

    def interrupt(self) -> None:
        """Let whoever reads or writes fail at once; the file descriptor stays theirs to close.

        Closed under them, its number might be another connection's already, whose bytes they would
        then take.
        """
        connected = self._inner.get_extra_info("socket")
        with suppress(OSError):  # it has gone, or another stream has taken it over
            # Not the method of a TLS socket, which would also drop its encryption.
            socket.socket.shutdown(connected, socket.SHUT_RDWR)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _bounded(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _WRITE_SLICE):
            bounded = _bounded(timeout, httpcore.WriteTimeout)
            self._inner.write(buffer[start : start + _WRITE_SLICE], bounded)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        bounded = _bounded(timeout, httpcore.ConnectTimeout)
        inner = self._inner.start_tls(ssl_context, server_hostname, bounded)
        return _BoundedStream(inner, self._opened)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's signature
        return self._inner.get_extra_info(info)


class _BoundedBackend(httpcore.NetworkBackend):
    def __init__(self, opened: _OpenStreams) -> None:
        self._inner = httpcore.SyncBackend()
        self._opened = opened

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        bounded = _bounded(timeout, httpcore.ConnectTimeout)
        inner = self._inner.connect_tcp(host, port, bounded, local_address, socket_options)
        return _BoundedStream(inner, self._opened)


class _Body(httpx.SyncByteStream):
    def __init__(self, stream: Iterable[bytes]) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        if hasattr(self._stream, "close"):
            self._stream.close()


class BoundedTransport(httpx.BaseTransport):
    """One origin's connections, kept alive; through the environment's proxy if there is one.

    Raises httpcore's exceptions; the pool translates them.
    """

    def __init__(
        self,
        origin: Origin,
        ssl_context: ssl.SSLContext | None,
        *,
        max_connections: int = DEFAULT_CONNECTIONS,
    ) -> None:
        self._opened = _OpenStreams()
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl_context,
            proxy=_environment_proxy(origin),
            max_connections=max_connections,
            max_keepalive_connections=max_connections,
            keepalive_expiry=KEEPALIVE_SECONDS,
            network_backend=_BoundedBackend(self._opened),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; the body of the answer is read by the caller."""
        url = request.url
        answer = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(cast("Iterable[bytes]", answer.stream)),
            extensions=answer.extensions,
        )

    def interrupt(self) -> None:
        """End what is under way; ``close`` may follow when no thread uses a connection any more."""
        self._opened.interrupt()

    def close(self) -> None:
        """Close all connections; none may be in use by another thread."""
        self._pool.close()


def _environment_proxy(origin: Origin) -> httpcore.Proxy | None:
    """Read ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY``; loopback is never proxied, as in Go."""
    if origin.is_loopback or proxy_bypass(origin.authority):
        return None
    proxies = getproxies()
    text = proxies.get(origin.scheme) or proxies.get("all") or ""
    if not text:
        return None
    try:
        proxy = httpx.Proxy(text if "://" in text else f"http://{text}")
    except (ValueError, httpx.InvalidURL) as error:
        raise _bad_proxy(origin) from error
    if proxy.url.scheme not in {"http", "https"}:
        raise _bad_proxy(origin)
    return httpcore.Proxy(
        url=httpcore.URL(
            scheme=proxy.url.raw_scheme, host=proxy.url.raw_host, port=proxy.url.port, target=b"/"
        ),
        auth=proxy.raw_auth,
    )


def _bad_proxy(origin: Origin) -> UsageError:
    return UsageError(
        f"The proxy that the environment names for {origin} cannot be used.",
        hint="HTTPS_PROXY must be http://HOST:PORT or https://HOST:PORT, or add the host to "
        "NO_PROXY.",
        code="bad-proxy",
    )
