"""The real redis-server, on loopback with a password, its data on the disk."""

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from tests.components.certificates import Authority
from tests.components.service import LOOPBACK, Service, find_program

PASSWORD: Final = "worthless/example:password@"
"""With characters that a URL must escape."""

ESCAPED: Final = "worthless%2Fexample%3Apassword%40"
_SECONDS: Final = 5.0


class Redis(Service):
    """``redis-server``; every change is on the disk before it is answered.

    Args:
        directory: for configuration, data, log, and the Unix socket.
        authority: of its certificate: then it speaks TLS alone.
    """

    name: ClassVar[str] = "redis-server"

    def __init__(self, directory: Path, authority: Authority | None = None) -> None:
        super().__init__(directory)
        self.authority = authority

    def configure(self) -> Sequence[str | Path]:
        """Write ``redis.conf``; what was stored before is there again."""
        program = find_program("redis-server", "redis-server")
        settings = {
            "bind": LOOPBACK,
            "port": str(self.port),
            "requirepass": f'"{PASSWORD}"',
            "dir": str(self.directory),
            "appendonly": "yes",
            "appendfsync": "always",
            "save": '""',
            "daemonize": "no",
            "maxmemory-policy": "noeviction",
            "unixsocket": str(self.socket_file),
            "unixsocketperm": "700",
        }
        if self.authority is not None:
            settings |= {
                "port": "0",
                "tls-port": str(self.port),
                "tls-cert-file": str(self.authority.server.certificate),
                "tls-key-file": str(self.authority.server.key),
                "tls-auth-clients": "no",
            }
        file = self.directory / "redis.conf"
        file.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        return [program, file]

    def is_ready(self) -> bool:
        """It takes the password and answers a ping."""
        return self.ask("PING") == "+PONG"

    def ask(self, command: str) -> str:
        """Send one command as an administrator would by hand; return the answer's first line."""
        with self._connect() as connection:
            connection.sendall(f'AUTH "{PASSWORD}"\r\n{command}\r\n'.encode())
            with connection.makefile("rb") as answers:
                answers.readline()
                return answers.readline().decode(errors="replace").strip()

    @property
    def socket_file(self) -> Path:
        """Its Unix socket."""
        return self.directory / "redis.sock"

    def url(self, database: int = 0, *, user: str = "", password: str = ESCAPED) -> str:
        """Return the URL of a database; databases are apart from each other."""
        scheme = "redis" if self.authority is None else "rediss"
        return f"{scheme}://{user}:{password}@{LOOPBACK}:{self.port}/{database}"

    def _connect(self) -> socket.socket:
        plain = socket.create_connection((LOOPBACK, self.port), timeout=_SECONDS)
        if self.authority is None:
            return plain
        try:
            context = self.authority.client_context()
            return context.wrap_socket(plain, server_hostname=LOOPBACK)
        except BaseException:
            plain.close()
            raise
