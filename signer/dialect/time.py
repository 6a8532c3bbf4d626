"""Times as Go writes them: RFC 3339 with up to nanoseconds, in any zone.

The text itself belongs to what is signed, so it is kept as received; a parsed time is only
compared.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

_RFC3339: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))",
    re.ASCII,
)


def parse_time(text: str) -> datetime:
    """Parse an expiry; the fraction of a second is dropped, so it is early rather than late.

    Raises:
        ValueError: not a time as Go writes it.

    Source: NP 1.2.
    """
    match = _RFC3339.fullmatch(text)
    if not match:
        raise ValueError(f"{text[:40]!r} is no RFC 3339 time")
    seconds, _fraction, sign, hours, minutes = match.groups()
    zone: timezone = UTC
    if sign:
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        zone = timezone(-offset if sign == "-" else offset)
    try:
        moment = datetime.strptime(seconds, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=zone)
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text[:40]!r} is beyond the calendar") from error


def format_time(moment: datetime) -> str:
    """Write a time as Go would write one with whole seconds in UTC: ``2026-11-22T00:00:00Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def is_go_time(text: str) -> bool:
    """Tell whether Go would re-emit ``text`` unchanged: no trailing zeros in the fraction.

    Source: NP 1.2; python-tuf-fit, section 2.
    """
    match = _RFC3339.fullmatch(text)
    if not match:
        return False
    _seconds, fraction, sign, hours, minutes = match.groups()
    if fraction is not None and fraction.endswith("0"):
        return False
    return not (sign and hours == "00" and minutes == "00")
