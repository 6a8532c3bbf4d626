"""What a trust directory holds of a collection, as a source of metadata: for ``--offline``.

The files are as unbelieved as a server's: the client verifies them alike, against the remembered
root and versions. What is not there is told apart from what a server does not have.
"""

import hashlib
from typing import TYPE_CHECKING

from signer.constants import ROOT
from signer.errors import NetworkError, NotFoundError, TrustDataError
from signer.names import Gun

if TYPE_CHECKING:
    from collections.abc import Callable

    from signer.trust.cache import MetadataCache
    from signer.trust.state import StateStore


class NotStoredError(NetworkError):
    """Without a network, there is not enough to decide by."""

    default_code = "not-stored"


class StoredSource:
    """Serves what the cache and the trust state hold of one collection; a ``MetadataSource``.

    Args:
        gun: the collection.
        cache: files of former readings, by this program, ``notary`` or ``docker``.
        states: known roots.
    """

    def __init__(self, gun: Gun, *, cache: "MetadataCache", states: "StateStore") -> None:
        self.gun = gun
        self._cache = cache
        self._states = states

    def get_metadata(
        self, role: str, *, sha256: str = "", version: int = 0, max_bytes: int
    ) -> bytes:
        """Return a role's stored file, if it is the one that is asked for.

        Raises:
            NotFoundError: a version of root that is not stored, which may not exist at all.
            NotStoredError: anything else that is not stored.
            TrustDataError: the file is larger than ``max_bytes`` (``too-large``).
            StateError: the trust state is damaged.
        """
        for wire in self._files(role):
            if (sha256 and hashlib.sha256(wire).hexdigest() != sha256) or (
                version and root_version(wire) != version
            ):
                continue
            if len(wire) > max_bytes:
                raise TrustDataError(
                    f"{self.gun}: the stored file of role {role} is too large.", code="too-large"
                )
            return wire
        if version:
            raise NotFoundError(f"No version {version} of {role} is stored for {self.gun}.")
        nothing = not sha256 and not self._files(role)
        raise NotStoredError(
            f"Nothing is stored for {self.gun}."
            if nothing
            else f"{self.gun}: the file of role {role} that goes with the others is not stored.",
            hint="Run once with the network, or use --bundle.",
        )

    def _files(self, role: str) -> list[bytes]:
        """Return the stored files of a role, the likelier newest first."""
        cached = self._cache.read(role)
        found = [cached] if cached is not None else []
        if role == ROOT and (state := self._states.load(self.gun)) is not None:
            found.append(state.root)
        return found


def stored_source(
    cache: "Callable[[Gun], MetadataCache]", states: "StateStore"
) -> "Callable[[Gun], StoredSource]":
    """Return what makes the stored source of any collection, for a session's ``sources``."""
    return lambda gun: StoredSource(gun, cache=cache(gun), states=states)


def root_version(wire: bytes) -> int:
    """Return the version that a root's file claims, or 0 where it cannot be read."""
    from signer.dialect.envelope import Envelope

    try:
        return Envelope.from_bytes(wire).signed.version
    except TrustDataError:
        return 0
