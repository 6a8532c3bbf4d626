"""Where a server listens."""

import errno
import socket
from dataclasses import dataclass
from typing import Final

from signer.errors import UsageError
from signer.names import printable

MAX_PORT: Final = 65535
WILDCARDS: Final = ("0.0.0.0", "::")  # noqa: S104 - compared, never bound by default
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_HTTPS_PORT: Final = 443
_BACKLOG: Final = 1024


@dataclass(frozen=True)
class Listen:
    """A host and a port; 0 is a free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, *, example: str, default_host: str = "") -> "Listen":
        """Read ``HOST:PORT``; an IPv6 address is in brackets.

        Args:
            text: as the user wrote it.
            example: shown where it is something else.
            default_host: meant where only ``:PORT`` is given; without it, that is refused.

        Raises:
            UsageError: it is something else.
        """
        host, colon, port = text.rpartition(":")
        bare = host.removeprefix("[").removesuffix("]") or default_host
        wrong = not bare or not colon or not port.isdecimal() or int(port) > MAX_PORT
        if wrong or (":" in bare and not host.startswith("[")):
            raise UsageError(
                f"{printable(text)!r} is no address to listen on.",
                hint=f"Write HOST:PORT, for example {example}.",
                code="bad-listen",
            )
        return cls(bare, int(port))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        return self.host in _LOOPBACK or self.host.startswith("127.")

    def url(self, port: int, *, encrypted: bool = True) -> str:
        """Return the URL by which this machine reaches ``port``."""
        name = "localhost" if self.host in WILDCARDS else self.host
        name = f"[{name}]" if ":" in name else name
        if encrypted and port == _HTTPS_PORT:
            return f"https://{name}"
        return f"{'https' if encrypted else 'http'}://{name}:{port}"

    def bind(self, port: int | None = None) -> list[socket.socket]:
        """Bind all addresses of the host, on one port.

        Args:
            port: instead of the one that was asked for.

        Raises:
            UsageError: the address is taken, or not this machine's.
        """
        wanted = self.port if port is None else port
        sockets: list[socket.socket] = []
        try:
            found = socket.getaddrinfo(
                self.host, wanted, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
            # IPv4 first: its port is the one that must be free where it is chosen here.
            for family, kind, protocol, _, address in sorted(found, key=lambda entry: entry[0]):
                bound = socket.socket(family, kind, protocol)
                try:
                    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    if family == socket.AF_INET6:
                        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    chosen = sockets[0].getsockname()[1] if sockets else wanted
                    bound.bind((address[0], chosen, *address[2:]))
                    bound.listen(_BACKLOG)
                    bound.setblocking(False)
                except OSError as error:
                    bound.close()
                    if sockets and error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                        continue  # the name has an IPv6 address, and the machine none
                    raise
                sockets.append(bound)
        except OSError as error:
            for bound in sockets:
                bound.close()
            raise UsageError(
                f"Cannot listen on {self.host}:{wanted}: {error.strerror or error}.",
                hint="Choose another address with --listen HOST:PORT.",
                code="cannot-listen",
            ) from error
        return sockets
