"""uvicorn as the servers of this toolkit run it."""

import signal
import socket
import ssl
from collections.abc import Callable
from types import FrameType
from typing import Final

import uvicorn
from starlette.types import ASGIApp

_MAX_HEADER: Final = 64 * 2**10
"""Bytes; tokens for many repositories are long."""


class OrderlyServer(uvicorn.Server):
    """uvicorn that tells when it is ready, and for which a signal is an orderly end.

    Args:
        app: answers.
        on_ready: called once connections are accepted.
        stop_seconds: how long requests under way may take after a signal.
        keep_alive_seconds: how long idle connections stay open.
        tls: the server's certificate; None for none.
        access_log: log every request.
        log_level: of uvicorn's own messages; None leaves it as it is.
    """

    def __init__(
        self,
        app: ASGIApp,
        on_ready: Callable[[], None],
        *,
        stop_seconds: int,
        keep_alive_seconds: int,
        tls: ssl.SSLContext | None = None,
        access_log: bool = False,
        log_level: str | None = None,
    ) -> None:
        config = uvicorn.Config(
            app,
            access_log=access_log,
            h11_max_incomplete_event_size=_MAX_HEADER,
            http="h11",
            lifespan="off",
            log_config=None,
            log_level=log_level,
            loop="asyncio",
            server_header=False,
            timeout_graceful_shutdown=stop_seconds,
            timeout_keep_alive=keep_alive_seconds,
            ws="none",
        )
        config.load()
        if tls is not None:
            config.ssl = tls
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets=sockets)
        if self.started:
            self._on_ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop in order; a second Ctrl-C stops at once."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True
