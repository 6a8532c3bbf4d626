"""The registry token flow, as registry and notary-server are configured for it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TokenAuth:
    """Who issues the tokens that a server accepts.

    Attributes:
        realm: URL of the token server.
        service: the name under which tokens are asked for this server.
        issuer: the ``iss`` of accepted tokens.
        certificates: PEM file; tokens are signed by these certificates' keys, or chain to them.
    """

    realm: str
    service: str
    issuer: str
    certificates: Path

    def options(self) -> dict[str, str]:
        """Return the options that both servers take under these names (NP 7)."""
        return {
            "realm": self.realm,
            "service": self.service,
            "issuer": self.issuer,
            "rootcertbundle": str(self.certificates),
        }
