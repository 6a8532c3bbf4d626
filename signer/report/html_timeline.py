"""When what expires: files of roles and certificates of keys, on one time line."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from signer.report.html_element import Html, element
from signer.signing.inspect import RoleView

_MARKS: Final = (("1 day", 1), ("1 week", 7), ("1 month", 30), ("1 year", 365), ("10 years", 3650))
_FAR: Final = 3650.0
_SOON: Final = timedelta(days=30)
_SOON_BY_ROLE: Final = {"timestamp": timedelta(days=3)}
"""The server renews a timestamp every two weeks: less than a month is its normal state."""


@dataclass(frozen=True)
class Expiry:
    """Something that expires."""

    what: str
    """For people."""

    when: datetime
    """Aware."""

    soon: timedelta = _SOON
    """Less than this is to be seen to."""

    def state(self, now: datetime) -> str:
        """Return ``bad`` for what has expired, ``warn`` for what soon will, otherwise ``good``."""
        left = self.when - now
        if left <= timedelta():
            return "bad"
        return "warn" if left < self.soon else "good"


def expiries(roles: Sequence[RoleView]) -> list[Expiry]:
    """Return everything that expires, the first to do so first; a certificate once."""
    found = [
        Expiry(f"role {role.name}", role.expires, _SOON_BY_ROLE.get(role.name, _SOON))
        for role in roles
        if role.expires
    ]
    certificates = {
        key.key_id: (key, role.name)
        for role in reversed(roles)
        for key in role.keys
        if key.not_after
    }
    found += [
        Expiry(f"certificate {key.subject or key.key_id[:12]} of {name}", key.not_after)
        for key, name in certificates.values()
        if key.not_after
    ]
    return sorted(found, key=lambda expiry: (expiry.when, expiry.what))


def time_line(found: Sequence[Expiry], *, now: datetime) -> Html | None:
    """Return the time line as a table, or nothing where nothing expires."""
    if not found:
        return None
    head = element(
        "tr",
        element("th", "What", scope="col"),
        element("th", "Until", scope="col"),
        element("th", "Left", scope="col"),
        element("th", _scale(), scope="col", aria_label="Time left, as a bar"),
    )
    table = element(
        "table",
        element("caption", "The first to expire first. The bars are logarithmic."),
        element("thead", head),
        element("tbody", [_row(expiry, now=now) for expiry in found]),
        class_="stack line",
    )
    return element("div", table, class_="scroll")


def remaining(when: datetime, *, now: datetime) -> str:
    """Return how long something lasts, in the largest unit that fits in twice."""
    left = when - now
    days = abs(left) / timedelta(days=1)
    units = (("year", days / 365.25), ("month", days / 30.44), ("day", days), ("hour", days * 24))
    count, unit = next(
        ((int(amount), unit) for unit, amount in units if amount >= 2), (int(days * 1440), "minute")
    )
    said = f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    return f"{said} ago" if left <= timedelta() else said


def _row(expiry: Expiry, *, now: datetime) -> Html:
    state = expiry.state(now)
    left = remaining(expiry.when, now=now)
    badge = {"bad": "expired", "warn": "soon"}.get(state)
    return element(
        "tr",
        element("th", element("bdi", expiry.what), scope="row"),
        element("td", f"{expiry.when:%Y-%m-%d}", class_="fixed", data_label="Until"),
        element(
            "td",
            left,
            (" ", element("span", badge, class_=f"badge {state}")) if badge else None,
            class_="fixed",
            data_label="Left",
        ),
        element("td", _bar(_position(expiry.when - now), state), class_="bar"),
    )


def _position(left: timedelta) -> float:
    """Return where on the line, from 0 to 100, by the logarithm of the days."""
    days = max(left / timedelta(days=1), 0.0)
    return min(100.0, 100 * math.log1p(days) / math.log1p(_FAR))


def _bar(position: float, state: str) -> Html:
    ticks = [
        element("line", class_="tick", x1=f"{place:.1f}", x2=f"{place:.1f}", y1=0, y2=8)
        for place in _places()
    ]
    return element(
        "svg",
        element("rect", class_="track", x=0, y=3, width=100, height=2),
        element("rect", class_=f"fill {state}", x=0, y=1, width=f"{position:.1f}", height=6),
        ticks,
        attributes={"preserveAspectRatio": "none", "aria-hidden": "true"},
        view_box="0 0 100 8",
    )


def _scale() -> Html:
    """Return the marks over the bars; their text would be stretched inside of them."""
    labels = [
        element(
            "text",
            name,
            x=f"{4 * place:.0f}",
            y=11,
            text_anchor="end" if place > 99 else "middle",
        )
        for (name, _), place in zip(_MARKS, _places(), strict=True)
    ]
    return element(
        "svg", labels, class_="marks", view_box="0 0 400 14", attributes={"aria-hidden": "true"}
    )


def _places() -> Iterator[float]:
    return (_position(timedelta(days=days)) for _, days in _MARKS)
