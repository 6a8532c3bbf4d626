"""Who may do what with which repository.

Rules, the widest first:

- a registry's admin may do everything; a user everything in the namespace of its own name; an
  organisation's admin everything in the organisation's;
- a team has a level for a repository, or for all of its organisation's repositories;
- everybody, anonymous clients too, may pull from public repositories.

Source: DTR's documented permission levels (read-only, read-write, admin).
"""

from typing import Final

from signer.embedded.database import Database
from signer.embedded.errors import ApiError
from signer.embedded.identity import DELETE, EVERYTHING, PULL, PUSH, Identity, Scope
from signer.embedded.repositories import PUBLIC, Repositories
from signer.embedded.teams import Teams
from signer.errors import UsageError
from signer.names import ImageReference

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS team_access (
    team TEXT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    level TEXT NOT NULL,
    PRIMARY KEY (team, namespace, name)
);
"""

NONE: Final = ""
READ_ONLY: Final = "read-only"
READ_WRITE: Final = "read-write"
ADMIN: Final = "admin"
_ORDER: Final = (NONE, READ_ONLY, READ_WRITE, ADMIN)
_ACTIONS: Final = {
    NONE: frozenset[str](),
    READ_ONLY: frozenset({PULL}),
    READ_WRITE: frozenset({PULL, PUSH}),
    ADMIN: frozenset({PULL, PUSH, DELETE, EVERYTHING}),
}
_PLACEHOLDER_HOST: Final = "dtr.invalid"


class Access:
    """Decides about rights; levels of teams are kept in the database.

    Args:
        database: its table is made here.
        teams: who belongs where.
        repositories: what is public.
    """

    def __init__(self, database: Database, *, teams: Teams, repositories: Repositories) -> None:
        self._database = database
        self._teams = teams
        self._repositories = repositories
        database.create(SCHEMA)

    def level(self, identity: Identity, namespace: str, name: str) -> str:
        """Return ``admin``, ``read-write``, ``read-only`` or nothing."""
        if self.owns(identity, namespace):
            return ADMIN
        found = self._repositories.find(namespace, name)
        levels = [READ_ONLY if found and found.visibility == PUBLIC else NONE]
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT level FROM team_access JOIN team_members USING (team) "
                "JOIN teams ON teams.id = team "
                "WHERE member = ? AND namespace = ? AND team_access.name IN (?, '')",
                (identity.name, namespace, name),
            ).fetchall()
        levels += [row["level"] for row in rows]
        return max(levels, key=_ORDER.index)

    def owns(self, identity: Identity, namespace: str) -> bool:
        """Tell whether somebody administers a whole namespace."""
        if identity.is_anonymous:
            return False
        return (
            identity.is_admin
            or identity.name == namespace
            or self._teams.membership(namespace, identity.name) is True
        )

    def may(self, identity: Identity, action: str, *, namespace: str, name: str) -> bool:
        """Tell whether somebody may ``pull``, ``push``, ``delete`` or do everything (``*``)."""
        return action in _ACTIONS[self.level(identity, namespace, name)]

    def granted(self, identity: Identity, scope: Scope) -> Scope:
        """Return what of a scope somebody has; its ``actions`` may be empty.

        The scope of a repository may begin with a host, as a Notary server's does: the rights are
        those of the repository, whatever the host.
        """
        if scope.kind == "registry":
            allowed = identity.is_admin and scope.name == "catalog"
            return Scope(scope.kind, scope.name, scope.actions if allowed else ())
        path = split_path(scope.name) if scope.kind == "repository" else None
        if path is None:
            return Scope(scope.kind, scope.name, ())
        actions = _ACTIONS[self.level(identity, *path)]
        return Scope(
            scope.kind, scope.name, tuple(action for action in scope.actions if action in actions)
        )

    def set_team_level(self, organisation: str, team: str, *, name: str, level: str) -> None:
        """Set what a team may do in a repository of its organisation (all: an empty ``name``).

        Raises:
            ApiError: 404 NO_SUCH_TEAM, 400 for an unknown level.
        """
        if level not in _ORDER:
            raise ApiError(400, "INVALID_ACCESS_LEVEL", "levels: read-only, read-write, admin")
        with self._database.write() as connection:
            found = self._teams.get(organisation, team)
            connection.execute(
                "DELETE FROM team_access WHERE team = ? AND namespace = ? AND name = ?",
                (found.id, organisation, name),
            )
            if level != NONE:
                connection.execute(
                    "INSERT INTO team_access (team, namespace, name, level) VALUES (?, ?, ?, ?)",
                    (found.id, organisation, name, level),
                )

    def team_levels(self, organisation: str, name: str) -> dict[str, str]:
        """Return the levels of an organisation's teams in a repository (all: an empty name)."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT teams.name AS team, level FROM team_access "
                "JOIN teams ON teams.id = team_access.team "
                "WHERE namespace = ? AND team_access.name = ? ORDER BY teams.name",
                (organisation, name),
            ).fetchall()
        return {row["team"]: row["level"] for row in rows}


def split_path(name: str) -> tuple[str, str] | None:
    """Split ``[HOST/]NAMESPACE/REPO`` into namespace and repository; None for anything else."""
    candidates = [name] if name.count("/") == 2 else [f"{_PLACEHOLDER_HOST}/{name}"]
    for candidate in candidates:
        try:
            reference = ImageReference.parse(candidate)
        except UsageError:
            return None
        plain = not reference.tag and not reference.digest and str(reference) == candidate
        if plain and reference.path.count("/") == 1:
            namespace, _, repository = reference.path.partition("/")
            return namespace, repository
    return None
