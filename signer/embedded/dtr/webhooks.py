"""Subscriptions: which events are sent where.

``key`` is ``NAMESPACE/REPO``, ``NAMESPACE``, or empty for everything. There is no secret and no
signature: whoever receives a body must ask the DTR about every word of it.

Source: dtr-ucp-ci reference, B.4.
"""

import sqlite3
import ssl
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from signer.embedded.database import Database
from signer.embedded.dtr.bodies import TYPES
from signer.embedded.dtr.calls import invalid
from signer.embedded.errors import ApiError
from signer.embedded.repositories import utc_now

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS webhooks (
    id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    key TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    author TEXT NOT NULL,
    created_at TEXT NOT NULL,
    last_successful_at TEXT NOT NULL,
    inactive INTEGER NOT NULL DEFAULT 0,
    tls_cert TEXT NOT NULL,
    skip_tls_verification INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS webhooks_by_type ON webhooks (type, key);
"""

_COLUMNS: Final = (
    "id, type, key, endpoint, author, created_at, last_successful_at, inactive, tls_cert, "
    "skip_tls_verification"
)
_NEVER: Final = "0001-01-01T00:00:00Z"
_MAX_URL: Final = 4096


@dataclass(frozen=True)
class Endpoint:
    """Where bodies are sent; ``tls_cert`` is PEM, trusted beside the system's roots."""

    url: str
    tls_cert: str = ""
    skip_tls_verification: bool = False

    def __repr__(self) -> str:
        """The URL holds the receiver's token."""
        return "Endpoint(...)"

    def check(self) -> None:
        """Refuse what nothing can be sent to.

        Raises:
            ApiError: 400.

        Source: dtr-ucp-ci reference, B.4: the rule for ``http://``.
        """
        scheme, host = _parts(self.url)
        if scheme not in {"http", "https"} or not host or len(self.url) > _MAX_URL:
            raise invalid("endpoint is an http:// or https:// URL")
        if scheme == "http" and not self.skip_tls_verification:
            raise invalid("skipTLSVerification must be true for an http:// endpoint")
        if self.tls_cert:
            try:
                ssl.create_default_context(cadata=self.tls_cert)
            except (ssl.SSLError, ValueError) as error:
                raise invalid("tlsCert is no PEM certificate") from error


@dataclass(frozen=True)
class Webhook:
    """A subscription."""

    id: str
    type: str
    key: str
    endpoint: Endpoint
    author: str
    created_at: str
    last_successful_at: str
    inactive: bool

    def shown(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        return {
            "id": self.id,
            "type": self.type,
            "key": self.key,
            "endpoint": self.endpoint.url,
            "authorID": self.author,
            "createdAt": self.created_at,
            "lastSuccessfulAt": self.last_successful_at,
            "inactive": self.inactive,
            "tlsCert": self.endpoint.tls_cert,
            "skipTLSVerification": self.endpoint.skip_tls_verification,
        }


class Webhooks:
    """All subscriptions.

    Args:
        database: where they are kept; its table is made here.
        now: the clock.
    """

    def __init__(self, database: Database, *, now: Callable[[], str] = utc_now) -> None:
        self._database = database
        self._now = now
        database.create(SCHEMA)

    def create(self, kind: str, key: str, endpoint: Endpoint, *, author: str) -> Webhook:
        """Subscribe.

        Raises:
            ApiError: 400: an unknown type, or an endpoint that cannot be used.
        """
        check_type(kind)
        endpoint.check()
        webhook_id = str(uuid.uuid4())
        with self._database.write() as connection:
            connection.execute(
                f"INSERT INTO webhooks ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?)",  # noqa: S608 - constants
                (
                    webhook_id,
                    kind,
                    key,
                    endpoint.url,
                    author,
                    self._now(),
                    _NEVER,
                    endpoint.tls_cert,
                    endpoint.skip_tls_verification,
                ),
            )
            return self.get(webhook_id)

    def find(self, webhook_id: str) -> Webhook | None:
        """Return a subscription, or None."""
        return next(iter(self._select("id = ?", webhook_id)), None)

    def get(self, webhook_id: str) -> Webhook:
        """Return a subscription.

        Raises:
            ApiError: 404 NO_SUCH_WEBHOOK.
        """
        found = self.find(webhook_id)
        if found is None:
            raise no_such_webhook()
        return found

    def find_all(self, *keys: str) -> list[Webhook]:
        """Return the subscriptions with one of these keys, or all; the oldest first."""
        marks = ", ".join("?" * len(keys)) or "key"
        return self._select(f"key IN ({marks}) ORDER BY created_at, id", *keys)

    def matching(self, kinds: Sequence[str], *, namespace: str, name: str) -> list[Webhook]:
        """Return the subscriptions to these types that concern a repository."""
        marks = ", ".join("?" * len(kinds)) or "NULL"
        return self._select(
            f"type IN ({marks}) AND key IN ('', ?, ?) AND NOT inactive ORDER BY created_at, id",
            *kinds,
            namespace,
            f"{namespace}/{name}",
        )

    def succeeded(self, webhook_id: str) -> None:
        """Note that a body was received."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE webhooks SET last_successful_at = ? WHERE id = ?",
                (self._now(), webhook_id),
            )

    def delete(self, webhook_id: str) -> None:
        """Unsubscribe; bodies that wait are not sent any more.

        Raises:
            ApiError: 404 NO_SUCH_WEBHOOK.
        """
        with self._database.write() as connection:
            self.get(webhook_id)
            connection.execute("DELETE FROM webhooks WHERE id = ?", (webhook_id,))

    def _select(self, condition: str, *values: object) -> list[Webhook]:
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM webhooks WHERE {condition}",  # noqa: S608 - constants and marks
                values,
            ).fetchall()
        return [_webhook(row) for row in rows]


def check_type(kind: str) -> None:
    """Refuse a type that DTR has not.

    Raises:
        ApiError: 400.
    """
    if kind not in TYPES:
        raise invalid(f"type is one of {', '.join(TYPES)}")


def no_such_webhook() -> ApiError:
    """Make the error for a subscription that is not there, or not for the caller."""
    return ApiError(404, "NO_SUCH_WEBHOOK", "A webhook with the given id does not exist.")


def _parts(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises for one that is none
    except ValueError:
        return "", ""
    return parts.scheme.lower(), parts.hostname or ""


def _webhook(row: sqlite3.Row) -> Webhook:
    return Webhook(
        id=row["id"],
        type=row["type"],
        key=row["key"],
        endpoint=Endpoint(row["endpoint"], row["tls_cert"], bool(row["skip_tls_verification"])),
        author=row["author"],
        created_at=row["created_at"],
        last_successful_at=row["last_successful_at"],
        inactive=bool(row["inactive"]),
    )
