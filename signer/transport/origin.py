"""Where a URL points: scheme, host and port, compared as one.

Rules:

- credentials belong to an origin; whatever differs in scheme, host or port is another one;
- plain http is spoken to loopback alone, and only where the user wrote ``http://`` himself;
- a URL that two parsers could read differently (user information, backslashes, spaces, control
  characters) is refused before any of them sees it.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from signer.errors import UsageError
from signer.names import printable

_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9_][a-z0-9_.-]*|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<rest>[/?#].*)?",
    re.IGNORECASE,
)
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\U0010ffff\\]")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_MAX_PORT: Final = 65535


@dataclass(frozen=True)
class Origin:
    """Scheme, host and port of a URL, normalised.

    ``scheme`` is ``http`` or ``https``, ``host`` lower case (IPv6 in brackets), ``port`` a number.
    """

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> "Origin":
        """Read the origin of an absolute http or https URL.

        Raises:
            UsageError: the text is no such URL, or carries user information (code ``bad-url``).
        """
        match = None if _UNSAFE.search(url) else _URL.fullmatch(url)
        if match is None:
            # The text is not repeated: what follows the scheme may be USER:PASSWORD@HOST.
            scheme, _, rest = url.partition("://")
            shown = f"{scheme}://..." if rest else url
            raise UsageError(
                f"Not a URL that can be asked: {printable(shown)!r}.",
                hint="Write https://HOST[:PORT][/PATH], without user name, password or spaces.",
                code="bad-url",
            )
        scheme = match["scheme"].lower()
        port = int(match["port"] or _DEFAULT_PORTS[scheme])
        if not 0 < port <= _MAX_PORT:
            raise UsageError(f"{port} is no port (1 to {_MAX_PORT}).", code="bad-url")
        return cls(scheme, match["host"].lower().rstrip("."), port)

    @classmethod
    def of_host(cls, host: str, *, scheme: str = "https") -> "Origin":
        """Read ``HOST[:PORT]``, as image references and directories have it.

        Raises:
            UsageError: the text is more, or less, than that (code ``bad-url``).
        """
        if any(character in host for character in "/?#"):
            raise UsageError(f"{printable(host)!r} is no host: write HOST[:PORT].", code="bad-url")
        return cls.of(f"{scheme}://{host}")

    @property
    def authority(self) -> str:
        """``HOST[:PORT]`` as registries and docker's directories are named; no default port."""
        default = _DEFAULT_PORTS[self.scheme] == self.port
        return self.host if default else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine by name or address; names are never resolved."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


def plain_http_origins(hosts: Iterable[str]) -> frozenset[Origin]:
    """Turn ``HOST[:PORT]`` or ``http://HOST[:PORT]`` entries into the origins they allow.

    Raises:
        UsageError: an entry is malformed, or not a loopback host (code ``plain-http``).
    """
    origins = set()
    for entry in hosts:
        origin = Origin.of(entry) if "://" in entry else Origin.of_host(entry, scheme="http")
        if origin.scheme == "https":
            continue
        if not origin.is_loopback:
            raise _plain_http(origin)
        origins.add(origin)
    return frozenset(origins)


def require_encrypted(origin: Origin, allowed: frozenset[Origin]) -> None:
    """Refuse plain http except to loopback origins that the user named.

    Raises:
        UsageError: code ``plain-http``.
    """
    if origin.scheme == "https" or (origin.is_loopback and origin in allowed):
        return
    raise _plain_http(origin)


def _plain_http(origin: Origin) -> UsageError:
    if origin.is_loopback:
        hint = f"Give {origin} itself as the server's URL if it really speaks plain http."
    else:
        hint = "Use https; a private CA is added with --ca FILE."
    return UsageError(
        f"{origin} is plain http: nothing is sent over it unencrypted.",
        hint=hint,
        code="plain-http",
    )
