"""Durations, as policies write them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signer.errors import UsageError
from signer.policy.duration import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("14d", 1209600), ("12h", 43200), ("1d12h", 129600), ("90m", 5400), ("0d", 0), ("5s", 5)],
)
def test_a_duration_is_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "14", "d", "-1d", "1 d", "1w", "1.5d", "1D", "14d\n", "٣d", "9" * 9 + "d"]
)
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="no duration"):
        parse_duration(text)


@given(st.text("0123456789dhms", max_size=5000))
def test_no_text_overflows(text: str) -> None:
    try:
        assert parse_duration(text) >= timedelta()
    except UsageError:
        return


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59, "59s"), (86400, "1d"), (90061, "1d 1h"), (-3600, "-1h"), (300, "5m")],
)
def test_a_duration_is_shown_in_two_units(seconds: int, text: str) -> None:
    assert format_duration(timedelta(seconds=seconds)) == text
