"""HTTP for everything that talks to a server: one client per origin, and no surprises.

Rules:

- nothing is sent over plain http except to loopback hosts that the user named;
- redirects are followed for GET alone, at most five, never from https to http, and credentials do
  not follow to another origin; cookies are neither kept nor sent;
- every body has a limit, checked before and while it is read, and is asked for uncompressed;
- every request has one deadline for all that it takes: tokens, redirects, retries and the body;
- foreign exceptions become NetworkError here and nowhere else.
"""

import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Final, Protocol, Self

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    retry_if_result,
    stop_after_attempt,
    wait_random,
)

from signer import __version__
from signer.constants import DEFAULT_CONNECTIONS, DEFAULT_TIMEOUT_SECONDS, MAX_ERROR_SIZE
from signer.errors import NetworkError, TrustDataError, UsageError
from signer.names import printable
from signer.transport._httpx import httpx
from signer.transport.answers import Headers, Response
from signer.transport.connection import BoundedTransport, deadline_at
from signer.transport.faults import translated
from signer.transport.origin import Origin, plain_http_origins, require_encrypted
from signer.transport.tokens import TokenCache

__all__ = ["File", "HttpPool", "Response", "TlsContexts"]

MAX_REDIRECTS: Final = 5
MAX_ATTEMPTS: Final = 3
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_UNAVAILABLE: Final = frozenset({502, 503, 504})
_IDEMPOTENT: Final = frozenset({"GET", "HEAD"})
_TRANSIENT_CODES: Final = frozenset(
    {"connection-refused", "connection-failed", "connection-lost", "dns"}
)
_PERSONAL_FIELDS: Final = ("Authorization", "Proxy-Authorization", "Cookie")
_DEFAULT_FIELDS: Final = {"User-Agent": f"signer/{__version__}", "Accept-Encoding": "identity"}

File = tuple[str, tuple[str, bytes, str]]
"""A part of a multipart form: field name, then file name, content and media type."""


class TlsContexts(Protocol):
    """Where a pool gets its TLS contexts from; see ``signer.transport.tls.TlsSettings``."""

    def ssl_context(self, host: str) -> ssl.SSLContext:
        """Return the context for ``HOST[:PORT]``."""

    def searched(self, host: str) -> Sequence[object]:
        """Return the directories where certificates for ``HOST[:PORT]`` are looked for."""


class HttpPool:
    """Connections to all servers of one run, shared by its threads.

    Args:
        tls: roots and client certificates by host.
        timeout_seconds: how long one request may take, with everything that belongs to it.
        insecure_http_hosts: ``HOST[:PORT]`` of loopback servers that the user gave as ``http://``.
        transport: answers in place of the network, for tests.
        sleep: waits between retries.
        clock: seconds that never go back.
        max_connections: to one server.
    """

    def __init__(
        self,
        *,
        tls: TlsContexts,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        insecure_http_hosts: frozenset[str] = frozenset(),
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        max_connections: int = DEFAULT_CONNECTIONS,
    ) -> None:
        if not timeout_seconds > 0:
            raise UsageError(f"The timeout must be more than 0 seconds, not {timeout_seconds}.")
        self.plain_http = plain_http_origins(insecure_http_hosts)
        self.tokens = TokenCache(clock=clock)
        self._tls = tls
        self._timeout_seconds = timeout_seconds
        self._max_connections = max_connections
        self._transport = transport
        self._sleep = sleep
        self._clock = clock
        self._clients: dict[Origin, httpx.Client] = {}
        self._connections: list[BoundedTransport] = []
        self._in_use = 0
        self._closed = False
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections; requests under way fail, and the last of them closes the door."""
        with self._lock:
            self._closed = True
            connections, idle = list(self._connections), not self._in_use
        if idle:
            self._close_clients()
            return
        for connection in connections:
            connection.interrupt()

    def _close_clients(self) -> None:
        with self._lock:
            clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            client.close()

    @contextmanager
    def _using(self, origin: Origin) -> Iterator[httpx.Client]:
        """Lend a client; none is closed while it is lent to a thread."""
        with self._lock:
            if self._closed:
                raise NetworkError(
                    f"The request to {origin.authority} was given up.", code="closed"
                )
            self._in_use += 1
        try:
            yield self._client(origin)
        finally:
            self._give_back()

    def _give_back(self) -> None:
        with self._lock:
            self._in_use -= 1
            is_last = self._closed and not self._in_use
        if is_last:
            self._close_clients()

    def base_url(self, host: str) -> str:
        """Return ``https://HOST[:PORT]``, or ``http://`` where the user asked for it."""
        plain = Origin.of_host(host, scheme="http")
        return str(plain if plain in self.plain_http else Origin.of_host(host))

    def request(
        self,
        method: str,
        url: str,
        *,
        max_bytes: int,
        auth: httpx.Auth | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        files: Sequence[File] | None = None,
        follow_redirects: bool = True,
    ) -> Response:
        """Send one request and return the whole answer, whatever its status.

        ``max_bytes`` limits the body of an answer with a status below 400; of an error answer the
        first 64 KiB are kept.

        Raises:
            NetworkError: no answer, with code ``timeout``, ``dns``, ``connection-refused``,
                ``connection-failed``, ``connection-lost``, ``tls-unverified``, ``tls-failed``,
                ``bad-http``, ``too-many-redirects`` or ``insecure-redirect``.
            TrustDataError: the body is larger than ``max_bytes`` (code ``too-large``).
            AuthError: ``auth`` gave up.
            UsageError: the URL or the TLS settings are wrong (``bad-url``, ``plain-http``, ...).
        """
        origin = Origin.of(url)
        ends = self._clock() + self._timeout_seconds
        with deadline_at(time.monotonic() + self._timeout_seconds):
            with translated(url), self._using(origin) as client:
                request = client.build_request(
                    method, url, headers=dict(headers or {}), content=content, files=files
                )
            # httpx would read the answers in between, such as a 401, without any limit. So the
            # flow is driven here, and each of its requests goes to the client of its own origin.
            flow = (auth or httpx.Auth()).sync_auth_flow(request)
            try:
                step = next(flow)
                while True:
                    limit = max_bytes if step is request else None
                    answer = self._follow(step, limit, ends=ends, redirects=follow_redirects)
                    try:
                        step = flow.send(answer)
                    except StopIteration:
                        return _response(answer)
            finally:
                flow.close()

    def _follow(
        self, request: httpx.Request, limit: int | None, *, ends: float, redirects: bool
    ) -> httpx.Response:
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._retry(request, limit, ends=ends)
            location = answer.headers.get("Location", "")
            if (
                not redirects
                or request.method != "GET"
                or answer.status_code not in _REDIRECTS
                or not location
            ):
                return answer
            request = self._redirected(request, location)
        raise NetworkError(
            f"{_host(request)} redirects more than {MAX_REDIRECTS} times.",
            hint="Is the server's URL right?",
            code="too-many-redirects",
        )

    def _redirected(self, request: httpx.Request, location: str) -> httpx.Request:
        before = Origin.of(str(request.url))
        try:
            target = request.url.join(location)
            after = Origin.of(str(target))
            require_encrypted(after, self.plain_http if before.scheme == "http" else frozenset())
        except (UsageError, httpx.InvalidURL) as error:
            raise NetworkError(
                f"{before.authority} redirects to {printable(location.partition('?')[0])!r}, which "
                "is not followed.",
                hint="A redirect must lead to an https URL without user name and password.",
                code="insecure-redirect",
            ) from error
        headers = request.headers.copy()
        headers.pop("Host", None)
        if after != before:
            for name in _PERSONAL_FIELDS:
                headers.pop(name, None)
        return httpx.Request("GET", target, headers=headers)

    def _retry(self, request: httpx.Request, limit: int | None, *, ends: float) -> httpx.Response:
        if request.method not in _IDEMPOTENT:
            return self._send(request, limit, ends=ends)
        attempts = Retrying(
            stop=lambda state: stop_after_attempt(MAX_ATTEMPTS)(state) or self._clock() >= ends,
            wait=wait_random(0.1, 0.4),
            retry=retry_if_exception(_is_transient)
            | retry_if_result(lambda answer: answer.status_code in _UNAVAILABLE),
            sleep=self._sleep,
            retry_error_callback=_last_outcome,
        )
        return attempts(self._send, request, limit, ends=ends)

    def _send(self, request: httpx.Request, limit: int | None, *, ends: float) -> httpx.Response:
        url = str(request.url)
        origin = Origin.of(url)
        require_encrypted(origin, self.plain_http)
        for name, value in _DEFAULT_FIELDS.items():
            request.headers.setdefault(name, value)
        remaining = max(ends - self._clock(), 0.001)
        request.extensions["timeout"] = httpx.Timeout(remaining).as_dict()
        searched = self._tls.searched(origin.authority)
        with translated(url, searched=searched), self._using(origin) as client:
            answer = client.send(request, auth=None, stream=True)
            try:
                body = b"".join(self._read(answer, limit, ends=ends))
            finally:
                answer.close()
        fields = [field for field in answer.headers.multi_items() if field[0] != "content-encoding"]
        return httpx.Response(answer.status_code, headers=fields, content=body, request=request)

    def _read(self, answer: httpx.Response, limit: int | None, *, ends: float) -> Iterator[bytes]:
        failed = limit is None or answer.status_code >= 400
        bound = MAX_ERROR_SIZE if limit is None or failed else limit
        url = printable(str(answer.request.url))
        if answer.request.method == "HEAD":
            return
        if answer.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            if failed:
                return
            raise NetworkError(
                f"{url} answered with a compressed body although asked not to.",
                hint="A proxy in between may be at fault.",
                code="bad-http",
            )
        length = answer.headers.get("Content-Length", "")
        if not failed and length.isdecimal() and int(length) > bound:
            raise _too_large(url, bound)
        size = 0
        # A simulated server's answer may be there already, as a whole.
        for chunk in [answer.content] if answer.is_stream_consumed else answer.iter_raw():
            if self._clock() >= ends:
                raise httpx.ReadTimeout("the body takes too long")
            size += len(chunk)
            if size > bound:
                if failed:
                    yield chunk[: len(chunk) - (size - bound)]
                    return
                raise _too_large(url, bound)
            yield chunk

    def _client(self, origin: Origin) -> httpx.Client:
        with self._lock:
            client = self._clients.get(origin)
            if client is None:
                client = self._clients[origin] = httpx.Client(
                    transport=self._transport or self._connect(origin),
                    headers=_DEFAULT_FIELDS,
                    cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
                    follow_redirects=False,
                    trust_env=False,
                )
            return client

    def _connect(self, origin: Origin) -> BoundedTransport:
        encrypted = origin.scheme == "https"
        context = self._tls.ssl_context(origin.authority) if encrypted else None
        connections = BoundedTransport(origin, context, max_connections=self._max_connections)
        self._connections.append(connections)
        return connections


def _response(answer: httpx.Response) -> Response:
    return Response(
        status=answer.status_code,
        headers=Headers(answer.headers),
        content=answer.content,
        url=str(answer.request.url),
    )


def _too_large(url: str, limit: int) -> TrustDataError:
    return TrustDataError(
        f"The answer of {url} is larger than the {limit} bytes allowed.",
        hint="Nothing of it was used. Is this the right server?",
        code="too-large",
    )


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, NetworkError) and error.code in _TRANSIENT_CODES


def _last_outcome(state: RetryCallState) -> httpx.Response:
    if state.outcome is None:
        raise RuntimeError("tenacity gave up before the first attempt")
    answer: httpx.Response = state.outcome.result()
    return answer


def _host(request: httpx.Request) -> str:
    return Origin.of(str(request.url)).authority
