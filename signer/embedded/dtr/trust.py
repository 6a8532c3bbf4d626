"""What the Notary server's trust data says of tags: whether they are signed, and for which digest.

Read as clients read it: a role counts where its parent delegates to it, its signatures are valid,
and its paths admit the tag. Expired data counts too: it still is there, and still in the way of a
deletion.

Source: dtr-ucp-ci reference, B.1 (deleting), B.2 (``inNotary``, ``hashMismatch``).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from tuf.api.metadata import Root, Targets

from signer.constants import RELEASES, ROOT, TARGETS
from signer.embedded.database import Database
from signer.embedded.errors import ApiError
from signer.embedded.notary.store import FileStore
from signer.embedded.repositories import Repository
from signer.errors import SignerError
from signer.names import Gun, RoleName
from signer.trust.checks import check_signatures

_FIRST: Final = (RELEASES, TARGETS)
_MAX_ROLES: Final = 1000


@dataclass(frozen=True)
class SignedTags:
    """The signed tags of one repository: by role, by tag, the digest."""

    roles: dict[str, dict[str, str]] = field(default_factory=dict)

    def signers(self, tag: str) -> list[str]:
        """Return the roles that have signed a tag."""
        return [role for role, tags in self.roles.items() if tag in tags]

    def digest(self, tag: str) -> str:
        """Return ``sha256:HEX`` for a tag, looked up as docker does; empty where it is unsigned.

        Tags that only other roles have signed are found there.
        """
        for role in (*_FIRST, *self.roles):
            digest = self.roles.get(role, {}).get(tag)
            if digest is not None:
                return digest
        return ""


@dataclass(frozen=True)
class TrustData:
    """The trust data of all repositories.

    Attributes:
        database: that of the Notary server.
        host: ``HOST:PORT``, with which GUNs begin.
    """

    database: Database
    host: str

    def gun(self, repository: Repository) -> Gun:
        """Return the GUN of a repository."""
        return Gun(f"{self.host}/{repository.path}")

    def signed_tags(self, repository: Repository) -> SignedTags:
        """Return what is signed in a repository's collection."""
        gun = self.gun(repository)
        roles: dict[str, dict[str, str]] = {}
        with self.database.read() as connection:
            for name, targets, paths in _walk(FileStore(connection), gun):
                roles[name] = {
                    tag: f"sha256:{entry.hashes.get('sha256', '')}"
                    for tag, entry in targets.targets.items()
                    if any(tag.startswith(path) for path in paths)
                }
        return SignedTags(roles)

    def guard_deletion(self, repository: Repository, tag: str) -> None:
        """Refuse to delete a signed tag, or (with an empty tag) a repository with trust data.

        Raises:
            ApiError: 409.

        Source: dtr-ucp-ci reference, B.1.
        """
        gun = self.gun(repository)
        if not tag:
            with self.database.read() as connection:
                if FileStore(connection).current(gun, ROOT) is None:
                    return
            raise ApiError(
                409,
                "REPOSITORY_HAS_TRUST_DATA",
                f"{repository.path} has trust data; delete that first: "
                f"notary delete {gun} --remote",
            )
        signers = self.signed_tags(repository).signers(tag)
        if signers:
            raise ApiError(
                409,
                "TAG_IS_SIGNED",
                f"{repository.path}:{tag} is signed by {', '.join(signers)}; remove its trust data "
                f"first: notary remove -p {gun} {tag} --roles {','.join(signers)}",
            )


def _walk(store: FileStore, gun: Gun) -> Iterator[tuple[str, Targets, tuple[str, ...]]]:
    """Yield the valid targets roles, parents first, with the paths that they may sign."""
    root = store.current(gun, ROOT)
    if root is None:
        return
    waiting: list[tuple[str, Root | Targets, tuple[str, ...]]] = []
    try:
        waiting.append((TARGETS, root.envelope.signed_as(Root), ("",)))
    except SignerError:
        return
    seen: set[str] = set()
    while waiting and len(seen) < _MAX_ROLES:
        name, delegator, paths = waiting.pop(0)
        stored = store.current(gun, name)
        if stored is None or name in seen:
            continue
        seen.add(name)
        try:
            check_signatures(delegator, name, stored.envelope, gun=gun)
            targets = stored.envelope.signed_as(Targets)
        except SignerError:
            continue  # no client reads it either
        yield RoleName(name), targets, paths
        roles = targets.delegations.roles if targets.delegations else None
        for child, role in (roles or {}).items():
            waiting.append((child, targets, _cut(role.paths or (), paths)))


def _cut(paths: "list[str] | tuple[()]", parents: tuple[str, ...]) -> tuple[str, ...]:
    """Return what of a delegation's prefixes lies within its parent's."""
    return tuple(
        max(path, parent, key=len)
        for path in paths
        for parent in parents
        if path.startswith(parent) or parent.startswith(path)
    )
