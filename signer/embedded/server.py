"""The server's process: its address, its lock on the data directory, its start and its end."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from signer.embedded.app import Dtr, create_app, open_dtr
from signer.errors import UsageError
from signer.files import make_private_directory, write_atomically
from signer.serving.listen import MAX_PORT, WILDCARDS, Listen
from signer.serving.orderly import OrderlyServer

DEFAULT_LISTEN: Final = "localhost:8443"
_PORT_FILE: Final = "port"
_LOCK_FILE: Final = "lock"
_STOP_SECONDS: Final = 10
_KEEP_ALIVE_SECONDS: Final = 75


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
    lock = FileLock(directory / _LOCK_FILE, mode=0o600)
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
                server = OrderlyServer(
                    create_app(dtr),
                    partial(on_ready, dtr),
                    stop_seconds=_STOP_SECONDS,
                    keep_alive_seconds=_KEEP_ALIVE_SECONDS,
                    tls=_tls(dtr.certificates.server.file),
                    access_log=access_log,
                )
                asyncio.run(server.serve(sockets=sockets))
            finally:
                dtr.api.deliveries.stop()
                dtr.close()
        finally:
            for bound in sockets:
                bound.close()
            lock.release()


def _tls(file: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(file)
    return context


def _names(listen: Listen) -> tuple[str, ...]:
    if listen.host in WILDCARDS:
        return (socket.gethostname().lower(),)
    return (listen.host,)


def _bind(directory: Path, listen: Listen) -> list[socket.socket]:
    """Bind all addresses of the host, on one port.

    A port that was chosen freely is remembered, as collections and images are named by it.
    """
    remembered = directory / _PORT_FILE
    if listen.port:
        return listen.bind()
    before = remembered.read_text().strip() if remembered.exists() else ""
    if before.isdecimal() and 0 < int(before) <= MAX_PORT:
        return listen.bind(int(before))
    sockets = listen.bind()
    write_atomically(remembered, f"{sockets[0].getsockname()[1]}\n".encode())
    return sockets
