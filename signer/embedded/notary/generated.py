"""The files that the server signs itself: snapshots and timestamps.

Hashes and lengths are over the bytes that are stored, never over another writing of them.

Source: NP 5.1 items 4 and 5.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from tuf.api.metadata import MetaFile, Root, Snapshot, Timestamp

from signer.constants import MAX_VERSION, ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from signer.dialect.envelope import Envelope, file_hashes
from signer.embedded.notary.errors import (
    BAD_HIERARCHY,
    BAD_ROOT,
    VALIDATION,
    invalid_update,
)
from signer.embedded.notary.keys import RoleKeys
from signer.embedded.notary.store import FileStore, NewFile
from signer.keys.signers import FileSigner
from signer.names import Gun, RoleName
from signer.publish.editor import lifetime_end


def make_snapshot(
    gun: Gun,
    root: Root,
    files: Mapping[RoleName, bytes],
    *,
    store: FileStore,
    now: datetime,
) -> NewFile:
    """Make the snapshot after the stored one, with ``files`` in the place of what it named.

    Raises:
        NotaryError: INVALID_UPDATE: the server does not hold the snapshot key, or there is no
            targets file yet.
    """
    previous = store.current(gun, SNAPSHOT)
    meta = dict(previous.envelope.signed_as(Snapshot).meta) if previous else {}
    meta |= {name: describe(wire) for name, wire in files.items()}
    if ROOT not in meta or TARGETS not in meta:
        raise invalid_update(
            VALIDATION, "the collection has no targets, and neither has the update"
        )
    keys = RoleKeys(store.connection, gun, SNAPSHOT)
    signers = keys.signers(root)
    if len(signers) < root.roles[SNAPSHOT].threshold:
        raise invalid_update(
            BAD_HIERARCHY,
            "no snapshot was included in update and server does not hold current snapshot key "
            "for repository",
            missing=SNAPSHOT,
        )
    version = _next_version(previous.version if previous else 0, SNAPSHOT)
    snapshot = Snapshot(version, None, lifetime_end(SNAPSHOT, now=now), meta)
    keys.publish(signers)
    return _sign(RoleName(SNAPSHOT), snapshot, signers)


def make_timestamp(
    gun: Gun, root: Root, snapshot: bytes, *, store: FileStore, now: datetime
) -> NewFile:
    """Make the timestamp after the stored one, for the bytes of a snapshot.

    Raises:
        NotaryError: INVALID_UPDATE: the server does not hold the timestamp key.
    """
    keys = RoleKeys(store.connection, gun, TIMESTAMP)
    signers = keys.signers(root)
    if len(signers) < root.roles[TIMESTAMP].threshold:
        raise invalid_update(BAD_ROOT, "no timestamp keys exist on the server")
    version = _next_version(store.current_version(gun, TIMESTAMP), TIMESTAMP)
    expires = lifetime_end(TIMESTAMP, now=now)
    timestamp = Timestamp(version, None, expires, describe(snapshot))
    keys.publish(signers)
    return _sign(RoleName(TIMESTAMP), timestamp, signers)


def describe(wire: bytes) -> MetaFile:
    """Return the meta entry of a file, over its own bytes."""
    return MetaFile(1, len(wire), file_hashes(wire))


def _next_version(stored: int, role: str) -> int:
    if stored >= MAX_VERSION:
        raise invalid_update(VALIDATION, f"the version of role {role} cannot grow any more")
    return stored + 1


def _sign(role: RoleName, signed: Snapshot | Timestamp, signers: Sequence[FileSigner]) -> NewFile:
    envelope = Envelope.from_signed(signed)
    for signer in signers:
        envelope.sign(signer)
    return NewFile(role, signed.version, envelope.to_bytes())
