"""The metadata cache, where ``notary`` and ``docker`` keep theirs: ``TRUST_DIR/tuf/GUN/metadata``.

Files are the server's bytes. Nothing in the cache is believed: a file counts only if verified
metadata names its hash, so half-written, stale and forged files just cost a download.
"""

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from signer.constants import MAX_TARGETS_SIZE, TIMESTAMP
from signer.files import write_atomically
from signer.names import Gun


class MetadataCache:
    """The cached files of one collection.

    Source: NP section 3.
    """

    def __init__(self, trust_dir: Path, gun: Gun) -> None:
        self.directory = trust_dir / "tuf" / gun / "metadata"

    def read(self, role: str) -> bytes | None:
        """Return a role's cached file, or None."""
        path = self._path(role)
        try:
            if path.stat().st_size > MAX_TARGETS_SIZE:
                return None
            return path.read_bytes()
        except OSError:
            return None

    def write(self, role: str, wire: bytes) -> None:
        """Keep a role's verified file.

        Raises:
            UnwritableDirectoryError: nothing was changed.
        """
        if self.read(role) != wire:
            write_atomically(self._path(role), wire, durable=False)

    def confirm(self, contact: datetime | None) -> None:
        """Note when a server last confirmed what is cached: None for "never".

        It is the modification time of the timestamp's file; where that cannot be set, the note is
        lost, and what relies on it becomes stricter.
        """
        seconds = contact.timestamp() if contact else 0.0
        with suppress(OSError):
            os.utime(self._path(TIMESTAMP), (seconds, seconds))

    def confirmed(self) -> datetime | None:
        """Return when a server last confirmed what is cached, in UTC, or None.

        It may lie in the future, where clocks went wrong: that is no confirmation.
        """
        try:
            seconds = self._path(TIMESTAMP).stat().st_mtime
            return datetime.fromtimestamp(seconds, tz=UTC) if seconds > 0 else None
        except (OSError, OverflowError, ValueError):
            return None

    def _path(self, role: str) -> Path:
        return self.directory / f"{role}.json"
