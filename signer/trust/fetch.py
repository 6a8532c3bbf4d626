"""Downloads of metadata, in parallel and ahead of their use.

Started before the library that verifies them is even loaded; nothing here looks into a file.
"""

from collections.abc import Iterable
from concurrent.futures import Executor, Future
from typing import Protocol

from signer.constants import (
    MAX_ROOT_SIZE,
    MAX_TARGETS_SIZE,
    MAX_TIMESTAMP_SIZE,
    RELEASES,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
)
from signer.names import Gun, RoleName
from signer.trust.cache import MetadataCache
from signer.trust.state import StateStore

Request = tuple[str, str, int]
"""Role, SHA-256 as hex or ``""``, version or 0."""


class MetadataSource(Protocol):
    """Where metadata comes from: a Notary server, or a stand-in for one."""

    def get_metadata(
        self, role: str, *, sha256: str = "", version: int = 0, max_bytes: int
    ) -> bytes:
        """Return a role's file: the current one, the one with this hash, or this version.

        Raises:
            NotFoundError: there is none.
            NetworkError: the source cannot be reached or does not answer as it should.
        """
        ...


class Downloads:
    """Requests under way and their results, each made once."""

    def __init__(self, source: MetadataSource, executor: Executor) -> None:
        self._source = source
        self._executor = executor
        self._futures: dict[Request, Future[bytes]] = {}

    def start(self, role: str, *, sha256: str = "", version: int = 0, length: int = 0) -> None:
        """Begin a download, if it has not been begun; no more than ``length`` bytes, if known."""
        request = (role, sha256, version)
        if request not in self._futures:
            self._futures[request] = self._executor.submit(
                self._source.get_metadata,
                role,
                sha256=sha256,
                version=version,
                max_bytes=min(length or size_limit(role), size_limit(role)),
            )

    def started(self, role: str) -> bool:
        """Tell whether the role's current file has been asked for."""
        return (role, "", 0) in self._futures

    def get(self, role: str, *, sha256: str = "", version: int = 0, length: int = 0) -> bytes:
        """Wait for a file.

        Raises:
            NotFoundError: there is none.
            NetworkError: the source cannot be reached or does not answer as it should.
        """
        self.start(role, sha256=sha256, version=version, length=length)
        return self._futures[role, sha256, version].result()

    def forget(self) -> None:
        """Drop all results, so that the next ``get`` asks again."""
        for future in self._futures.values():
            future.cancel()
        self._futures.clear()


def size_limit(role: str) -> int:
    """Return how many bytes of a role's file are read at most (NP 1.8)."""
    return {ROOT: MAX_ROOT_SIZE, TIMESTAMP: MAX_TIMESTAMP_SIZE}.get(role, MAX_TARGETS_SIZE)


AHEAD = (RoleName(SNAPSHOT), RoleName(TARGETS), RoleName(RELEASES))
"""What a first reading asks for before it knows any hash: the files count only if they turn out to
be those that the snapshot names."""


def start_first_round(
    downloads: Downloads,
    gun: Gun,
    *,
    states: StateStore,
    cache: MetadataCache,
    delegations: Iterable[RoleName] = (),
) -> None:
    """Ask at once for all that an update of a collection surely or probably needs.

    ``delegations`` are expected to be there; a request for one that is not does no harm.
    """
    state = states.load(gun)
    known = state.versions.get(ROOT, 0) if state else 0
    downloads.start(TIMESTAMP)
    if known:
        downloads.start(ROOT, version=known + 1)
    else:
        downloads.start(ROOT)
    if cache.read(SNAPSHOT) is None:
        for role in (*AHEAD, *delegations):
            downloads.start(role)
