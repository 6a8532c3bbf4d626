"""What the HTTPS servers of a run have in common: their address and a client that checks it."""

from pathlib import Path
from typing import Final

import httpx

from tests.components.certificates import Authority
from tests.components.service import Service

_PROBE_SECONDS: Final = 2.0
"""Short: whoever holds the port instead may never answer, and a probe is repeated anyway."""


class WebService(Service):
    """A server with TLS on ``https://localhost:PORT``.

    Attributes:
        authority: the authority whose certificate it shows.
    """

    def __init__(self, directory: Path, authority: Authority) -> None:
        super().__init__(directory)
        self.authority = authority
        self._context = authority.client_context()

    @property
    def host(self) -> str:
        """``localhost:PORT``, as in image references."""
        return f"localhost:{self.port}"

    @property
    def url(self) -> str:
        """``https://localhost:PORT``."""
        return f"https://{self.host}"

    def client(self, auth: tuple[str, str] | None = None) -> httpx.Client:
        """Return a client for paths of this server; the caller closes it."""
        return httpx.Client(
            base_url=self.url, verify=self._context, trust_env=False, auth=auth, timeout=30
        )

    def status(self, path: str) -> int:
        """Return the status of a GET, or 0 where no answer came."""
        try:
            with self.client() as client:
                return client.get(path, timeout=_PROBE_SECONDS).status_code
        except httpx.TransportError:
            return 0
