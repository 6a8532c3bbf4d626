"""The changefeed: which collections were published or deleted, oldest first.

Source: NP section 5, notary server/handlers/changefeed.go.
"""

import re
import sqlite3
from datetime import UTC, datetime
from typing import Any, Final

from signer.embedded.notary.errors import NotaryError

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS notary_changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    gun TEXT NOT NULL,
    version INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    category TEXT NOT NULL,
    created_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS notary_changes_by_gun ON notary_changes (gun, id);
"""

UPDATE: Final = "update"
DELETION: Final = "deletion"

_DEFAULT_RECORDS: Final = 100
_INT32: Final = range(-(2**31), 2**31)
_WHOLE: Final = re.compile(r"[+-]?[0-9]+", re.ASCII)


def record_change(
    connection: sqlite3.Connection,
    gun: str,
    *,
    version: int,
    sha256: str,
    category: str,
    now: datetime,
) -> None:
    """Append a record: a timestamp's version and SHA-256 (hex), or a deletion with neither."""
    connection.execute(
        "INSERT INTO notary_changes (gun, version, sha256, category, created_at) "
        "VALUES (?, ?, ?, ?, ?)",
        (gun, version, sha256, category, _go_time(now)),
    )


def read_changes(
    connection: sqlite3.Connection, *, gun: str | None, records: str, change_id: str
) -> dict[str, Any]:
    """Return a page of the changefeed as it is answered.

    Args:
        connection: of the transaction.
        gun: one collection, or None for all.
        records: how many, as the query has it: 0 is 100, a negative number reads backwards.
        change_id: the record before the first one (behind the last one when reading backwards);
            empty is the beginning, and any negative number the end, read backwards.

    Raises:
        NotaryError: INVALID_PARAMETERS: one of them is no number of 32 bits.
    """
    count = _number(records)
    if count is None:
        raise NotaryError("INVALID_PARAMETERS", f"invalid records parameter: {_why(records)}")
    start = _number(change_id) if change_id else 0
    if start is None:
        raise NotaryError("INVALID_PARAMETERS", {})
    backwards = start < 0 or count < 0
    conditions, values = ["1"], list[object]()
    if gun is not None:
        conditions.append("gun = ?")
        values.append(gun)
    if not backwards or start > 0:
        conditions.append("id < ?" if backwards else "id > ?")
        values.append(start)
    rows = connection.execute(
        "SELECT id, created_at, gun, version, sha256, category FROM notary_changes "  # noqa: S608 - constants
        f"WHERE {' AND '.join(conditions)} ORDER BY id {'DESC' if backwards else 'ASC'} LIMIT ?",
        (*values, abs(count) or _DEFAULT_RECORDS),
    ).fetchall()
    if backwards:
        rows.reverse()
    found = [
        {
            "ID": str(row[0]),
            "CreatedAt": row[1],
            "GUN": row[2],
            "Version": row[3],
            "SHA256": row[4],
            "Category": row[5],
        }
        for row in rows
    ]
    return {"count": len(found), "records": found or None}


def _number(text: str) -> int | None:
    if not _WHOLE.fullmatch(text) or len(text) > 11:
        return None
    value = int(text)
    return value if value in _INT32 else None


def _why(text: str) -> str:
    reason = "value out of range" if _WHOLE.fullmatch(text) else "invalid syntax"
    return f'parsing "{text[:40]}": {reason}'


def _go_time(moment: datetime) -> str:
    """Write a time as Go's JSON has it: no trailing zeros in the fraction."""
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").rstrip(".")
    return f"{text}Z"
