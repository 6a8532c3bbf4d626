"""Reading the timestamp: it, and the snapshot it names, are signed anew once they have expired.

Nothing runs in the background: a collection that nobody reads is not renewed.

Source: NP 5.2.
"""

from datetime import datetime

from tuf.api.metadata import Root, Timestamp

from signer.constants import ROOT, SNAPSHOT, TIMESTAMP
from signer.dialect.time import parse_time
from signer.embedded.database import Database
from signer.embedded.notary.generated import make_snapshot, make_timestamp
from signer.embedded.notary.keys import RoleKeys
from signer.embedded.notary.store import FileStore, NewFile, StoredFile
from signer.names import Gun


def current_timestamp(database: Database, gun: Gun, *, now: datetime) -> StoredFile | None:
    """Return the collection's timestamp, renewed where it has expired; None where there is none.

    A snapshot that has expired and whose key a publisher holds cannot be renewed here: it is
    served as it is, and clients say what has expired.
    """
    with database.read() as connection:
        store = FileStore(connection)
        timestamp = store.current(gun, TIMESTAMP)
        if timestamp is None or not _is_stale(store, gun, timestamp, now=now):
            return timestamp
    with database.write() as connection:
        return _renew(FileStore(connection), gun, now=now)


def named_snapshot(store: FileStore, gun: Gun, timestamp: StoredFile) -> StoredFile | None:
    """Return the snapshot that a timestamp names."""
    hashes = timestamp.envelope.signed_as(Timestamp).snapshot_meta.hashes or {}
    return store.by_hash(gun, SNAPSHOT, hashes.get("sha256", ""))


def _renew(store: FileStore, gun: Gun, *, now: datetime) -> StoredFile | None:
    """Renew what has expired; another reader may have done so a moment ago."""
    timestamp, root_file = store.current(gun, TIMESTAMP), store.current(gun, ROOT)
    if timestamp is None or root_file is None:  # deleted meanwhile
        return None
    if not _is_stale(store, gun, timestamp, now=now):
        return timestamp
    root = root_file.envelope.signed_as(Root)
    snapshot = named_snapshot(store, gun, timestamp)
    files: list[NewFile] = []
    if snapshot is None:
        return timestamp
    wire = snapshot.wire
    if _renewable(store, gun, snapshot, root=root, now=now):
        files.append(make_snapshot(gun, root, {}, store=store, now=now))
        wire = files[0].wire
    files.append(make_timestamp(gun, root, wire, store=store, now=now))
    store.add(gun, files, now=now)
    return store.current(gun, TIMESTAMP)


def _is_stale(store: FileStore, gun: Gun, timestamp: StoredFile, *, now: datetime) -> bool:
    if _expired(timestamp, now=now):
        return True
    snapshot, root = named_snapshot(store, gun, timestamp), store.current(gun, ROOT)
    if snapshot is None or root is None:
        return False
    return _expired(snapshot, now=now) and _renewable(
        store, gun, snapshot, root=root.envelope.signed_as(Root), now=now
    )


def _renewable(
    store: FileStore, gun: Gun, snapshot: StoredFile, *, root: Root, now: datetime
) -> bool:
    held = len(RoleKeys(store.connection, gun, SNAPSHOT).signers(root))
    return _expired(snapshot, now=now) and held >= root.roles[SNAPSHOT].threshold


def _expired(file: StoredFile, *, now: datetime) -> bool:
    return now >= parse_time(file.envelope.content["expires"])
