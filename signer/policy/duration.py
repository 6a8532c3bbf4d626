"""Durations as policies and options write them: ``14d``, ``12h``, ``1d12h``."""

import re
from datetime import timedelta

from signer.errors import UsageError
from signer.names import printable

_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_PART = re.compile(r"([0-9]{1,6})([dhms])")
_WHOLE = re.compile(r"(?:[0-9]{1,6}[dhms]){1,9}")


def parse_duration(text: str) -> timedelta:
    """Read days, hours, minutes and seconds, one after another.

    Raises:
        UsageError: it is no duration.
    """
    if not _WHOLE.fullmatch(text):
        raise UsageError(
            f"{printable(text)!r} is no duration.",
            hint="Write a number and d, h, m or s: 14d, 12h, 1d12h.",
        )
    total = timedelta()
    for number, unit in _PART.findall(text):
        total += timedelta(**{_UNITS[unit]: int(number)})
    return total


def format_duration(duration: timedelta) -> str:
    """Return a duration for people, in its two largest units: ``13d 4h``, ``5m``, ``0s``."""
    seconds = int(duration.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return sign + (" ".join(parts[:2]) or "0s")
