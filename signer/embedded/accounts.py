"""Accounts: users and organisations; passwords are kept as scrypt hashes.

Rules:

- a user and an organisation share one space of names, which are the namespaces of repositories;
- at the first start there is the account ``admin``; its password is in ``DIR/admin-password``,
  which is on disk before the account is (a password put there beforehand is taken);
- checking a password takes equally long whether or not there is such an account;
- who was recognised once is recognised at once later, until the password changes: clients of the
  API send it with every request. Memory has a keyed digest for that, never the password.
"""

import hashlib
import hmac
import re
import secrets
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from signer.embedded.database import Database
from signer.embedded.errors import ApiError
from signer.embedded.identity import Identity
from signer.embedded.repositories import utc_now
from signer.files import write_atomically

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS accounts (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    is_org INTEGER NOT NULL DEFAULT 0,
    is_admin INTEGER NOT NULL DEFAULT 0,
    is_active INTEGER NOT NULL DEFAULT 1,
    full_name TEXT NOT NULL DEFAULT '',
    password TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL
);
"""

ADMIN: Final = "admin"
PASSWORD_FILE: Final = "admin-password"  # noqa: S105 - a file's name
MIN_PASSWORD_LENGTH: Final = 8
_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_MAX_NAME: Final = 64
_SCRYPT: Final = {"n": 2**14, "r": 8, "p": 1, "dklen": 32}
"""16 MiB and some 50 ms for each guess (RFC 7914, section 2, for interactive logins)."""
_COLUMNS: Final = "id, name, is_org, is_admin, is_active, full_name, created_at"


@dataclass(frozen=True)
class Account:
    """A user or an organisation."""

    id: str
    name: str
    is_org: bool
    is_admin: bool
    is_active: bool
    full_name: str
    created_at: str


class Accounts:
    """Everybody who may ask for something.

    Args:
        database: where they are kept; its tables are made here.
        now: the clock.
    """

    def __init__(self, database: Database, *, now: Callable[[], str] = utc_now) -> None:
        self._database = database
        self._now = now
        self._seal = secrets.token_bytes(32)
        self._recognised: dict[str, bytes] = {}
        database.create(SCHEMA)

    def ensure_admin(self, directory: Path) -> None:
        """Make the account ``admin`` and its password's file, where there is none yet."""
        if self.find(ADMIN) is not None:
            return
        file = directory / PASSWORD_FILE
        given = file.read_text().strip() if file.exists() else ""
        password = given or secrets.token_urlsafe(24)
        write_atomically(file, f"{password}\n".encode(), mode=0o600)
        self.create(ADMIN, password=password, is_admin=True)

    def create(
        self,
        name: str,
        *,
        password: str = "",
        is_org: bool = False,
        is_admin: bool = False,
        full_name: str = "",
    ) -> Account:
        """Make a user (with a password) or an organisation (without).

        Raises:
            ApiError: 400 for a name or password that cannot be taken, 409 ACCOUNT_EXISTS.
        """
        require_name(name)
        stored = "" if is_org else _hash_of_new(password)
        with self._database.write() as connection:
            try:
                connection.execute(
                    "INSERT INTO accounts (id, name, is_org, is_admin, full_name, password, "
                    "created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (new_id(), name, is_org, is_admin, full_name, stored, self._now()),
                )
            except sqlite3.IntegrityError as error:
                raise ApiError(409, "ACCOUNT_EXISTS", f"an account {name} exists") from error
            return self.get(name)

    def find(self, name: str) -> Account | None:
        """Return an account, or None."""
        with self._database.read() as connection:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM accounts WHERE name = ?",  # noqa: S608 - constants
                (name,),
            ).fetchone()
        return _account(row) if row else None

    def get(self, name: str) -> Account:
        """Return an account.

        Raises:
            ApiError: 404 NO_SUCH_ACCOUNT.
        """
        found = self.find(name)
        if found is None:
            raise ApiError(404, "NO_SUCH_ACCOUNT", "an account with this name does not exist")
        return found

    def organisation(self, name: str) -> Account:
        """Return an organisation.

        Raises:
            ApiError: 404 NO_SUCH_ACCOUNT.
        """
        found = self.get(name)
        if not found.is_org:
            raise ApiError(404, "NO_SUCH_ACCOUNT", "an organization with this name does not exist")
        return found

    def find_all(self) -> list[Account]:
        """Return all accounts by name."""
        with self._database.read() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM accounts ORDER BY name").fetchall()  # noqa: S608 - constants
        return [_account(row) for row in rows]

    def delete(self, name: str) -> None:
        """Delete an account with its memberships; repositories of its namespace stay.

        Raises:
            ApiError: 404 NO_SUCH_ACCOUNT.
        """
        with self._database.write() as connection:
            self.get(name)
            connection.execute("DELETE FROM accounts WHERE name = ?", (name,))

    def set_password(self, name: str, password: str) -> None:
        """Change a user's password.

        Raises:
            ApiError: 400 for a short one, 404 NO_SUCH_ACCOUNT.
        """
        stored = _hash_of_new(password)
        with self._database.write() as connection:
            self.get(name)
            connection.execute("UPDATE accounts SET password = ? WHERE name = ?", (stored, name))

    def check_password(self, name: str, password: str) -> Identity | None:
        """Return who has this name and password, or None."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT password, is_admin FROM accounts "
                "WHERE name = ? AND is_active AND NOT is_org",
                (name,),
            ).fetchone()
        stored = row["password"] if row else _NOBODY
        digest = hmac.digest(self._seal, f"{stored}:{password}".encode(), "sha256")
        known = hmac.compare_digest(self._recognised.get(name, b""), digest)
        if (not known and not _fits(password, stored)) or row is None:
            return None
        self._recognised[name] = digest
        return Identity(name, bool(row["is_admin"]))

    def identity(self, name: str) -> Identity | None:
        """Return an active user whose credentials were checked before, or None."""
        found = self.find(name)
        if found is None or found.is_org or not found.is_active:
            return None
        return Identity(found.name, found.is_admin)


def require_name(name: str) -> None:
    """Check the name of an account or team.

    Raises:
        ApiError: 400 INVALID_FORM_FIELD.
    """
    if not _NAME.fullmatch(name) or len(name) > _MAX_NAME:
        raise ApiError(400, "INVALID_FORM_FIELD", f"{name[:_MAX_NAME]!r} cannot be a name")


def new_id() -> str:
    """Return an id for an account or a team."""
    return secrets.token_hex(16)


def _account(row: sqlite3.Row) -> Account:
    values = dict(row)
    flags = {key: bool(values[key]) for key in ("is_org", "is_admin", "is_active")}
    return Account(**values | flags)


def _hash_of_new(password: str) -> str:
    if len(password) < MIN_PASSWORD_LENGTH:
        raise ApiError(
            400, "INVALID_FORM_FIELD", f"a password has {MIN_PASSWORD_LENGTH} characters or more"
        )
    return _hash(password, secrets.token_bytes(16))


def _hash(password: str, salt: bytes) -> str:
    derived = hashlib.scrypt(password.encode(), salt=salt, **_SCRYPT)
    return f"scrypt:{salt.hex()}:{derived.hex()}"


def _fits(password: str, stored: str) -> bool:
    salt = bytes.fromhex(stored.split(":")[1])
    return hmac.compare_digest(_hash(password, salt), stored)


_NOBODY: Final = f"scrypt:{bytes(16).hex()}:{bytes(32).hex()}"
"""Compared where there is no such account, for the time that it takes."""
