"""Every version of every role's file, as received, and the record of changes.

A role's *current* file is the one with its highest version. Nothing is deleted but by deleting the
collection. All functions work inside a transaction of the caller's.

Source: NP 7.1 (tables), NP 5.1 item 6 (versions).
"""

import hashlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Final

from signer.constants import MAX_VERSION, TIMESTAMP
from signer.dialect.envelope import Envelope
from signer.embedded.notary.changefeed import DELETION, UPDATE, record_change
from signer.embedded.notary.errors import NotaryError
from signer.names import Gun, RoleName

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS notary_files (
    gun TEXT NOT NULL,
    role TEXT NOT NULL,
    version INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    wire BLOB NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (gun, role, version)
);
CREATE INDEX IF NOT EXISTS notary_files_by_hash ON notary_files (gun, role, sha256);
"""

_COLUMNS: Final = "role, version, sha256, wire, created_at"


@dataclass(frozen=True)
class NewFile:
    """A file that is to be stored: its role, the version it claims, its bytes."""

    role: RoleName
    version: int
    wire: bytes


@dataclass(frozen=True)
class StoredFile:
    """A file as it was stored; ``sha256`` is hex, ``created_at`` when it was stored."""

    role: RoleName
    version: int
    sha256: str
    wire: bytes
    created_at: datetime

    @cached_property
    def envelope(self) -> Envelope:
        """The file, parsed."""
        return Envelope.from_bytes(self.wire)


class FileStore:
    """The files of all collections, inside one transaction.

    Args:
        connection: of the transaction.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @property
    def connection(self) -> sqlite3.Connection:
        """The transaction's connection."""
        return self._connection

    def current(self, gun: Gun, role: str) -> StoredFile | None:
        """Return the file with the highest version."""
        return self._one("gun = ? AND role = ? ORDER BY version DESC LIMIT 1", gun, role)

    def by_version(self, gun: Gun, role: str, version: int) -> StoredFile | None:
        """Return one version of a role's file."""
        if not 0 <= version <= MAX_VERSION:
            return None
        return self._one("gun = ? AND role = ? AND version = ?", gun, role, version)

    def by_hash(self, gun: Gun, role: str, sha256: str) -> StoredFile | None:
        """Return the file with a SHA-256, as lower-case hex."""
        return self._one(
            "gun = ? AND role = ? AND sha256 = ? ORDER BY version DESC LIMIT 1", gun, role, sha256
        )

    def _one(self, condition: str, *values: object) -> StoredFile | None:
        row = self._connection.execute(
            f"SELECT {_COLUMNS} FROM notary_files WHERE {condition}",  # noqa: S608 - constants
            values,
        ).fetchone()
        if row is None:
            return None
        role, version, sha256, wire, created_at = row
        moment = datetime.fromisoformat(created_at)
        return StoredFile(RoleName(role), version, sha256, bytes(wire), moment)

    def current_version(self, gun: Gun, role: str) -> int:
        """Return the highest stored version, 0 where there is none."""
        row = self._connection.execute(
            "SELECT MAX(version) FROM notary_files WHERE gun = ? AND role = ?", (gun, role)
        ).fetchone()
        return int(row[0] or 0)

    def add(self, gun: Gun, files: Sequence[NewFile], *, now: datetime) -> None:
        """Store files of one collection; a new timestamp is recorded in the changefeed.

        Raises:
            NotaryError: VERSION: of one of the roles this version, or a higher one, is there.

        Source: NP 5.1 item 6.
        """
        for file in files:
            if self.current_version(gun, file.role) >= file.version:
                raise NotaryError("VERSION", {})
        created_at = now.astimezone(UTC).isoformat(timespec="microseconds")
        for file in files:
            sha256 = hashlib.sha256(file.wire).hexdigest()
            self._connection.execute(
                f"INSERT INTO notary_files (gun, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants
                (gun, file.role, file.version, sha256, file.wire, created_at),
            )
            if file.role == TIMESTAMP:
                record_change(
                    self._connection,
                    gun,
                    version=file.version,
                    sha256=sha256,
                    category=UPDATE,
                    now=now,
                )

    def delete(self, gun: Gun, *, now: datetime) -> None:
        """Delete a collection's files; its keys stay, so that a publisher's copy can return.

        The changefeed has a record of it where there was something to delete.
        """
        deleted = self._connection.execute("DELETE FROM notary_files WHERE gun = ?", (gun,))
        if deleted.rowcount:
            record_change(self._connection, gun, version=0, sha256="", category=DELETION, now=now)
