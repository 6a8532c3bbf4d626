"""Who asks, and for what: the seam between token checks and everything that has routes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

PULL: Final = "pull"
PUSH: Final = "push"
DELETE: Final = "delete"
EVERYTHING: Final = "*"


@dataclass(frozen=True)
class Identity:
    """An account that has shown who it is; the empty name is an anonymous client."""

    name: str
    is_admin: bool = False

    @property
    def is_anonymous(self) -> bool:
        """Whether nobody is known."""
        return not self.name


ANONYMOUS: Final = Identity("")


@dataclass(frozen=True)
class Scope:
    """Rights to one thing, as tokens carry them: ``TYPE:NAME:ACTION,ACTION``.

    ``name`` is ``NAMESPACE/REPO`` for the registry and ``HOST/NAMESPACE/REPO`` for Notary; the
    order of ``actions`` is kept.
    """

    kind: str
    name: str
    actions: tuple[str, ...]

    @classmethod
    def repository(cls, name: str, *actions: str) -> "Scope":
        """Return rights to a repository."""
        return cls("repository", name, actions)

    @classmethod
    def catalog(cls) -> "Scope":
        """Return the right to read what concerns the registry as a whole."""
        return cls("registry", "catalog", (EVERYTHING,))

    @classmethod
    def parse(cls, text: str) -> "Scope | None":
        """Read a scope; None where it is malformed. A name may have colons (a port)."""
        kind, first, rest = text.partition(":")
        name, last, actions = rest.rpartition(":")
        if not (kind and first and name and last):
            return None
        return cls(kind.partition("(")[0], name, tuple(part for part in actions.split(",") if part))

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}:{','.join(self.actions)}"


Authorise = Callable[[Request, Scope | None], Identity]
"""Checks the token (or Basic credentials) of a request for a scope; None asks for any account.

It raises an `ApiError`: 401 UNAUTHORIZED with a challenge, or 403 DENIED for Basic credentials of
an account without the rights.
"""

Authenticate = Callable[[Request], Identity]
"""Checks the Basic credentials of a request to the API; it raises an `ApiError` without them."""
