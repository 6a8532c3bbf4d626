"""The keys that the server holds: timestamp and snapshot keys, ECDSA P-256, in the database.

- A key belongs to one collection and one role, and signs nothing else.
- A new key is *pending* until a root that names it is published. Whoever asks again meanwhile gets
  the same one, as from notary-signer, so that asking makes no heap of keys.
- Keys outlive the deletion of the collection: a publisher's local copy can be published again.

The private keys are not encrypted: whoever can read the database's file has them. It is readable
by its owner alone.

Source: NP section 5, NP 4.7.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from tuf.api.metadata import Root

from signer.dialect.keys import NotaryKey
from signer.keys.generate import generate_private_key
from signer.keys.signers import FileSigner
from signer.names import Gun

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS notary_keys (
    key_id TEXT PRIMARY KEY,
    gun TEXT NOT NULL,
    role TEXT NOT NULL,
    private BLOB NOT NULL,
    pending INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS notary_keys_by_gun ON notary_keys (gun, role);
"""


@dataclass(frozen=True)
class RoleKeys:
    """The server's keys for one collection and role, inside one transaction."""

    connection: sqlite3.Connection
    gun: Gun
    role: str

    def current(self, root: Root | None) -> NotaryKey:
        """Return the key that ``root`` names and the server holds, otherwise a pending one."""
        held = self.signers(root) if root is not None else []
        return held[0].public_key if held else self.pending()

    def pending(self) -> NotaryKey:
        """Return the key that no published root names yet; it is made where there is none."""
        row = self.connection.execute(
            "SELECT private FROM notary_keys WHERE gun = ? AND role = ? AND pending",
            (self.gun, self.role),
        ).fetchone()
        signer = _load(row[0]) if row else FileSigner(generate_private_key("ecdsa"))
        if row is None:
            self._insert(signer)
        return signer.public_key

    def signers(self, root: Root) -> list[FileSigner]:
        """Return a signer for each key that ``root`` names for the role and the server holds."""
        found = []
        for key_id in root.roles[self.role].keyids:
            row = self.connection.execute(
                "SELECT private FROM notary_keys WHERE key_id = ? AND gun = ? AND role = ?",
                (key_id, self.gun, self.role),
            ).fetchone()
            if row is not None:
                found.append(_load(row[0]))
        return found

    def publish(self, signers: Iterable[FileSigner]) -> None:
        """Mark keys as named by a published root: they are pending no longer."""
        self.connection.executemany(
            "UPDATE notary_keys SET pending = 0 WHERE key_id = ?",
            [(signer.public_key.keyid,) for signer in signers],
        )

    def _insert(self, signer: FileSigner) -> None:
        private = signer.private_key.private_bytes(
            Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
        )
        self.connection.execute(
            "INSERT INTO notary_keys (key_id, gun, role, private, pending) VALUES (?, ?, ?, ?, 1)",
            (signer.public_key.keyid, self.gun, self.role, private),
        )


def _load(private: bytes) -> FileSigner:
    key = load_der_private_key(private, None)
    if not isinstance(key, EllipticCurvePrivateKey):
        raise TypeError("the database has a key of a kind that is never stored")
    return FileSigner(key)
