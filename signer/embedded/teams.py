"""Organisations' members, and their teams.

Whoever administers an organisation has every right in its namespace; other members have what their
teams have (``access``).
"""

import sqlite3
from dataclasses import dataclass
from typing import Final

from signer.embedded.accounts import Accounts, new_id, require_name
from signer.embedded.database import Database
from signer.embedded.errors import ApiError

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS organisation_members (
    organisation TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
    member TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
    is_admin INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (organisation, member)
);
CREATE TABLE IF NOT EXISTS teams (
    id TEXT PRIMARY KEY,
    organisation TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
    name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    UNIQUE (organisation, name)
);
CREATE TABLE IF NOT EXISTS team_members (
    team TEXT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    member TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
    PRIMARY KEY (team, member)
);
"""


@dataclass(frozen=True)
class Team:
    """A team of an organisation, with the names of its members."""

    id: str
    organisation: str
    name: str
    description: str
    members: tuple[str, ...]


class Teams:
    """Who belongs where.

    Args:
        database: where they are kept; its tables are made here.
        accounts: who is who.
    """

    def __init__(self, database: Database, *, accounts: Accounts) -> None:
        self._database = database
        self._accounts = accounts
        database.create(SCHEMA)

    def members(self, organisation: str) -> dict[str, bool]:
        """Return an organisation's members by name, and whether each administers it.

        Raises:
            ApiError: 404 NO_SUCH_ACCOUNT.
        """
        self._accounts.organisation(organisation)
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT member, is_admin FROM organisation_members WHERE organisation = ? "
                "ORDER BY member",
                (organisation,),
            ).fetchall()
        return {row["member"]: bool(row["is_admin"]) for row in rows}

    def add_member(self, organisation: str, member: str, *, is_admin: bool = False) -> None:
        """Make a user a member of an organisation, or change whether it administers it.

        Raises:
            ApiError: 404 NO_SUCH_ACCOUNT.
        """
        with self._database.write() as connection:
            self._accounts.organisation(organisation)
            self._accounts.get(member)
            connection.execute(
                "INSERT INTO organisation_members (organisation, member, is_admin) "
                "VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET is_admin = excluded.is_admin",
                (organisation, member, is_admin),
            )

    def membership(self, organisation: str, member: str) -> bool | None:
        """Return whether a member administers the organisation; None for other accounts."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT is_admin FROM organisation_members WHERE organisation = ? AND member = ?",
                (organisation, member),
            ).fetchone()
        return bool(row["is_admin"]) if row else None

    def create(self, organisation: str, name: str, *, description: str = "") -> Team:
        """Make a team.

        Raises:
            ApiError: 400 for the name, 404 NO_SUCH_ACCOUNT, 409 TEAM_EXISTS.
        """
        require_name(name)
        with self._database.write() as connection:
            self._accounts.organisation(organisation)
            try:
                connection.execute(
                    "INSERT INTO teams (id, organisation, name, description) VALUES (?, ?, ?, ?)",
                    (new_id(), organisation, name, description),
                )
            except sqlite3.IntegrityError as error:
                raise ApiError(409, "TEAM_EXISTS", f"a team {name} exists") from error
            return self.get(organisation, name)

    def get(self, organisation: str, name: str) -> Team:
        """Return a team with its members.

        Raises:
            ApiError: 404 NO_SUCH_TEAM.
        """
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT id, organisation, name, description FROM teams "
                "WHERE organisation = ? AND name = ?",
                (organisation, name),
            ).fetchone()
            if row is None:
                raise ApiError(404, "NO_SUCH_TEAM", "a team with this name does not exist")
            members = connection.execute(
                "SELECT member FROM team_members WHERE team = ? ORDER BY member", (row["id"],)
            ).fetchall()
        names = tuple(member["member"] for member in members)
        return Team(row["id"], row["organisation"], row["name"], row["description"], names)

    def find_all(self, organisation: str) -> list[Team]:
        """Return an organisation's teams by name."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT name FROM teams WHERE organisation = ? ORDER BY name", (organisation,)
            ).fetchall()
            return [self.get(organisation, row["name"]) for row in rows]

    def join(self, organisation: str, team: str, member: str) -> None:
        """Put a user into a team, and into its organisation if need be.

        Raises:
            ApiError: 404 NO_SUCH_ACCOUNT or NO_SUCH_TEAM.
        """
        with self._database.write() as connection:
            found = self.get(organisation, team)
            if self.membership(organisation, member) is None:
                self.add_member(organisation, member)
            connection.execute(
                "INSERT INTO team_members (team, member) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (found.id, member),
            )

    def leave(self, organisation: str, team: str, member: str) -> None:
        """Take a user out of a team.

        Raises:
            ApiError: 404 NO_SUCH_TEAM.
        """
        with self._database.write() as connection:
            found = self.get(organisation, team)
            connection.execute(
                "DELETE FROM team_members WHERE team = ? AND member = ?", (found.id, member)
            )
