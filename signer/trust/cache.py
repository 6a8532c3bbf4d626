"""The metadata cache, where ``notary`` and ``docker`` keep theirs: ``TRUST_DIR/tuf/GUN/metadata``.

Files are the server's bytes. Nothing in the cache is believed: a file counts only if verified
metadata names its hash, so half-written, stale and forged files just cost a download.
"""

from pathlib import Path

from signer.constants import MAX_TARGETS_SIZE
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

    def _path(self, role: str) -> Path:
        return self.directory / f"{role}.json"
