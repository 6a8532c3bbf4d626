"""The embedded DTR's Notary server alone, as a process: no accounts, whoever asks may do anything.

``python -m tests.interop.embedded_notary.server DIRECTORY PORT CERTIFICATE KEY``
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from signer.embedded.database import Database
from signer.embedded.identity import ANONYMOUS, Identity, Scope
from signer.embedded.notary.routes import routes
from signer.embedded.notary.service import NotaryService
from tests.components.notary_server import NotaryServer
from tests.components.service import LOOPBACK

_ROOT: Final = Path(__file__).parents[3]


class EmbeddedNotary(NotaryServer):
    """It in the place of the real one, with metadata and keys in its directory."""

    name: ClassVar[str] = "embedded-notary"

    def configure(self) -> Sequence[str | Path]:
        """Return the command line."""
        files = self.authority.server
        module = "tests.interop.embedded_notary.server"
        data = self.directory / "data"
        return [
            sys.executable,
            "-m",
            module,
            data,
            str(self.port),
            files.certificate,
            files.key,
        ]

    def environment(self) -> Mapping[str, str]:
        """Return the program's environment, in which the tests' modules are found."""
        return {**super().environment(), "PYTHONPATH": str(_ROOT)}


def application(database: Database) -> Starlette:
    """Return the routes and the page that clients ask first."""
    service = NotaryService(database)
    return Starlette(
        routes=[Route("/v2/", _ping), *routes(service, authorise=_anybody)],
    )


def _anybody(_request: Request, _scope: Scope | None) -> Identity:
    return ANONYMOUS


def _ping(_request: Request) -> Response:
    return Response(b"{}", media_type="text/plain; charset=utf-8")


def main() -> None:
    """Serve until the process is ended."""
    import uvicorn

    directory, port, certificate, key = sys.argv[1:]
    uvicorn.run(
        application(Database(Path(directory) / "embedded.sqlite")),
        host=LOOPBACK,
        port=int(port),
        ssl_certfile=certificate,
        ssl_keyfile=key,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
