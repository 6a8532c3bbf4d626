"""The plugin's process: its socket, its start and its end."""

import asyncio
import os
import socket
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final

from starlette.types import ASGIApp

from signer.admission.engine.app import create_app
from signer.admission.engine.journal import Journal
from signer.admission.engine.plugin import Plugin
from signer.admission.policy_file import PolicyFile
from signer.errors import UsageError
from signer.serving.orderly import OrderlyServer

_STOP_SECONDS: Final = 8
_KEEP_ALIVE_SECONDS: Final = 3600
"""The engine keeps its connections, and a request on one that was just closed fails."""

_RELOAD_SECONDS: Final = 2.0
_THREADS: Final = 64
_MAX_PATH: Final = 107
"""Bytes that the address of a Unix socket has room for."""


class PluginSocket:
    """The socket that the engine finds the plugin by; only its owner may use it.

    Args:
        path: ``/run/docker/plugins/NAME.sock`` makes it the plugin ``NAME``.

    Raises:
        UsageError: something else is there, another process listens there, or it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if len(os.fsencode(path)) > _MAX_PATH:
            raise _cannot(path, f"the path is longer than {_MAX_PATH} bytes")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
            _remove_stale(path)
            before = os.umask(0o177)
            try:
                self.socket.bind(str(path))
            finally:
                os.umask(before)
            self._inode = path.stat().st_ino
        except OSError as error:
            self.socket.close()
            raise _cannot(path, error.strerror or str(error)) from error
        except UsageError:
            self.socket.close()
            raise

    def close(self) -> None:
        """Stop listening and remove the socket, unless another process has put its own there."""
        self.socket.close()
        with suppress(OSError):
            if self.path.stat().st_ino == self._inode:
                self.path.unlink()


def serve(
    plugin: Plugin,
    policies: PolicyFile,
    bound: PluginSocket,
    *,
    journal: Journal,
    on_ready: Callable[[], None],
) -> None:
    """Answer the engine until SIGTERM or SIGINT; requests that run are answered first.

    Args:
        plugin: decides.
        policies: read again while this runs.
        bound: where the engine asks; closed at the end.
        journal: where decisions are written.
        on_ready: called once connections are accepted.
    """
    executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="decisions")
    try:
        app = create_app(plugin, journal, executor)
        asyncio.run(_Server(app, policies, on_ready).serve(sockets=[bound.socket]))
    finally:
        bound.close()
        executor.shutdown(wait=False, cancel_futures=True)


class _Server(OrderlyServer):
    """Answers the engine, and reads the policy again."""

    def __init__(self, app: ASGIApp, policies: PolicyFile, on_ready: Callable[[], None]) -> None:
        super().__init__(
            app, on_ready, stop_seconds=_STOP_SECONDS, keep_alive_seconds=_KEEP_ALIVE_SECONDS
        )
        self._policies = policies
        self._reloading: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and read the policy again from now on."""
        await super().startup(sockets=sockets)
        if self.started:
            self._reloading = asyncio.create_task(self._reload())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop reading the policy again, then as uvicorn does."""
        if self._reloading is not None:
            self._reloading.cancel()
        await super().shutdown(sockets=sockets)

    async def _reload(self) -> None:
        while True:
            await asyncio.sleep(_RELOAD_SECONDS)
            await asyncio.to_thread(self._policies.refresh)


def _remove_stale(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise _cannot(path, "something that is no socket is there")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink()
            return
    raise _cannot(path, "another process listens there")


def _cannot(path: Path, why: str) -> UsageError:
    return UsageError(
        f"Cannot listen on {path}: {why}.",
        hint="The engine finds plugins by sockets such as /run/docker/plugins/signer.sock.",
        code="cannot-listen",
    )
