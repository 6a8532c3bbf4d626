"""The server's process: its address, its lock on the data directory, its start and its end."""

import asyncio
import errno
import signal
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

import uvicorn
from filelock import FileLock, Timeout

from signer.embedded.app import Dtr, create_app, open_dtr
from signer.errors import UsageError
from signer.files import make_private_directory, write_atomically
from signer.names import printable

DEFAULT_LISTEN: Final = "localhost:8443"
_PORT_FILE: Final = "port"
_LOCK_FILE: Final = "lock"
_WILDCARDS: Final = ("0.0.0.0", "::")  # noqa: S104 - compared, never bound by default
_MAX_PORT: Final = 65535
_STOP_SECONDS: Final = 10
_KEEP_ALIVE_SECONDS: Final = 75
_MAX_HEADER: Final = 64 * 2**10
"""Bytes; tokens for many repositories are long."""


@dataclass(frozen=True)
class Listen:
    """Where to listen; port 0 is a free one, the same at every start."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Listen":
        """Read ``HOST:PORT``; an IPv6 address is in brackets.

        Raises:
            UsageError: it is something else.
        """
        host, colon, port = text.rpartition(":")
        bare = host.removeprefix("[").removesuffix("]")
        wrong = not bare or not colon or not port.isdecimal() or int(port) > _MAX_PORT
        if wrong or (":" in bare and not host.startswith("[")):
            raise UsageError(
                f"{printable(text)!r} is no address to listen on.",
                hint=f"Write HOST:PORT, for example {DEFAULT_LISTEN}.",
                code="bad-listen",
            )
        return cls(bare, int(port))

    def url(self, port: int) -> str:
        """Return the URL by which clients reach ``port``."""
        name = "localhost" if self.host in _WILDCARDS else self.host
        name = f"[{name}]" if ":" in name else name
        return f"https://{name}" if port == 443 else f"https://{name}:{port}"


def serve(
    directory: Path,
    *,
    listen: Listen,
    on_ready: Callable[[Dtr], None],
    access_log: bool = False,
) -> None:
    """Serve a data directory until SIGTERM or SIGINT; requests that run are answered first.

    Args:
        directory: the data directory; made if need be.
        listen: the address.
        on_ready: called once connections are accepted.
        access_log: log every request.

    Raises:
        UsageError: the address is taken or not this machine's, or another process serves the
            directory.
        SignerError: something in the directory cannot be read or written.
    """
    make_private_directory(directory)
    lock = FileLock(directory / _LOCK_FILE)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UsageError(
            f"Another process serves {directory}.",
            hint="Stop it, or give another directory with --data.",
            code="data-in-use",
        ) from error
    with lock:
        sockets = _bind(directory, listen)
        try:
            url = listen.url(sockets[0].getsockname()[1])
            dtr = open_dtr(directory, url=url, hosts=_names(listen))
            try:
                dtr.api.deliveries.start()
                asyncio.run(_Server(dtr, on_ready, access_log=access_log).serve(sockets=sockets))
            finally:
                dtr.api.deliveries.stop()
                dtr.close()
        finally:
            for bound in sockets:
                bound.close()
            lock.release()


class _Server(uvicorn.Server):
    """uvicorn that tells when it is ready, and for which a signal is an orderly end."""

    def __init__(self, dtr: Dtr, on_ready: Callable[[Dtr], None], *, access_log: bool) -> None:
        config = uvicorn.Config(
            create_app(dtr),
            access_log=access_log,
            h11_max_incomplete_event_size=_MAX_HEADER,
            http="h11",
            lifespan="off",
            log_config=None,
            loop="asyncio",
            server_header=False,
            timeout_graceful_shutdown=_STOP_SECONDS,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            ws="none",
        )
        config.load()
        config.ssl = _tls(dtr.certificates.server.file)
        super().__init__(config)
        self._dtr = dtr
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets=sockets)
        if self.started:
            self._on_ready(self._dtr)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop in order; a second Ctrl-C stops at once."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True


def _tls(file: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(file)
    return context


def _names(listen: Listen) -> tuple[str, ...]:
    if listen.host in _WILDCARDS:
        return (socket.gethostname().lower(),)
    return (listen.host,)


def _bind(directory: Path, listen: Listen) -> list[socket.socket]:
    """Bind all addresses of the host, on one port.

    A port that was chosen freely is remembered, as collections and images are named by it.
    """
    remembered = directory / _PORT_FILE
    if listen.port:
        return _bind_port(listen, listen.port)
    before = remembered.read_text().strip() if remembered.exists() else ""
    if before.isdecimal() and 0 < int(before) <= _MAX_PORT:
        return _bind_port(listen, int(before))
    sockets = _bind_port(listen, 0)
    write_atomically(remembered, f"{sockets[0].getsockname()[1]}\n".encode())
    return sockets


def _bind_port(listen: Listen, port: int) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(
            listen.host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        # IPv4 first: its port is the one that must be free where it is chosen here.
        for family, kind, protocol, _, address in sorted(found, key=lambda entry: entry[0]):
            bound = socket.socket(family, kind, protocol)
            try:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                chosen = sockets[0].getsockname()[1] if sockets else port
                bound.bind((address[0], chosen, *address[2:]))
            except OSError as error:
                bound.close()
                if sockets and error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                    continue  # the name has an IPv6 address, and the machine none
                raise
            sockets.append(bound)
    except OSError as error:
        for bound in sockets:
            bound.close()
        raise UsageError(
            f"Cannot listen on {listen.host}:{port}: {error.strerror or error}.",
            hint="Choose another address with --listen HOST:PORT.",
            code="cannot-listen",
        ) from error
    return sockets
