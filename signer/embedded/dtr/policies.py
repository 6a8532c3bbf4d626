"""Promotion policies: what is promoted from a repository, where to, and under which tag.

Source: dtr-ucp-ci reference, B.5.
"""

import sqlite3
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from signer.embedded.database import Database
from signer.embedded.dtr.rules import Rule, check_rules
from signer.embedded.dtr.templates import SAME, check_template
from signer.embedded.errors import ApiError
from signer.embedded.repositories import Repository, utc_now

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS promotion_policies (
    id TEXT PRIMARY KEY,
    repository TEXT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    enabled INTEGER NOT NULL,
    rules TEXT NOT NULL,
    target_repository TEXT NOT NULL,
    tag_template TEXT NOT NULL,
    author TEXT NOT NULL,
    created_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS promotion_policies_by_repository ON promotion_policies (repository);
"""

_RULES: Final = msgspec.json.Decoder(tuple[Rule, ...])
_COLUMNS: Final = "id, enabled, rules, target_repository, tag_template, author, created_at"


class PolicyContent(msgspec.Struct, frozen=True, rename="camel"):
    """A policy as it is sent."""

    target_repository: str
    """``NAMESPACE/REPO``."""

    rules: tuple[Rule, ...] = ()
    """All must hold; without any, everything is promoted."""

    enabled: bool = True
    tag_template: str = SAME

    def check(self) -> None:
        """Refuse what cannot be evaluated.

        Raises:
            ApiError: 400.
        """
        check_rules(self.rules)
        check_template(self.tag_template)


@dataclass(frozen=True)
class Policy:
    """A stored policy; ``author`` is who made or changed it last, with whose rights it pushes."""

    id: str
    content: PolicyContent
    author: str
    created_at: str

    def shown(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        shown: dict[str, Any] = msgspec.to_builtins(self.content)
        return {"id": self.id, **shown, "createdAt": self.created_at}


class Policies:
    """The promotion policies of all repositories.

    Args:
        database: where they are kept; its table is made here.
        now: the clock.
    """

    def __init__(self, database: Database, *, now: Callable[[], str] = utc_now) -> None:
        self._database = database
        self._now = now
        database.create(SCHEMA)

    def of(self, repository: Repository) -> list[Policy]:
        """Return the policies of a source repository, the oldest first."""
        return self._select("repository = ? ORDER BY created_at, id", repository.id)

    def get(self, repository: Repository, policy_id: str) -> Policy:
        """Return one policy of a source repository.

        Raises:
            ApiError: 404 NO_SUCH_POLICY.
        """
        found = self._select("repository = ? AND id = ?", repository.id, policy_id)
        if not found:
            raise ApiError(
                404, "NO_SUCH_POLICY", "A promotion policy with the given id does not exist."
            )
        return found[0]

    def create(self, repository: Repository, content: PolicyContent, *, author: str) -> Policy:
        """Make a policy.

        Raises:
            ApiError: 400: it cannot be evaluated.
        """
        content.check()
        policy_id = str(uuid.uuid4())
        with self._database.write() as connection:
            connection.execute(
                f"INSERT INTO promotion_policies (repository, {_COLUMNS}) "  # noqa: S608 - constants
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (repository.id, policy_id, *_values(content), author, self._now()),
            )
            return self.get(repository, policy_id)

    def replace(
        self, repository: Repository, policy_id: str, content: PolicyContent, *, author: str
    ) -> Policy:
        """Change a policy.

        Raises:
            ApiError: 400 as ``create``, 404 NO_SUCH_POLICY.
        """
        content.check()
        with self._database.write() as connection:
            self.get(repository, policy_id)
            connection.execute(
                "UPDATE promotion_policies SET enabled = ?, rules = ?, target_repository = ?, "
                "tag_template = ?, author = ? WHERE id = ?",
                (*_values(content), author, policy_id),
            )
            return self.get(repository, policy_id)

    def delete(self, repository: Repository, policy_id: str) -> None:
        """Delete a policy; what it promoted stays.

        Raises:
            ApiError: 404 NO_SUCH_POLICY.
        """
        with self._database.write() as connection:
            self.get(repository, policy_id)
            connection.execute("DELETE FROM promotion_policies WHERE id = ?", (policy_id,))

    def _select(self, condition: str, *values: object) -> list[Policy]:
        with self._database.read() as connection:
            rows: Sequence[sqlite3.Row] = connection.execute(
                f"SELECT {_COLUMNS} FROM promotion_policies WHERE {condition}",  # noqa: S608 - constants
                values,
            ).fetchall()
        return [_policy(row) for row in rows]


def _values(content: PolicyContent) -> tuple[object, ...]:
    rules = msgspec.json.encode(content.rules).decode()
    return content.enabled, rules, content.target_repository, content.tag_template


def _policy(row: sqlite3.Row) -> Policy:
    content = PolicyContent(
        target_repository=row["target_repository"],
        rules=_RULES.decode(row["rules"]),
        enabled=bool(row["enabled"]),
        tag_template=row["tag_template"],
    )
    return Policy(row["id"], content, row["author"], row["created_at"])
