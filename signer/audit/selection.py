"""Choosing records: by time, collection, action and status."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from signer.audit.record import Record
from signer.dialect.time import parse_time
from signer.errors import UsageError
from signer.names import printable

_AGO: Final = re.compile(r"(\d{1,6})([mhdw])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Selection:
    """What is wanted; what is empty or None is not asked.

    Attributes:
        since: this time or later.
        guns: collections.
        actions: names of actions.
        statuses: names of statuses.
    """

    since: datetime | None = None
    guns: frozenset[str] = frozenset()
    actions: frozenset[str] = frozenset()
    statuses: frozenset[str] = frozenset()

    def of(self, records: Iterable[Record]) -> list[Record]:
        """Return the records that are wanted, in their order."""
        return [record for record in records if self._wants(record)]

    def _wants(self, record: Record) -> bool:
        return (
            (self.since is None or record.time >= self.since)
            and (not self.guns or record.what("gun") in self.guns)
            and (not self.actions or record.what("action") in self.actions)
            and (not self.statuses or record.status in self.statuses)
        )


def parse_since(text: str, *, now: datetime) -> datetime:
    """Read a time (RFC 3339), a day (midnight UTC), or how long ago: ``30m``, ``12h``, ``7d``.

    Raises:
        UsageError: it is none of these.
    """
    ago = _AGO.fullmatch(text)
    try:
        if ago:
            return now.astimezone(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        return parse_time(f"{text}T00:00:00Z" if _DAY.fullmatch(text) else text)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{printable(text)!r} is no time.",
            hint="Write 2026-11-22, 2026-11-22T04:30:00Z, or how long ago: 30m, 12h, 7d, 2w.",
        ) from error
