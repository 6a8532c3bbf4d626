"""The real notary-server."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from tests.components.certificates import Authority
from tests.components.notary_signer import NotarySigner
from tests.components.service import LOOPBACK, find_program
from tests.components.token_auth import TokenAuth
from tests.components.web import WebService


class NotaryServer(WebService):
    """``notary-server`` with TLS (NP 7).

    Without further arguments metadata and keys live in its memory and end with it. ``signer`` is a
    running notary-signer that keeps the keys; ``database_url`` a PostgreSQL database with the
    tables of `postgres.NOTARY_SERVER_TABLES`; ``auth`` the issuer of the tokens it asks for.
    """

    name: ClassVar[str] = "notary-server"

    def __init__(
        self,
        directory: Path,
        authority: Authority,
        *,
        signer: NotarySigner | None = None,
        database_url: str = "",
        auth: TokenAuth | None = None,
    ) -> None:
        super().__init__(directory, authority)
        self._signer = signer
        self._database_url = database_url
        self._auth = auth

    def configure(self) -> Sequence[str | Path]:
        """Write ``notary-server.json``."""
        program = find_program("notary-server", "notary")
        config: dict[str, Any] = {
            "server": {
                "http_addr": f"{LOOPBACK}:{self.port}",
                "tls_cert_file": str(self.authority.server.certificate),
                "tls_key_file": str(self.authority.server.key),
            },
            "trust_service": self._trust_service(),
            "logging": {"level": "debug"},
            "storage": {"backend": "memory"},
        }
        if self._database_url:
            config["storage"] = {"backend": "postgres", "db_url": self._database_url}
        if self._auth is not None:
            config["auth"] = {"type": "token", "options": self._auth.options()}
        file = self.directory / "notary-server.json"
        file.write_text(json.dumps(config, indent=1))
        return [program, "-config", file]

    def is_ready(self) -> bool:
        """The health page needs no token; it answers 503 while storage or signer fail."""
        return self.status("/_notary_server/health") == 200

    def metadata(self, gun: str, file: str) -> bytes:
        """Return a stored file, for example ``targets/releases.json`` or ``1.root.json``."""
        with self.client() as client:
            return client.get(_path(gun) + file).raise_for_status().content

    def delete(self, gun: str) -> None:
        """Delete the trust data of ``gun`` on the server, keys included."""
        with self.client() as client:
            client.delete(_path(gun)).raise_for_status()

    def _trust_service(self) -> dict[str, str]:
        if self._signer is None:
            return {"type": "local"}
        client = self.authority.client
        return {
            "type": "remote",
            "hostname": "localhost",
            "port": str(self._signer.port),
            "key_algorithm": "ecdsa",
            "tls_ca_file": str(self.authority.ca_file),
            "tls_client_cert": str(client.certificate),
            "tls_client_key": str(client.key),
        }


def _path(gun: str) -> str:
    return f"/v2/{gun}/_trust/tuf/"
