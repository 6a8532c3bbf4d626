"""The Notary server without HTTP: what each request does, each in one transaction.

Source: NP section 5.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from tuf.api.metadata import Root

from signer.constants import ROOT, SNAPSHOT, TIMESTAMP
from signer.embedded.database import Database
from signer.embedded.notary import changefeed, keys, store
from signer.embedded.notary.changefeed import read_changes
from signer.embedded.notary.errors import NotaryError
from signer.embedded.notary.keys import RoleKeys
from signer.embedded.notary.renewal import current_timestamp, named_snapshot
from signer.embedded.notary.signed import SignedTags, signed_tags
from signer.embedded.notary.store import FileStore, StoredFile
from signer.embedded.notary.upload import read_upload
from signer.embedded.notary.validation import validate_update
from signer.names import Gun

_SHA256_DIGITS: Final = 64


def _utc_now() -> datetime:
    return datetime.now(UTC)


class NotaryService:
    """Trust data of all collections.

    Args:
        database: where it is kept; its tables are made here.
        now: the clock.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime] = _utc_now) -> None:
        self._database = database
        self._now = now
        for schema in (store.SCHEMA, keys.SCHEMA, changefeed.SCHEMA):
            database.create(schema)

    def update(self, gun: Gun, content_type: str, body: bytes) -> None:
        """Store the files of an upload, all or none; they are on disk when this returns.

        Raises:
            NotaryError: why they are refused; VERSION where another publisher was faster.
        """
        uploads = read_upload(content_type, body)
        now = self._now()
        with self._database.write() as connection:
            files = FileStore(connection)
            files.add(gun, validate_update(gun, uploads, store=files, now=now), now=now)

    def current(self, gun: Gun, role: str) -> StoredFile:
        """Return a role's newest file; timestamp and snapshot are renewed if they have expired.

        Raises:
            NotaryError: METADATA_NOT_FOUND.
        """
        if role not in {TIMESTAMP, SNAPSHOT}:
            with self._database.read() as connection:
                return _found(FileStore(connection).current(gun, role))
        timestamp = _found(current_timestamp(self._database, gun, now=self._now()))
        if role == TIMESTAMP:
            return timestamp
        with self._database.read() as connection:
            return _found(named_snapshot(FileStore(connection), gun, timestamp))

    def by_version(self, gun: Gun, role: str, version: str) -> StoredFile:
        """Return one version of a role's file; ``version`` is decimal digits.

        Raises:
            NotaryError: METADATA_NOT_FOUND.
        """
        if len(version) > len(str(2**63)):
            raise NotaryError("METADATA_NOT_FOUND", {})
        with self._database.read() as connection:
            return _found(FileStore(connection).by_version(gun, role, int(version)))

    def by_hash(self, gun: Gun, role: str, checksum: str) -> StoredFile:
        """Return the file with a checksum in hex; only SHA-256 finds anything.

        Raises:
            NotaryError: METADATA_NOT_FOUND.
        """
        if len(checksum) != _SHA256_DIGITS:
            raise NotaryError("METADATA_NOT_FOUND", {})
        with self._database.read() as connection:
            return _found(FileStore(connection).by_hash(gun, role, checksum))

    def public_key(self, gun: Gun, role: str) -> dict[str, Any]:
        """Return the key to be named for snapshot or timestamp: the published one, or a new one."""
        with self._database.write() as connection:
            file = FileStore(connection).current(gun, ROOT)
            root = file.envelope.signed_as(Root) if file else None
            return RoleKeys(connection, gun, role).current(root).to_dict()

    def rotate_key(self, gun: Gun, role: str) -> dict[str, Any]:
        """Return another key than the published one, for a root that is to name it."""
        with self._database.write() as connection:
            return RoleKeys(connection, gun, role).pending().to_dict()

    def delete(self, gun: Gun) -> None:
        """Delete a collection; one that is not there is no error."""
        with self._database.write() as connection:
            FileStore(connection).delete(gun, now=self._now())

    def changes(self, gun: Gun | None, *, records: str, change_id: str) -> dict[str, Any]:
        """Return a page of the changefeed, of one collection or of all.

        Raises:
            NotaryError: INVALID_PARAMETERS.
        """
        with self._database.read() as connection:
            return read_changes(connection, gun=gun, records=records, change_id=change_id)

    def signed_tags(self, gun: Gun) -> SignedTags:
        """Return every validly signed tag of a collection, by tag and role."""
        with self._database.read() as connection:
            return signed_tags(FileStore(connection), gun, now=self._now())

    def has_collection(self, gun: Gun) -> bool:
        """Tell whether there is trust data of a name."""
        with self._database.read() as connection:
            return bool(FileStore(connection).current_version(gun, ROOT))

    def ping(self) -> None:
        """Ask the database for something.

        Raises:
            StorageError: it does not answer.
        """
        with self._database.read() as connection:
            connection.execute("SELECT 1").fetchone()


def _found(file: StoredFile | None) -> StoredFile:
    if file is None:
        raise NotaryError("METADATA_NOT_FOUND", {})
    return file
