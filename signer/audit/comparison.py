"""Comparing the record with a Notary server's changefeed: did anybody else publish?

The changefeed names each timestamp file that there was. A timestamp names a snapshot, a snapshot
the files of all other roles, each by its hash. What one publish changed is the difference between
its snapshot and the one before; the record has the hashes of all files that its commands uploaded.

- All changed files are in the record: the publish is known.
- Nothing changed: the server signed timestamp or snapshot again, as it does by itself.
- Otherwise, or where a file is gone or no metadata, the publish is unknown; or earlier, where it
  is older than the record's first line.
- A deletion is unknown: no command of this program deletes a collection. Files from before it are
  gone, so what was published then cannot be known.

The server's files are checked against the hashes that name them, not for signatures: whoever holds
the server can hide what was published there. This finds those who publish with stolen keys, jobs
that keep no record, and records that were cut off.

Source: NP 5 (changefeed, files by hash), NP 1.5 (timestamp and snapshot).
"""

import hashlib
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from tuf.api.metadata import Snapshot, Timestamp

from signer.constants import SNAPSHOT, TIMESTAMP
from signer.dialect.envelope import Envelope
from signer.dialect.errors import MalformedError
from signer.dialect.time import parse_time
from signer.errors import NotFoundError, TrustDataError
from signer.names import Gun
from signer.transport.changefeed import DELETION, Change
from signer.trust.fetch import MetadataSource, size_limit

KNOWN: Final = "known"
RENEWED: Final = "renewed"
EARLIER: Final = "earlier"
UNKNOWN: Final = "unknown"
GONE: Final = "gone"


class ChangefeedSource(MetadataSource, Protocol):
    """A Notary server's side of one collection."""

    gun: Gun

    def changefeed(self) -> Sequence[Change]:
        """Return every publish and deletion, oldest first."""
        ...


@dataclass(frozen=True)
class Finding:
    """One entry of the changefeed.

    Attributes:
        change: as the server has it.
        status: ``known``, ``renewed``, ``earlier``, ``unknown`` or ``gone``.
        roles: whose files it changed.
        removed: whose files it took away.
    """

    change: Change
    status: str
    roles: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def compare(
    server: ChangefeedSource,
    known: AbstractSet[tuple[str, str]],
    *,
    since: datetime | None,
    executor: Executor,
) -> list[Finding]:
    """Look up every entry of the changefeed in the record.

    Args:
        server: the collection on its server.
        known: role and SHA-256 (hex) of the files in the record.
        since: when the record begins; None where it is empty.
        executor: runs requests at the same time.

    Raises:
        NotFoundError: the server has no changefeed (``no-changefeed``).
        TrustDataError: a file is not what its hash says (``wrong-hash``).
        SignerError: the server does not answer.
    """
    changes = server.changefeed()
    deletions = [place for place, change in enumerate(changes, 1) if _is_deletion(change)]
    start = deletions[-1] if deletions else 0
    findings = [
        Finding(change, _unless_earlier(change, since) if _is_deletion(change) else GONE)
        for change in changes[:start]
    ]
    before: dict[str, str] = {}
    files = executor.map(lambda change: _files(server, change), changes[start:])
    for change, after in zip(changes[start:], files, strict=True):
        if after is None:
            findings.append(Finding(change, _unless_earlier(change, since)))
            continue
        changed = {item for item in after.items() if before.get(item[0]) != item[1]}
        removed = tuple(sorted(before.keys() - after.keys()))
        roles = tuple(sorted(role for role, _ in changed))
        if not changed and not removed:
            status = RENEWED
        else:
            is_known = bool(changed) and changed <= known
            status = KNOWN if is_known else _unless_earlier(change, since)
        findings.append(Finding(change, status, roles, removed))
        before = after
    return findings


def _unless_earlier(change: Change, since: datetime | None) -> str:
    try:
        return EARLIER if since is not None and parse_time(change.created_at) < since else UNKNOWN
    except ValueError:
        return UNKNOWN


def _is_deletion(change: Change) -> bool:
    return change.category == DELETION


def _files(server: ChangefeedSource, change: Change) -> dict[str, str] | None:
    """Return the SHA-256 of each role's file that a timestamp stands for; None if unreadable."""
    try:
        timestamp = _fetch(server, TIMESTAMP, change.sha256).signed_as(Timestamp)
        sha256 = timestamp.snapshot_meta.hashes or {}
        snapshot = _fetch(server, SNAPSHOT, sha256.get("sha256", "")).signed_as(Snapshot)
    except (NotFoundError, MalformedError):
        return None
    return {
        name.removesuffix(".json"): (meta.hashes or {}).get("sha256", "")
        for name, meta in snapshot.meta.items()
    }


def _fetch(server: ChangefeedSource, role: str, sha256: str) -> Envelope:
    wire = server.get_metadata(role, sha256=sha256, max_bytes=size_limit(role))
    if hashlib.sha256(wire).hexdigest() != sha256:
        raise TrustDataError(
            f"The server's {role} of {server.gun} is not the file that its hash names.",
            code="wrong-hash",
        )
    return Envelope.from_bytes(wire)
