"""The real docker-registry."""

import ctypes
import ctypes.util
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tests.components.certificates import Authority
from tests.components.service import LOOPBACK, find_program
from tests.components.token_auth import TokenAuth
from tests.components.web import WebService


@dataclass(frozen=True)
class BasicAuth:
    """The accounts of a registry that asks for a user and a password (worthless ones)."""

    accounts: Mapping[str, str]


class Registry(WebService):
    """``docker-registry serve`` with TLS, files in ``directory/storage``, deletion allowed."""

    name: ClassVar[str] = "docker-registry"

    def __init__(
        self, directory: Path, authority: Authority, *, auth: TokenAuth | BasicAuth | None = None
    ) -> None:
        super().__init__(directory, authority)
        self._auth = auth

    def configure(self) -> Sequence[str | Path]:
        """Write ``registry.json``: the program reads YAML, of which JSON is a part."""
        program = find_program("docker-registry", "docker-registry")
        config: dict[str, Any] = {
            "version": 0.1,
            "log": {"level": "info"},
            "http": {
                "addr": f"{LOOPBACK}:{self.port}",
                "secret": "worthless-example-secret",
                "tls": {
                    "certificate": str(self.authority.server.certificate),
                    "key": str(self.authority.server.key),
                },
            },
            "storage": {
                "filesystem": {"rootdirectory": str(self.directory / "storage")},
                "delete": {"enabled": True},
                "maintenance": {"uploadpurging": {"enabled": False}},
            },
        }
        if isinstance(self._auth, TokenAuth):
            config["auth"] = {"token": self._auth.options()}
        elif isinstance(self._auth, BasicAuth):
            accounts = self.directory / "htpasswd"
            accounts.write_text(
                "".join(f"{user}:{_bcrypt(word)}\n" for user, word in self._auth.accounts.items())
            )
            config["auth"] = {"htpasswd": {"realm": "example", "path": str(accounts)}}
        file = self.directory / "registry.json"
        file.write_text(json.dumps(config, indent=1))
        return [program, "serve", file]

    def is_ready(self) -> bool:
        """The API's base answers, with a challenge where an account is wanted."""
        return self.status("/v2/") in {200, 401}


def _bcrypt(password: str) -> str:
    """Hash a password as htpasswd does, with the C library's own function."""
    library = ctypes.CDLL(ctypes.util.find_library("crypt"))
    for function in (library.crypt, library.crypt_gensalt):
        function.restype = ctypes.c_char_p
    salt = library.crypt_gensalt(b"$2b$", ctypes.c_ulong(4), None, 0)
    hashed: bytes | None = library.crypt(password.encode(), salt)
    if hashed is None or not hashed.startswith(b"$2b$"):
        raise RuntimeError("the C library cannot hash with bcrypt")
    return hashed.decode()
