"""What repositories hold: manifests by digest, and the tags that name them.

Rules:

- a manifest belongs to one repository, its bytes are kept in the database, and it is found by the
  SHA-256 of these bytes;
- an immutable repository's tag never changes its digest.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from signer.embedded.database import Database
from signer.embedded.errors import ApiError
from signer.embedded.events import (
    ManifestDeleted,
    ManifestPulled,
    ManifestPushed,
    TagDeleted,
    TagPulled,
    TagPushed,
)
from signer.embedded.repositories import Repositories, Repository, utc_now

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS manifests (
    repository TEXT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    media_type TEXT NOT NULL,
    content BLOB NOT NULL,
    author TEXT NOT NULL,
    pushed_at TEXT NOT NULL,
    PRIMARY KEY (repository, digest)
);
CREATE TABLE IF NOT EXISTS tags (
    repository TEXT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    author TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (repository, name),
    FOREIGN KEY (repository, digest) REFERENCES manifests (repository, digest)
);
CREATE INDEX IF NOT EXISTS tags_by_digest ON tags (repository, digest);
"""


@dataclass(frozen=True)
class Manifest:
    """A manifest or index: ``digest`` is ``sha256:HEX`` of ``content``."""

    digest: str
    media_type: str
    content: bytes
    author: str
    pushed_at: str


@dataclass(frozen=True)
class Tag:
    """A tag: ``author`` set it last, at ``updated_at``."""

    name: str
    digest: str
    author: str
    created_at: str
    updated_at: str


class Images:
    """The manifests and tags of all repositories.

    Args:
        database: where they are kept; its tables are made here.
        repositories: told of every event.
        host: ``HOST:PORT`` as in image references, for messages.
        now: the clock.
    """

    def __init__(
        self,
        database: Database,
        repositories: Repositories,
        *,
        host: str,
        now: Callable[[], str] = utc_now,
    ) -> None:
        self._database = database
        self._repositories = repositories
        self._host = host
        self._now = now
        database.create(SCHEMA)

    def put_manifest(
        self, repository: Repository, content: bytes, *, media_type: str, author: str, tag: str = ""
    ) -> Manifest:
        """Store a manifest, and set ``tag`` to it where one is given, in one transaction.

        A manifest that is there already stays as it is. What it refers to is not checked here.

        Raises:
            ApiError: the tag is immutable.
        """
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        with self._database.write() as connection:
            at = self._now()
            added = connection.execute(
                "INSERT INTO manifests (repository, digest, media_type, content, author, pushed_at)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (repository.id, digest, media_type, content, author, at),
            ).rowcount
            if added:
                self._repositories.happened(
                    ManifestPushed(
                        repository.namespace, repository.name, author, at, digest, media_type
                    )
                )
            if tag:
                self.set_tag(repository, tag, digest, author=author)
            return self.manifest(repository, digest)

    def set_tag(self, repository: Repository, tag: str, digest: str, *, author: str) -> Tag:
        """Point a tag at a manifest of the repository.

        Raises:
            ApiError: 404 MANIFEST_UNKNOWN, or the tag is immutable (403 UNKNOWN).
        """
        with self._database.write() as connection:
            self.manifest(repository, digest)
            current = self._repositories.get(repository.namespace, repository.name)
            before = self.find_tag(current, tag)
            self.require_mutable(current, tag, digest)
            at = self._now()
            connection.execute(
                "INSERT INTO tags (repository, name, digest, author, created_at, updated_at) "
                "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (repository, name) DO UPDATE SET "
                "digest = excluded.digest, author = excluded.author, "
                "updated_at = excluded.updated_at",
                (current.id, tag, digest, author, at, at),
            )
            connection.execute(
                "UPDATE repositories SET pushes = pushes + 1 WHERE id = ?", (current.id,)
            )
            self._repositories.happened(
                TagPushed(
                    current.namespace,
                    current.name,
                    author,
                    at,
                    tag,
                    digest,
                    before.digest if before else "",
                )
            )
            return self.tag(current, tag)

    def require_mutable(self, repository: Repository, tag: str, digest: str) -> None:
        """Refuse to change an immutable repository's tag; setting it to what it is, is no change.

        Raises:
            ApiError: 403 UNKNOWN, which docker shows as DTR's own message.
        """
        before = self.find_tag(repository, tag) if repository.immutable_tags else None
        if before and before.digest != digest:
            raise ApiError(
                403,
                "UNKNOWN",
                f"tag={tag} cannot be overwritten because {self._host}/{repository.path} is an "
                "immutable repository",
            )

    def find_manifest(self, repository: Repository, digest: str) -> Manifest | None:
        """Return a manifest by its digest, or None."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT digest, media_type, content, author, pushed_at FROM manifests "
                "WHERE repository = ? AND digest = ?",
                (repository.id, digest),
            ).fetchone()
        return Manifest(*row) if row else None

    def manifest(self, repository: Repository, digest: str) -> Manifest:
        """Return a manifest by its digest.

        Raises:
            ApiError: 404 MANIFEST_UNKNOWN.
        """
        found = self.find_manifest(repository, digest)
        if found is None:
            raise _manifest_unknown(repository, digest)
        return found

    def find_tag(self, repository: Repository, tag: str) -> Tag | None:
        """Return a tag, or None."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT name, digest, author, created_at, updated_at FROM tags "
                "WHERE repository = ? AND name = ?",
                (repository.id, tag),
            ).fetchone()
        return Tag(*row) if row else None

    def tag(self, repository: Repository, tag: str) -> Tag:
        """Return a tag.

        Raises:
            ApiError: 404 MANIFEST_UNKNOWN.
        """
        found = self.find_tag(repository, tag)
        if found is None:
            raise _manifest_unknown(repository, tag)
        return found

    def tags(self, repository: Repository, *, digest: str = "") -> list[Tag]:
        """Return the tags of a repository, or those of one manifest, by name."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT name, digest, author, created_at, updated_at FROM tags "
                "WHERE repository = ? AND (? = '' OR digest = ?) ORDER BY name",
                (repository.id, digest, digest),
            ).fetchall()
        return [Tag(*row) for row in rows]

    def pulled(self, repository: Repository, digest: str, *, author: str, tag: str = "") -> None:
        """Count a manifest that was sent, by ``tag`` where one is given."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE repositories SET pulls = pulls + 1 WHERE id = ?", (repository.id,)
            )
            names, at = (repository.namespace, repository.name), self._now()
            self._repositories.happened(ManifestPulled(*names, author, at, digest))
            if tag:
                self._repositories.happened(TagPulled(*names, author, at, tag, digest))

    def delete_tag(self, repository: Repository, tag: str, *, author: str) -> None:
        """Delete a tag; its manifest stays.

        Raises:
            ApiError: 404 MANIFEST_UNKNOWN, or what a deletion guard says.
        """
        with self._database.write() as connection:
            found = self.tag(repository, tag)
            self._repositories.ask_guards(repository, tag)
            connection.execute(
                "DELETE FROM tags WHERE repository = ? AND name = ?", (repository.id, tag)
            )
            self._repositories.happened(
                TagDeleted(
                    repository.namespace, repository.name, author, self._now(), tag, found.digest
                )
            )

    def delete_manifest(self, repository: Repository, digest: str, *, author: str) -> None:
        """Delete a manifest and its tags.

        Raises:
            ApiError: 404 MANIFEST_UNKNOWN, or what a deletion guard says.
        """
        with self._database.write() as connection:
            self.manifest(repository, digest)
            for tag in self.tags(repository, digest=digest):
                self.delete_tag(repository, tag.name, author=author)
            # Told of while it is there: listeners in the transaction look at what goes.
            self._repositories.happened(
                ManifestDeleted(repository.namespace, repository.name, author, self._now(), digest)
            )
            connection.execute(
                "DELETE FROM manifests WHERE repository = ? AND digest = ?", (repository.id, digest)
            )


def _manifest_unknown(repository: Repository, reference: str) -> ApiError:
    return ApiError(
        404,
        "MANIFEST_UNKNOWN",
        "manifest unknown",
        detail={"name": repository.path, "reference": reference},
    )
