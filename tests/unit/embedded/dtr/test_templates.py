"""The tags that promotions make."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from signer.embedded.dtr.templates import KEYWORDS, check_template, render
from signer.embedded.errors import ApiError

# A Sunday, in the 47th week of the year (weeks that begin with Monday: the 46th).
_AT = datetime(2026, 11, 22, 13, 5, 9, 42, tzinfo=UTC)


@pytest.mark.parametrize(
    ("keyword", "expected"),
    [
        ("n", "1.0-rc"),
        ("A", "Sunday"),
        ("a", "Sun"),
        ("w", "0"),
        ("d", "22"),
        ("B", "November"),
        ("b", "Nov"),
        ("m", "11"),
        ("Y", "2026"),
        ("y", "26"),
        ("H", "13"),
        ("I", "01"),
        ("p", "PM"),
        ("M", "05"),
        ("S", "09"),
        ("f", "000042"),
        ("Z", "UTC"),
        ("j", "326"),
        ("W", "46"),
    ],
)
def test_every_documented_keyword(keyword: str, expected: str) -> None:
    assert keyword in KEYWORDS
    check_template(f"v%{keyword}")
    assert render(f"v%{keyword}", tag="1.0-rc", at=_AT) == f"v{expected}"


def test_the_time_is_utc() -> None:
    there = _AT.astimezone(timezone(timedelta(hours=11)))
    assert render("%n-%d_%H", tag="x", at=there) == "x-22_13"


@pytest.mark.parametrize(
    "template", ["", "%", "%n%", "%q", "%%", "%s", "-%n", "a b", "%n:1", "%n/1", "ä", "x" * 129]
)
def test_a_template_that_makes_no_tag_is_refused(template: str) -> None:
    with pytest.raises(ApiError) as refused:
        check_template(template)
    assert refused.value.status == 400


def test_a_tag_that_becomes_too_long_is_refused() -> None:
    with pytest.raises(ApiError, match="no tag"):
        render("%n-%Y", tag="x" * 128, at=_AT)
