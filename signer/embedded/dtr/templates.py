"""Templates of the tags that a promotion makes.

``%n`` is the source's tag; the other keywords are parts of the time, in
UTC and in English. A template is checked when its policy is made, as far as it does not depend on
the source's tag.

Source: dtr-ucp-ci reference, B.5.
"""

import re
from datetime import UTC, datetime
from typing import Final

from signer.embedded.dtr.calls import invalid
from signer.names import printable

SAME: Final = "%n"
KEYWORDS: Final = frozenset("nAawdBbmYyHIpMSfZjW")
_KEYWORD = re.compile(r"%(.?)", re.DOTALL)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_ANY: Final = datetime(2026, 11, 22, 1, 55, 19, tzinfo=UTC)
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def check_template(template: str) -> None:
    """Refuse a template that makes no tag.

    Raises:
        ApiError: 400, naming the keyword at fault.
    """
    for found in _KEYWORD.finditer(template):
        if found[1] not in KEYWORDS:
            known = " ".join(f"%{keyword}" for keyword in sorted(KEYWORDS))
            raise invalid(f"tagTemplate has the unknown keyword {found[0]!r}; there are {known}")
    render(template, tag="x", at=_ANY)


def render(template: str, *, tag: str, at: datetime) -> str:
    """Return the target's tag for a source's tag at a time.

    Raises:
        ApiError: 400: what comes out is no tag.
    """
    moment = at.astimezone(UTC)
    made = _KEYWORD.sub(lambda found: _value(found[1], tag, moment), template)
    return require_tag(made)


def require_tag(text: str) -> str:
    """Return a text that is a tag.

    Raises:
        ApiError: 400: it is none.
    """
    if not _TAG.fullmatch(text):
        raise invalid(f"{printable(text)!r} is no tag")
    return text


def _value(keyword: str, tag: str, moment: datetime) -> str:
    named = {
        "n": tag,
        # Not strftime: these depend on the process's language there.
        "A": _DAYS[moment.weekday()],
        "a": _DAYS[moment.weekday()][:3],
        "B": _MONTHS[moment.month - 1],
        "b": _MONTHS[moment.month - 1][:3],
        "p": "AM" if moment.hour < 12 else "PM",
        "Z": "UTC",
    }
    return named[keyword] if keyword in named else moment.strftime(f"%{keyword}")
