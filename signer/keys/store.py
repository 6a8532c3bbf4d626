"""The keys in a trust directory, in the layout that ``notary`` and ``docker`` share.

Rules:

- ``private/CANONICAL_KEY_ID.key``, mode 0600, with role and collection in PEM headers. The layouts
  of old versions, ``root_keys`` and ``tuf_keys``, are read but never changed;
- symbolic links are ignored, as Go ignores them;
- listing reads names and PEM headers only: no passphrase, no cryptography;
- a key is loaded only if it is the one that its file's name says;
- files appear as a whole or not at all, and one process writes at a time.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from signer.constants import SNAPSHOT, TARGETS, TIMESTAMP
from signer.errors import KeyUnusableError
from signer.files import make_private_directory, remove_file, write_atomically
from signer.keys.files import read_key_file, refuse_shared, translated
from signer.keys.index import StoredKey, key_block, list_keys
from signer.keys.pem import KeyBlock, decode_private_key, encode_key_file
from signer.names import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from signer.keys.passphrase import Passphrases
    from signer.keys.pkcs8 import PrivateKey
    from signer.keys.signers import FileSigner

__all__ = ["MIN_PREFIX", "KeyStore", "StoredKey"]

MIN_PREFIX: Final = 7
"""Hex digits of a key id that are enough to name a key, as docker shows that many."""

_HEX: Final = re.compile(r"[0-9a-f]+")
_GUN_ROLES: Final = frozenset({TARGETS, SNAPSHOT, TIMESTAMP})
_LOCK_NAME: Final = ".lock"
_LOCK_SECONDS: Final = 30.0


class KeyStore:
    """The private keys of a trust directory.

    Args:
        directory: the directory that holds the key files: ``TRUST_DIR/private``. It need not exist;
            it is made when the first key is added.

    Source: NP 2.1 to 2.3.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __repr__(self) -> str:
        return f"KeyStore({str(self._directory)!r})"

    @property
    def directory(self) -> Path:
        """The directory that holds the key files."""
        return self._directory

    def list(self) -> list[StoredKey]:
        """Return the keys, root keys first, then by role, collection and id.

        A file that is no key file is left out, with a warning in the log.

        Raises:
            KeyUnusableError: the directory cannot be read.
        """
        return list_keys(self._directory)

    def find(self, key_id: str) -> StoredKey:
        """Return the key with an id, or with the only id that begins so.

        Args:
            key_id: a canonical key id, or its first digits, at least 7.

        Raises:
            KeyUnusableError: none, or several.
        """
        if not _HEX.fullmatch(key_id) or not MIN_PREFIX <= len(key_id) <= 64:
            raise KeyUnusableError(
                f"{printable(key_id)!r} is no key id: {MIN_PREFIX} to 64 lower-case hex digits.",
                code="key-not-found",
            )
        found = [key for key in self.list() if key.key_id.startswith(key_id)]
        if len(found) > 1:
            ids = ", ".join(key.key_id for key in found)
            raise KeyUnusableError(
                f"The key id {key_id} is ambiguous in {self._shown}: {ids}.",
                hint="Give more of its digits.",
                code="key-ambiguous",
            )
        if not found:
            raise KeyUnusableError(
                f"There is no key {key_id} in {self._shown}.",
                hint="'signer keys list' shows the keys that are there; --trust-dir chooses "
                "another directory.",
                code="key-not-found",
            )
        return found[0]

    def read(self, stored: StoredKey) -> KeyBlock:
        """Return the key's PEM block with its headers, still encrypted.

        Raises:
            KeyUnusableError: the file cannot be read, or holds no private key.
        """
        file = read_key_file(stored.path, follow=False)
        block = key_block(file.data, str(stored.path))
        if not block.encrypted:
            refuse_shared(stored.path, file.mode)
        return block

    def load(self, stored: StoredKey, passphrases: Passphrases) -> FileSigner:
        """Open a key.

        Raises:
            PassphraseError: no passphrase is known, or all were rejected.
            KeyUnusableError: the file cannot be used, or the key is not the one of its name; an
                unencrypted one that others may read is refused too.
        """
        from signer.keys.signers import FileSigner

        block = self.read(stored)
        if block.encrypted:
            private_key = passphrases.unlock(
                lambda passphrase: decode_private_key(block, passphrase),
                role=stored.role,
                key_id=stored.key_id,
            )
        else:
            private_key = decode_private_key(block, None)
        signer = FileSigner(private_key)
        if signer.canonical_id != stored.key_id:
            raise KeyUnusableError(
                f"{printable(str(stored.path))} holds another key than its name says: "
                f"{signer.canonical_id}.",
                hint="Somebody renamed or replaced the file. Import the key again.",
                code="key-mismatch",
            )
        return signer

    def add(
        self, private_key: PrivateKey, *, role: str, gun: str = "", passphrase: bytes
    ) -> StoredKey:
        """Store a key.

        A key that is already there with the same role stays as it is, with its passphrase. The
        collection is kept for targets, snapshot and timestamp keys only, as Go does.

        Args:
            private_key: the key.
            role: a role, or a signer's bare name as docker writes it.
            gun: the collection's name, or "".
            passphrase: encrypts the file; empty for a file in the clear.

        Raises:
            KeyUnusableError: the key is there with another role.
            UnwritableDirectoryError: the file cannot be written; nothing is changed then.

        Source: NP 2.2, 4.6.
        """
        stored = self._describe_new(private_key, role=role, gun=gun, encrypted=bool(passphrase))
        with self._locked():
            present = next((key for key in self.list() if key.key_id == stored.key_id), None)
            if present is None:
                self._write(stored, private_key, passphrase)
                return stored
        if present.role != role:
            raise KeyUnusableError(
                f"The key {stored.key_id} is already in {self._shown}, for the role "
                f"{printable(present.role)!r} instead of {printable(role)!r}.",
                hint="Use another key, or remove the stored one first.",
                code="key-other-role",
            )
        return present

    def change_passphrase(
        self, stored: StoredKey, passphrases: Passphrases, *, passphrase: bytes
    ) -> StoredKey:
        """Encrypt a stored key anew; its role and collection stay.

        Raises:
            PassphraseError: the present passphrase is not known.
            KeyUnusableError: the file cannot be read, or lies in an old layout.
            UnwritableDirectoryError: the file cannot be written; the former one is still there.
        """
        _refuse_legacy(stored)
        private_key = self.load(stored, passphrases).private_key
        changed = StoredKey(stored.key_id, stored.role, stored.gun, stored.path, bool(passphrase))
        with self._locked():
            self._write(changed, private_key, passphrase)
        return changed

    def remove(self, stored: StoredKey) -> None:
        """Delete a key's file; there is no way back. A missing one is no error.

        Raises:
            KeyUnusableError: it lies in an old layout.
            UnwritableDirectoryError: it cannot be deleted.
        """
        _refuse_legacy(stored)
        with self._locked():
            remove_file(stored.path)

    @property
    def _shown(self) -> str:
        return printable(str(self._directory))

    def _describe_new(
        self, private_key: PrivateKey, *, role: str, gun: str, encrypted: bool
    ) -> StoredKey:
        from signer.dialect.keys import NotaryKey

        key_id = NotaryKey.from_public_key(private_key.public_key()).canonical_id
        kept_gun = gun if role in _GUN_ROLES else ""
        return StoredKey(key_id, role, kept_gun, self._directory / f"{key_id}.key", encrypted)

    def _write(self, stored: StoredKey, private_key: PrivateKey, passphrase: bytes) -> None:
        data = encode_key_file(private_key, passphrase=passphrase, role=stored.role, gun=stored.gun)
        written = decode_private_key(key_block(data, str(stored.path)), passphrase)
        if written.public_key() != private_key.public_key():
            raise KeyUnusableError(
                f"The key {stored.key_id} does not survive being written; nothing was stored.",
                code="key-damaged",
            )
        write_atomically(stored.path, data)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        make_private_directory(self._directory)
        lock = FileLock(self._directory / _LOCK_NAME, timeout=_LOCK_SECONDS, mode=0o600)
        with translated(self._directory, "locked"):
            try:
                lock.acquire()
            except Timeout as error:
                raise KeyUnusableError(
                    f"Another process has been writing to {self._shown} for "
                    f"{_LOCK_SECONDS:.0f} seconds.",
                    hint="Wait for it, or end it.",
                    code="key-store-locked",
                ) from error
        try:
            yield
        finally:
            lock.release()


def _refuse_legacy(stored: StoredKey) -> None:
    if stored.legacy:
        raise KeyUnusableError(
            f"{printable(str(stored.path))} lies in the layout of an old version, which is only "
            "read.",
            hint="Any command of the notary program moves such keys to the present layout.",
            code="key-legacy",
        )
