"""Where a server listens."""

import socket
from dataclasses import dataclass
from typing import Final

from signer.errors import UsageError
from signer.names import printable

_MAX_PORT: Final = 65535
_WILDCARDS: Final = ("0.0.0.0", "::")  # noqa: S104 - compared, never bound by default
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_BACKLOG: Final = 1024


@dataclass(frozen=True)
class Listen:
    """A host and a port; 0 is a free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Listen":
        """Read ``HOST:PORT``; an IPv6 address is in brackets, no host means all addresses.

        Raises:
            UsageError: it is something else.
        """
        host, colon, port = text.rpartition(":")
        bare = host.removeprefix("[").removesuffix("]") or "0.0.0.0"  # noqa: S104 - as asked
        wrong = not colon or not port.isdecimal() or int(port) > _MAX_PORT
        if wrong or (":" in bare and not host.startswith("[")):
            raise UsageError(
                f"{printable(text)!r} is no address to listen on.",
                hint="Write HOST:PORT, for example 0.0.0.0:8443.",
                code="bad-listen",
            )
        return cls(bare, int(port))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        return self.host in _LOOPBACK or self.host.startswith("127.")

    def url(self, port: int, *, encrypted: bool) -> str:
        """Return the URL by which this machine reaches ``port``."""
        name = "localhost" if self.host in _WILDCARDS else self.host
        name = f"[{name}]" if ":" in name else name
        return f"{'https' if encrypted else 'http'}://{name}:{port}"

    def bind(self) -> list[socket.socket]:
        """Bind all addresses of the host, on one port.

        Raises:
            UsageError: the address is taken, or not this machine's.
        """
        sockets: list[socket.socket] = []
        try:
            found = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
            for family, kind, protocol, _, address in sorted(found, key=lambda entry: entry[0]):
                bound = socket.socket(family, kind, protocol)
                try:
                    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    if family == socket.AF_INET6:
                        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    port = sockets[0].getsockname()[1] if sockets else self.port
                    bound.bind((address[0], port, *address[2:]))
                    bound.listen(_BACKLOG)
                    bound.setblocking(False)
                except OSError:
                    bound.close()
                    if sockets:
                        continue  # the name has an IPv6 address, and the machine none
                    raise
                sockets.append(bound)
        except OSError as error:
            raise UsageError(
                f"Cannot listen on {self.host}:{self.port}: {error.strerror or error}.",
                hint="Choose another address with --listen HOST:PORT.",
                code="cannot-listen",
            ) from error
        return sockets
