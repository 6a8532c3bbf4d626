"""The embedded DTR as its user runs it: the process ``signer serve``."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import httpx

from tests.components.certificates import Authority
from tests.components.service import Service
from tests.components.signer_cli import PROGRAM
from tests.components.web import WebService

ADMIN = "admin"


class EmbeddedAuthority(Authority):
    """The authority that the embedded DTR makes for itself at its first start."""

    def __init__(self, data: Path) -> None:
        self.directory = data
        self.ca_file = data / "ca.pem"


class EmbeddedDtr(WebService):
    """``signer serve --data DIRECTORY/data --json`` on ``https://localhost:PORT``.

    It stands for a registry, a Notary server and a token server alike: whatever wants one of them
    takes its ``host``, ``url`` and ``authority``.

    Attributes:
        data: the data directory.
    """

    name: ClassVar[str] = "signer-serve"

    def __init__(self, directory: Path) -> None:
        Service.__init__(self, directory)  # there is no CA yet for a client to trust
        self.data = directory / "data"
        self.authority = EmbeddedAuthority(self.data)

    def configure(self) -> Sequence[str | Path]:
        """Nothing but the command line."""
        return [PROGRAM, "serve", "--data", self.data, "--listen", self.host, "--json"]

    def is_ready(self) -> bool:
        """It has printed its line."""
        return any(line.startswith('{"schema": "signer.serve/1"') for line in self._lines())

    @property
    def ca_file(self) -> Path:
        """The CA's certificate, as the readiness line names it."""
        return Path(self.announced["ca"])

    @property
    def announced(self) -> dict[str, str]:
        """The readiness line of the last start."""
        line = next(line for line in self._lines() if line.startswith("{"))
        announced: dict[str, str] = json.loads(line)
        return announced

    @property
    def admin_password(self) -> str:
        """The password of the account ``admin``."""
        return (self.data / "admin-password").read_text().strip()

    @property
    def admin(self) -> tuple[str, str]:
        """User name and password of the admin."""
        return ADMIN, self.admin_password

    @property
    def environment_variables(self) -> dict[str, str]:
        """The admin's credentials, as ``signer`` (and ``notary``: see `SignerCli`) take them."""
        return {
            "DTR_SERVER": self.host,
            "DTR_USERNAME": ADMIN,
            "DTR_PASSWORD": self.admin_password,
        }

    def client(self, auth: tuple[str, str] | None = None) -> httpx.Client:
        """Return a client for its paths, as ``auth`` or the admin; the caller closes it."""
        return self._open(auth or self.admin)

    def anonymous(self) -> httpx.Client:
        """Return a client without credentials; the caller closes it."""
        return self._open(None)

    def status(self, path: str) -> int:
        """Return the status of a GET without credentials, or 0 where no answer came."""
        try:
            with self.anonymous() as client:
                return client.get(path).status_code
        except httpx.TransportError:
            return 0

    def _open(self, auth: tuple[str, str] | None) -> httpx.Client:
        return httpx.Client(
            base_url=self.url,
            verify=self.authority.client_context(),
            trust_env=False,
            auth=auth,
            timeout=30,
        )

    def _lines(self) -> list[str]:
        return self.log.splitlines()
