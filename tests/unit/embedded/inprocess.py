"""The embedded DTR without a process and without sockets: requests go straight to the application.

Starlette's own test client wants another HTTP library than the project's.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import httpx
from starlette.types import ASGIApp

from signer.embedded.app import Dtr, create_app, open_dtr

URL: Final = "https://dtr.test:8443"
HOST: Final = "dtr.test:8443"
PASSWORD: Final = "worthless example password"


class Application(httpx.BaseTransport):
    """Calls an ASGI application for each request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the whole answer."""
        return asyncio.run(self._answer(request.method, request.url, request))

    async def _answer(self, method: str, url: httpx.URL, given: httpx.Request) -> httpx.Response:
        request = httpx.Request(method, url, headers=given.headers, content=given.read())
        async with httpx.ASGITransport(self._app, raise_app_exceptions=False) as transport:
            answer = await transport.handle_async_request(request)
            content = await answer.aread()
        return httpx.Response(answer.status_code, headers=answer.headers, content=content)


class Clock:
    """A clock that stands until it is set forward."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 1, 55, 20, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the moment."""
        return self.now

    def forward(self, **amount: float) -> None:
        """Set it forward by a ``timedelta``."""
        self.now += timedelta(**amount)


class InProcess:
    """An embedded DTR with the account ``admin`` and an application to ask.

    Attributes:
        dtr: its parts.
        clock: its clock.
    """

    def __init__(self, directory: Path, clock: Clock) -> None:
        self.clock = clock
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "admin-password").write_text(PASSWORD)
        self.dtr: Dtr = open_dtr(directory, url=URL, clock=clock)
        self._transport = Application(create_app(self.dtr))

    def client(self, user: str = "admin", password: str = PASSWORD) -> httpx.Client:
        """Return a client with Basic credentials; anonymous for an empty user."""
        return httpx.Client(
            transport=self._transport, base_url=URL, auth=(user, password) if user else None
        )

    def token(self, *scopes: str, user: str = "admin", service: str = HOST) -> str:
        """Return a token for scopes."""
        parameters = {"service": service, "scope": list(scopes)}
        answer = self.client(user).get("/auth/token", params=parameters).raise_for_status()
        token: str = answer.json()["token"]
        return token

    def bearer(self, *scopes: str, user: str = "admin") -> httpx.Client:
        """Return a client with a token for scopes."""
        headers = {"Authorization": f"Bearer {self.token(*scopes, user=user)}"}
        return httpx.Client(transport=self._transport, base_url=URL, headers=headers)


@contextmanager
def in_process(directory: Path, clock: Clock | None = None) -> Iterator[InProcess]:
    """Open a data directory for a block."""
    opened = InProcess(directory, clock or Clock())
    try:
        yield opened
    finally:
        opened.dtr.close()
