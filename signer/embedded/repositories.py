"""Repositories and their settings: the state that registry, Notary server and DTR API share.

Rules:

- a repository is ``NAMESPACE/NAME``;
- whoever wants to know what happens subscribes: ``on_event`` hears of it after it is on disk,
  ``in_transaction`` while it can still be undone, and as a part of the same transaction.

Times are RFC 3339 texts in UTC with microseconds, so they sort as they passed.
"""

import logging
import sqlite3
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from signer.embedded.database import Database
from signer.embedded.errors import ApiError
from signer.embedded.events import (
    Event,
    RepositoryCreated,
    RepositoryDeleted,
    RepositoryUpdated,
)

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS repositories (
    id TEXT PRIMARY KEY,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    visibility TEXT NOT NULL CHECK (visibility IN ('public', 'private')),
    scan_on_push INTEGER NOT NULL DEFAULT 0,
    immutable_tags INTEGER NOT NULL DEFAULT 0,
    tag_limit INTEGER NOT NULL DEFAULT 0,
    short_description TEXT NOT NULL DEFAULT '',
    long_description TEXT NOT NULL DEFAULT '',
    pulls INTEGER NOT NULL DEFAULT 0,
    pushes INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL,
    UNIQUE (namespace, name)
);
"""

PUBLIC: Final = "public"
PRIVATE: Final = "private"
_SETTINGS: Final = frozenset(
    {
        "visibility",
        "scan_on_push",
        "immutable_tags",
        "tag_limit",
        "short_description",
        "long_description",
    }
)
_REPOSITORY_COLUMNS: Final = (
    "id, namespace, name, visibility, scan_on_push, immutable_tags, tag_limit, short_description, "
    "long_description, pulls, pushes, created_at"
)
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Repository:
    """A repository and its settings; ``tag_limit`` 0 is none."""

    id: str
    namespace: str
    name: str
    visibility: str
    scan_on_push: bool
    immutable_tags: bool
    tag_limit: int
    short_description: str
    long_description: str
    pulls: int
    pushes: int
    created_at: str

    @property
    def path(self) -> str:
        """``NAMESPACE/NAME``."""
        return f"{self.namespace}/{self.name}"


Listener = Callable[[Event], None]
DeletionGuard = Callable[[Repository, str], None]


def utc_now() -> str:
    """Return this moment as the database and the API write it."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Repositories:
    """All repositories of the registry.

    Args:
        database: where they are kept; its tables are made here.
        now: the clock.
    """

    def __init__(self, database: Database, *, now: Callable[[], str] = utc_now) -> None:
        self._database = database
        self._now = now
        self._listeners: list[Listener] = []
        self._participants: list[Listener] = []
        self._guards: list[DeletionGuard] = []
        database.create(SCHEMA)

    def on_event(self, callback: Listener) -> None:
        """Call ``callback`` after each event's commit, in the thread that caused it.

        What it raises is logged and harms nobody.
        """
        self._listeners.append(callback)

    def in_transaction(self, callback: Listener) -> None:
        """Call ``callback`` inside each event's transaction: its own ``write`` is a part of it.

        What it raises undoes the event and refuses the request.
        """
        self._participants.append(callback)

    def guard_deletion(self, callback: DeletionGuard) -> None:
        """Ask ``callback`` before a tag is deleted, or (with an empty tag) the whole repository.

        It raises an `ApiError` to forbid it.
        """
        self._guards.append(callback)

    def find(self, namespace: str, name: str) -> Repository | None:
        """Return a repository, or None."""
        with self._database.read() as connection:
            row = connection.execute(
                f"SELECT {_REPOSITORY_COLUMNS} FROM repositories WHERE namespace = ? AND name = ?",  # noqa: S608 - constants
                (namespace, name),
            ).fetchone()
        return _repository(row) if row else None

    def get(self, namespace: str, name: str) -> Repository:
        """Return a repository.

        Raises:
            ApiError: 404 NAME_UNKNOWN.
        """
        found = self.find(namespace, name)
        if found is None:
            raise ApiError(
                404,
                "NAME_UNKNOWN",
                "repository name not known to registry",
                detail={"name": f"{namespace}/{name}"},
            )
        return found

    def find_all(self, namespace: str = "") -> list[Repository]:
        """Return the repositories of a namespace, or all, by name."""
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT {_REPOSITORY_COLUMNS} FROM repositories "  # noqa: S608 - constants
                "WHERE ? = '' OR namespace = ? ORDER BY namespace, name",
                (namespace, namespace),
            ).fetchall()
        return [_repository(row) for row in rows]

    def create(
        self, namespace: str, name: str, *, author: str, **settings: str | int
    ) -> Repository:
        """Make a repository; ``settings`` are fields of `Repository`; it is private unless said.

        Raises:
            ApiError: 409 REPOSITORY_EXISTS.
        """
        values: dict[str, str | int] = {"visibility": PRIVATE, **_checked(settings)}
        columns = ["id", "namespace", "name", "created_at", *values]
        row = [str(uuid.uuid4()), namespace, name, self._now(), *values.values()]
        marks = ", ".join("?" * len(row))
        with self._database.write() as connection:
            try:
                connection.execute(
                    f"INSERT INTO repositories ({', '.join(columns)}) VALUES ({marks})",  # noqa: S608 - checked names
                    row,
                )
            except sqlite3.IntegrityError as error:
                if self.find(namespace, name) is None:
                    raise
                raise ApiError(
                    409, "REPOSITORY_EXISTS", f"{namespace}/{name} exists already"
                ) from error
            self.happened(RepositoryCreated(namespace, name, author, self._now()))
            return self.get(namespace, name)

    def ensure(self, namespace: str, name: str, *, author: str) -> Repository:
        """Return a repository; a missing one is made, as a first push does."""
        with self._database.write():
            return self.find(namespace, name) or self.create(namespace, name, author=author)

    def update(
        self, namespace: str, name: str, *, author: str, **settings: str | int
    ) -> Repository:
        """Change settings of a repository and return it.

        Raises:
            ApiError: 404 NAME_UNKNOWN.
        """
        values = _checked(settings)
        with self._database.write() as connection:
            found = self.get(namespace, name)
            if values:
                connection.execute(
                    f"UPDATE repositories SET {', '.join(f'{key} = ?' for key in values)} "  # noqa: S608 - checked names
                    "WHERE id = ?",
                    (*values.values(), found.id),
                )
            self.happened(RepositoryUpdated(namespace, name, author, self._now()))
            return self.get(namespace, name)

    def delete(self, namespace: str, name: str, *, author: str) -> None:
        """Delete a repository with everything in it.

        Raises:
            ApiError: 404 NAME_UNKNOWN, or what a deletion guard says.
        """
        with self._database.write() as connection:
            found = self.get(namespace, name)
            self.ask_guards(found, "")
            # Told of while it is there: listeners in the transaction look at what goes.
            self.happened(RepositoryDeleted(namespace, name, author, self._now()))
            connection.execute("DELETE FROM repositories WHERE id = ?", (found.id,))

    def ask_guards(self, repository: Repository, tag: str) -> None:
        """Ask whether a tag, or with an empty tag the repository, may be deleted."""
        for guard in self._guards:
            guard(repository, tag)

    def happened(self, event: Event) -> None:
        """Tell of an event; called inside the transaction that makes it so."""
        for participant in self._participants:
            participant(event)
        self._database.after_commit(lambda: self._tell(event))

    def _tell(self, event: Event) -> None:
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:  # noqa: BLE001 - the event has happened, whatever listeners do
                _LOG.exception("a listener failed on %s", type(event).__name__)


def _checked(settings: dict[str, str | int]) -> dict[str, str | int]:
    unknown = settings.keys() - _SETTINGS
    if unknown:
        raise TypeError(f"no settings of a repository: {', '.join(sorted(unknown))}")
    return settings


def _repository(row: sqlite3.Row) -> Repository:
    values = dict(row)
    values["scan_on_push"] = bool(values["scan_on_push"])
    values["immutable_tags"] = bool(values["immutable_tags"])
    return Repository(**values)
