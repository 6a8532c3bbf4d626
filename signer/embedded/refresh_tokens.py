"""Refresh tokens: what ``docker login`` keeps instead of a password.

They are kept as hashes, and end with a change of the password.

Source: the registry's token specification, "OAuth2 token authentication".
"""

import hashlib
import secrets
from collections.abc import Callable
from typing import Final

from signer.embedded.accounts import Accounts
from signer.embedded.database import Database
from signer.embedded.identity import Identity
from signer.embedded.repositories import utc_now

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS refresh_tokens (
    hash TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
    password TEXT NOT NULL,
    created_at TEXT NOT NULL
);
"""


class RefreshTokens:
    """The refresh tokens of all accounts.

    Args:
        database: its table is made here.
        accounts: who is who.
        now: the clock.
    """

    def __init__(
        self, database: Database, *, accounts: Accounts, now: Callable[[], str] = utc_now
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._now = now
        database.create(SCHEMA)

    def create(self, identity: Identity) -> str:
        """Make one for an account; this is the only time that it is seen."""
        token = secrets.token_urlsafe(32)
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO refresh_tokens (hash, account, password, created_at) "
                "SELECT ?, name, password, ? FROM accounts WHERE name = ?",
                (_hash(token), self._now(), identity.name),
            )
        return token

    def identity(self, token: str) -> Identity | None:
        """Return whose token this is, or None."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT account FROM refresh_tokens JOIN accounts ON name = account "
                "WHERE hash = ? AND refresh_tokens.password = accounts.password",
                (_hash(token),),
            ).fetchone()
        return self._accounts.identity(row["account"]) if row else None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
