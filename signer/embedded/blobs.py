"""Blobs: files named by their SHA-256, and the uploads that become such files.

Rules:

- a blob appears under its name only when its bytes are on disk and hash to it; then the database
  says which repositories have it, and only then it is confirmed;
- bytes of an upload are on disk before their range is confirmed; it goes on after a restart;
- a repository gives out only blobs that it has itself, whatever the store holds for others.

Layout: ``blobs/sha256/HH/HEX`` and ``uploads/ID``, ``HH`` being the first two digits of ``HEX``.
"""

import hashlib
import os
import re
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from signer.embedded.database import Database
from signer.embedded.errors import ApiError
from signer.embedded.repositories import Repository, utc_now
from signer.files import make_private_directory

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS repository_blobs (
    repository TEXT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    added_at TEXT NOT NULL,
    PRIMARY KEY (repository, digest)
);
CREATE INDEX IF NOT EXISTS blobs_by_digest ON repository_blobs (digest);
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY,
    repository TEXT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    started_at TEXT NOT NULL
);
"""

UPLOAD_DAYS: Final = 7
"""After this time without a byte an upload is given up, at the next start."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_UPLOAD = re.compile(r"[0-9a-f]{32}")


class Blobs:
    """The store of layers and configurations.

    Args:
        directory: the data directory.
        database: its tables are made here.
    """

    def __init__(self, directory: Path, database: Database) -> None:
        self._blobs = directory / "blobs" / "sha256"
        self._uploads = directory / "uploads"
        self._database = database
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        database.create(SCHEMA)
        make_private_directory(self._blobs)
        make_private_directory(self._uploads)
        for made in (directory, self._blobs.parent):
            _sync_directory(made)
        self._forget_old_uploads()

    def has(self, repository: Repository, digest: str) -> bool:
        """Tell whether a repository has a blob."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT 1 FROM repository_blobs WHERE repository = ? AND digest = ?",
                (repository.id, digest),
            ).fetchone()
        return row is not None

    def get(self, repository: Repository, digest: str) -> Path:
        """Return a blob's file.

        Raises:
            ApiError: 404 BLOB_UNKNOWN, 400 DIGEST_INVALID.
        """
        file = self._file(digest)
        if not self.has(repository, digest):
            raise _unknown(digest)
        return file

    def mount(self, repository: Repository, digest: str) -> bool:
        """Give a repository a blob that another has; the caller has checked that it may be read.

        Returns:
            Whether the store has it.
        """
        if not self._file(digest).exists():
            return False
        self._add(repository, digest)
        return True

    def remove(self, repository: Repository, digest: str) -> None:
        """Take a blob from a repository; its file stays, as other repositories may have it.

        Raises:
            ApiError: 404 BLOB_UNKNOWN.
        """
        with self._database.write() as connection:
            removed = connection.execute(
                "DELETE FROM repository_blobs WHERE repository = ? AND digest = ?",
                (repository.id, digest),
            ).rowcount
        if not removed:
            raise _unknown(digest)

    def begin(self, repository: Repository) -> str:
        """Begin an upload and return its id."""
        upload = secrets.token_hex(16)
        (self._uploads / upload).touch(mode=0o600, exist_ok=False)
        _sync_directory(self._uploads)
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO uploads (id, repository, started_at) VALUES (?, ?, ?)",
                (upload, repository.id, utc_now()),
            )
        return upload

    def size(self, repository: Repository, upload: str) -> int:
        """Return how many bytes an upload has.

        Raises:
            ApiError: 404 BLOB_UPLOAD_UNKNOWN.
        """
        return self._upload(repository, upload).stat().st_size

    @contextmanager
    def append(self, repository: Repository, upload: str) -> Iterator[BinaryIO]:
        """Open an upload at its end; what was written is on disk after the block.

        It is kept after an exception, too: the client may go on from there.

        Raises:
            ApiError: 404 BLOB_UPLOAD_UNKNOWN; 409 BLOB_UPLOAD_INVALID while another request
                writes to it.
        """
        with self._alone(upload), self._upload(repository, upload).open("ab") as file:
            try:
                yield file
            finally:
                file.flush()
                os.fsync(file.fileno())

    def finish(self, repository: Repository, upload: str, digest: str) -> None:
        """Turn an upload into a blob of the repository.

        Raises:
            ApiError: 404 BLOB_UPLOAD_UNKNOWN, 400 DIGEST_INVALID: the bytes hash to another digest;
                the upload is gone then.
        """
        target = self._file(digest)
        with self._alone(upload):
            file = self._upload(repository, upload)
            with file.open("rb") as content:
                actual = f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}"
                os.fsync(content.fileno())
            if actual != digest:
                self._forget(upload)
                raise ApiError(
                    400,
                    "DIGEST_INVALID",
                    "provided digest did not match uploaded content",
                    detail={"digest": digest, "content": actual},
                )
            make_private_directory(target.parent)
            file.replace(target)
            for directory in (target.parent, target.parent.parent, self._uploads):
                _sync_directory(directory)
            with self._database.write():
                self._add(repository, digest)
                self._forget(upload)

    def cancel(self, repository: Repository, upload: str) -> None:
        """Give an upload up.

        Raises:
            ApiError: 404 BLOB_UPLOAD_UNKNOWN.
        """
        with self._alone(upload):
            self._upload(repository, upload)
            self._forget(upload)

    def copy(self, source: Repository, target: Repository, digests: list[str]) -> None:
        """Give a repository blobs of another, as a promotion does.

        Raises:
            ApiError: 404 BLOB_UNKNOWN.
        """
        with self._database.write():
            for digest in digests:
                self.get(source, digest)
                self._add(target, digest)

    def _add(self, repository: Repository, digest: str) -> None:
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO repository_blobs (repository, digest, added_at) VALUES (?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                (repository.id, digest, utc_now()),
            )

    def _file(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise ApiError(400, "DIGEST_INVALID", "a digest is sha256: and 64 hex digits")
        value = digest.partition(":")[2]
        return self._blobs / value[:2] / value

    def _upload(self, repository: Repository, upload: str) -> Path:
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT 1 FROM uploads WHERE id = ? AND repository = ?", (upload, repository.id)
            ).fetchone()
        file = self._uploads / upload
        if row is None or not _UPLOAD.fullmatch(upload) or not file.exists():
            raise ApiError(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
        return file

    @contextmanager
    def _alone(self, upload: str) -> Iterator[None]:
        with self._lock:
            if upload in self._busy:
                raise ApiError(409, "BLOB_UPLOAD_INVALID", "another request writes to this upload")
            self._busy.add(upload)
        try:
            yield
        finally:
            with self._lock:
                self._busy.discard(upload)

    def _forget(self, upload: str) -> None:
        with self._database.write() as connection:
            connection.execute("DELETE FROM uploads WHERE id = ?", (upload,))
        (self._uploads / upload).unlink(missing_ok=True)

    def _forget_old_uploads(self) -> None:
        oldest = time.time() - UPLOAD_DAYS * 86400
        for file in self._uploads.iterdir():
            if file.stat().st_mtime < oldest:
                self._forget(file.name)


def _unknown(digest: str) -> ApiError:
    return ApiError(404, "BLOB_UNKNOWN", "blob unknown to registry", detail={"digest": digest})


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
