"""The application: opens the data directory and puts all routes together.

``open_dtr`` makes the parts, ``create_app`` serves them. Every refusal leaves here in one form,
``{"errors": [{"code", "message", "detail"}]}``.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from signer.embedded.access import Access
from signer.embedded.account_routes import AccountRoutes
from signer.embedded.accounts import Accounts
from signer.embedded.blob_routes import BlobRoutes
from signer.embedded.blobs import Blobs
from signer.embedded.certificates import CA_FILE, Certificates, load_certificates
from signer.embedded.database import Database
from signer.embedded.dtr.sender import Send as SendWebhook
from signer.embedded.dtr.sender import send as send_webhook
from signer.embedded.dtr.service import DtrService, open_service
from signer.embedded.errors import ApiError
from signer.embedded.images import Images
from signer.embedded.notary.routes import routes as notary_routes
from signer.embedded.notary.service import NotaryService
from signer.embedded.refresh_tokens import RefreshTokens
from signer.embedded.registry import Registry
from signer.embedded.repositories import Repositories
from signer.embedded.teams import Teams
from signer.embedded.tokens import Tokens
from signer.errors import SignerError
from signer.files import make_private_directory

DATABASE_FILE: Final = "dtr.sqlite3"
_OTHERS: Final = 0o077
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Dtr:
    """The parts of a running embedded DTR.

    Attributes:
        directory: the data directory.
        url: ``https://HOST:PORT``.
        certificates: its authority, and what it shows.
        database: everything but the blobs' bytes.
        accounts: users and organisations.
        teams: who belongs where.
        repositories: names and settings; events of everything below.
        images: manifests and tags.
        blobs: layers and configurations.
        access: who may do what.
        tokens: issues and checks tokens.
        notary: the Notary server.
        api: DTR's API, promotion, webhooks.
    """

    directory: Path
    url: str
    certificates: Certificates
    database: Database
    accounts: Accounts
    teams: Teams
    repositories: Repositories
    images: Images
    blobs: Blobs
    access: Access
    tokens: Tokens
    notary: NotaryService
    api: DtrService

    @property
    def host(self) -> str:
        """``HOST:PORT``, as image references and GUNs begin."""
        return self.url.partition("://")[2]

    def close(self) -> None:
        """Close the database."""
        self.database.close()


def open_dtr(
    directory: Path,
    *,
    url: str,
    hosts: tuple[str, ...] = (),
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    sender: SendWebhook = send_webhook,
) -> Dtr:
    """Open a data directory; at the first start, make everything that is in it.

    Args:
        directory: the data directory.
        url: where clients reach the server.
        hosts: names and addresses for the server's certificate, beside those of loopback.
        clock: the time.
        sender: sends webhooks.

    Raises:
        SignerError: something in the directory cannot be read or written.
    """
    make_private_directory(directory)

    def now() -> str:
        return clock().isoformat(timespec="microseconds").replace("+00:00", "Z")

    certificates = load_certificates(directory, hosts=hosts, clock=clock)
    database = Database(directory / DATABASE_FILE)
    host = url.partition("://")[2]
    accounts = Accounts(database, now=now)
    accounts.ensure_admin(directory)
    _keep_private(directory)
    repositories = Repositories(database, now=now)
    images = Images(database, repositories, host=host, now=now)
    blobs = Blobs(directory, database)
    teams = Teams(database, accounts=accounts)
    access = Access(database, teams=teams, repositories=repositories)
    tokens = Tokens(
        accounts,
        refresh_tokens=RefreshTokens(database, accounts=accounts, now=now),
        access=access,
        signing=certificates.token,
        url=url,
        clock=lambda: clock().timestamp(),
    )
    return Dtr(
        directory=directory,
        url=url,
        certificates=certificates,
        database=database,
        accounts=accounts,
        teams=teams,
        repositories=repositories,
        images=images,
        blobs=blobs,
        access=access,
        tokens=tokens,
        notary=NotaryService(database, now=clock),
        api=open_service(
            database,
            host=host,
            authenticate=tokens.authenticate,
            access=access,
            accounts=accounts,
            repositories=repositories,
            images=images,
            blobs=blobs,
            now=now,
            clock=lambda: clock().timestamp(),
            sender=sender,
        ),
    )


def _keep_private(directory: Path) -> None:
    """Take from others what a copy or a backup gave them: keys, the password and the database."""
    for file in directory.iterdir():
        if file.name != CA_FILE and file.is_file() and file.stat().st_mode & _OTHERS:
            _LOG.warning("%s was readable or writable by others; it is mode 600 now", file)
            file.chmod(0o600)


def create_app(dtr: Dtr) -> Starlette:
    """Return the ASGI application of a DTR."""
    authorise = dtr.tokens.authorise
    routes: list[BaseRoute] = [
        Route("/ca", _ca(dtr), methods=["GET"]),
        *dtr.tokens.routes(),
        *AccountRoutes(
            dtr.accounts,
            teams=dtr.teams,
            access=dtr.access,
            authenticate=dtr.tokens.authenticate,
        ).routes(),
        *dtr.api.routes,
        # Before the registry's: a role's name may look like a path of the registry.
        *notary_routes(dtr.notary, authorise=authorise),
        *BlobRoutes(dtr.repositories, dtr.blobs, authorise).routes(),
        *Registry(dtr.repositories, dtr.images, dtr.blobs, authorise).routes(),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(_RegistryVersion)],
        exception_handlers={
            ApiError: _refused,
            SignerError: _failed,
            HTTPException: _no_route,
            Exception: _crashed,
        },
    )


def _ca(dtr: Dtr) -> Callable[[Request], Response]:
    def ca(_request: Request) -> Response:
        return Response(dtr.certificates.ca.pem, media_type="application/x-pem-file")

    return ca


def _refused(_request: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):
        raise TypeError("only refusals come here")
    return JSONResponse(error.content(), status_code=error.status, headers=error.headers)


def _failed(_request: Request, error: Exception) -> Response:
    _LOG.error("%s", error)
    return _refused(_request, ApiError(500, "UNKNOWN", "the server failed; see its log"))


def _no_route(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise TypeError("only the router's errors come here")
    code = "UNSUPPORTED" if error.status_code == 405 else "NOT_FOUND"
    refusal = ApiError(error.status_code, code, error.detail, headers=error.headers)
    return _refused(_request, refusal)


def _crashed(_request: Request, _error: Exception) -> Response:
    return _refused(_request, ApiError(500, "UNKNOWN", "the server failed; see its log"))


class _RegistryVersion:
    """Says on every answer below ``/v2`` what is served: old clients look for it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_version(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Docker-Distribution-Api-Version"] = "registry/2.0"
            await send(message)

        below = scope["type"] == "http" and scope["path"].startswith("/v2/")
        await self._app(scope, receive, send_with_version if below else send)
