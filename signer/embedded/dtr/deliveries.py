"""The queue of webhook bodies: durable, sent in background threads, tried again until received.

Rules:

- a body is queued in the transaction of what it tells of, so neither happens without the other;
- a body is sent once or, where the process died between the receipt and its record, twice;
- the bodies of one subscription are sent one after the other, so a receiver that hangs delays
  nobody else; one that was refused waits, and the next goes first;
- refused ones are tried again after 1, 2, 4, 8, 16 and then every 20 seconds, for a day; at once
  after a restart.

Source: the design's "Events and the embedded DTR, in detail" (retries); dtr-ucp-ci reference, B.4.
"""

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from signer.embedded.database import Database
from signer.embedded.dtr.bodies import Body
from signer.embedded.dtr.sender import Outcome, Send, send
from signer.embedded.dtr.webhooks import Webhook, Webhooks
from signer.embedded.repositories import utc_now

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    type TEXT NOT NULL,
    body BLOB NOT NULL,
    status TEXT NOT NULL DEFAULT 'pending',
    attempts INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL,
    next_at REAL NOT NULL,
    give_up_at REAL NOT NULL,
    delivered_at TEXT NOT NULL DEFAULT '',
    response_status INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (status, next_at);
CREATE INDEX IF NOT EXISTS deliveries_by_webhook ON deliveries (webhook, id);
"""

PENDING: Final = "pending"
DELIVERED: Final = "delivered"
FAILED: Final = "failed"
THREADS: Final = 4
KEPT: Final = 1000
"""Finished deliveries that are remembered of each subscription."""

FIRST_RETRY_SECONDS: Final = 1.0
LONGEST_RETRY_SECONDS: Final = 20.0
GIVE_UP_SECONDS: Final = 86400.0
_IDLE_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 3.0
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Delivery:
    """A body and what became of it."""

    id: int
    webhook: str
    type: str
    body: bytes
    status: str
    attempts: int
    created_at: str
    give_up_at: float
    delivered_at: str
    response_status: int
    error: str

    def shown(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        return {
            "id": self.id,
            "type": self.type,
            "status": self.status,
            "attempts": self.attempts,
            "createdAt": self.created_at,
            "deliveredAt": self.delivered_at,
            "responseStatus": self.response_status,
            "error": self.error,
            "body": json.loads(self.body),
        }


_COLUMNS: Final = (
    "id, webhook, type, body, status, attempts, created_at, give_up_at, delivered_at, "
    "response_status, error"
)


class Deliveries:
    """The queue, and the threads that empty it between `start` and `stop`.

    Args:
        database: where it is kept; its table is made here.
        webhooks: where bodies are sent; their table must be there already.
        sender: sends one.
        now: the clock of the record.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        database: Database,
        webhooks: Webhooks,
        *,
        sender: Send = send,
        now: Callable[[], str] = utc_now,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._webhooks = webhooks
        self._send = sender
        self._now = now
        self._clock = clock
        self._condition = threading.Condition()
        self._busy: set[str] = set()
        self._threads: list[threading.Thread] = []
        self._stopping = False
        database.create(SCHEMA)

    def queue(self, webhook: Webhook, body: Body) -> None:
        """Queue a body; called inside the transaction of what it tells of."""
        now = self._clock()
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO deliveries (webhook, type, body, created_at, next_at, give_up_at) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (
                    webhook.id,
                    body["type"],
                    json.dumps(body).encode(),
                    self._now(),
                    now,
                    now + GIVE_UP_SECONDS,
                ),
            )
            self._database.after_commit(self._wake)

    def of(self, webhook: Webhook) -> list[Delivery]:
        """Return the deliveries of a subscription, the oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM deliveries WHERE webhook = ? ORDER BY id",  # noqa: S608 - constants
                (webhook.id,),
            ).fetchall()
        return [_delivery(row) for row in rows]

    def start(self) -> None:
        """Start sending; what waits from an earlier run is due at once."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE deliveries SET next_at = ? WHERE status = ?", (self._clock(), PENDING)
            )
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._work, name=f"webhooks-{number}", daemon=True)
            for number in range(THREADS)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop sending; what is on its way for too long will be sent again after a restart."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()
        deadline = time.monotonic() + _STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._threads = []

    def send_due(self) -> int:
        """Send in this thread what is due now; return how many attempts that took."""
        attempts = 0
        while (delivery := self._claim()) is not None:
            self._attempt(delivery)
            attempts += 1
        return attempts

    def _work(self) -> None:
        while (delivery := self._wait()) is not None:
            try:
                self._attempt(delivery)
            except Exception:  # noqa: BLE001 - a thread must outlive what it meets
                _LOG.exception("a delivery could not be recorded")
                time.sleep(FIRST_RETRY_SECONDS)

    def _wait(self) -> Delivery | None:
        """Return what is to be sent next, or None at the end."""
        with self._condition:
            while not self._stopping:
                delivery = self._claim()
                if delivery is not None:
                    return delivery
                self._condition.wait(self._idle_seconds())
        return None

    def _claim(self) -> Delivery | None:
        """Take the oldest delivery that is due, of a subscription to which nothing is sent now."""
        with self._condition, self._database.read() as connection:
            rows = connection.execute(
                "SELECT MIN(id), webhook FROM deliveries WHERE status = ? AND next_at <= ? "
                "GROUP BY webhook ORDER BY 1",
                (PENDING, self._clock()),
            ).fetchall()
            free = [number for number, webhook in rows if webhook not in self._busy]
            if not free:
                return None
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM deliveries WHERE id = ?",  # noqa: S608 - constants
                free[:1],
            ).fetchone()
            delivery = _delivery(row)
            self._busy.add(delivery.webhook)
            return delivery

    def _idle_seconds(self) -> float:
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT MIN(next_at) FROM deliveries WHERE status = ? AND next_at > ?",
                (PENDING, self._clock()),
            ).fetchone()
        if row[0] is None:
            return _IDLE_SECONDS
        return min(_IDLE_SECONDS, max(0.01, float(row[0]) - self._clock()))

    def _attempt(self, delivery: Delivery) -> None:
        try:
            webhook = self._webhooks.find(delivery.webhook)
            if webhook is not None:  # unsubscribed meanwhile, and its bodies are gone
                self._record(delivery, self._send(webhook.endpoint, delivery.body))
        finally:
            with self._condition:
                self._busy.discard(delivery.webhook)
                self._condition.notify_all()

    def _record(self, delivery: Delivery, outcome: Outcome) -> None:
        attempts, now = delivery.attempts + 1, self._clock()
        wait = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** min(attempts - 1, 10))
        status = PENDING if now + wait <= delivery.give_up_at else FAILED
        with self._database.write() as connection:
            if outcome.is_received:
                status = DELIVERED
                self._webhooks.succeeded(delivery.webhook)
            connection.execute(
                "UPDATE deliveries SET status = ?, attempts = ?, next_at = ?, delivered_at = ?, "
                "response_status = ?, error = ? WHERE id = ?",
                (
                    status,
                    attempts,
                    now + wait,
                    self._now() if outcome.is_received else "",
                    outcome.status,
                    outcome.error,
                    delivery.id,
                ),
            )
            connection.execute(
                "DELETE FROM deliveries WHERE webhook = ? AND status != ? AND id <= ("
                "SELECT id FROM deliveries WHERE webhook = ? AND status != ? "
                "ORDER BY id DESC LIMIT 1 OFFSET ?)",
                (delivery.webhook, PENDING, delivery.webhook, PENDING, KEPT),
            )

    def _wake(self) -> None:
        with self._condition:
            self._condition.notify_all()


def _delivery(row: sqlite3.Row) -> Delivery:
    return Delivery(*row)
