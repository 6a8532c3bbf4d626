"""Variables of Compose files: every form, with values written by hand."""

import pytest

from signer.workloads.interpolation import InterpolationError, interpolate

VALUES = {"X": "x", "EMPTY": "", "Y_1": "y", "TAG": "1.2"}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("repo:1", "repo:1"),
        ("$X", "x"),
        ("${X}", "x"),
        ("r/$X-$Y_1.z", "r/x-y.z"),
        ("${UNSET}", ""),
        ("$UNSET/a", "/a"),
        ("${UNSET-d}", "d"),
        ("${EMPTY-d}", ""),
        ("${X-d}", "x"),
        ("${UNSET:-d}", "d"),
        ("${EMPTY:-d}", "d"),
        ("${X:-d}", "x"),
        ("${UNSET:-}", ""),
        ("${UNSET+r}", ""),
        ("${EMPTY+r}", "r"),
        ("${X+r}", "r"),
        ("${UNSET:+r}", ""),
        ("${EMPTY:+r}", ""),
        ("${X:+r}", "r"),
        ("${X?e}", "x"),
        ("${EMPTY?e}", ""),
        ("${X:?e}", "x"),
        ("$$X", "$X"),
        ("$${X}", "${X}"),
        ("$$$X", "$x"),
        ("${UNSET:-${X}}", "x"),
        ("${UNSET:-${EMPTY:-${NONE-deep}}}", "deep"),
        ("${UNSET:-a$X}b", "axb"),
        ("${UNSET:-a:-b}", "a:-b"),
        ("${UNSET:-host:5000/a@b}", "host:5000/a@b"),
        ("${UNSET:-$$}", "$"),
        ("${X:+${TAG}}${UNSET}", "1.2"),
    ],
)
def test_every_form_has_its_value(template: str, expected: str) -> None:
    assert interpolate(template, VALUES.get) == expected


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("${UNSET:?need it}", "UNSET is not set, and it is required: need it"),
        ("${UNSET?need it}", "UNSET is not set, and it is required: need it"),
        ("${EMPTY:?}", "EMPTY is empty, and it is required"),
        ("${UNSET:?set $X}", "required: set x"),
        ("${OTHER:-${UNSET:?}}", "UNSET is not set"),
        ("a$", "'$' without a variable"),
        ("$1", "'$' without a variable"),
        ("${}", "is no variable"),
        ("${1}", "is no variable"),
        ("${X!}", "is no variable"),
        ("${X d}", "is no variable"),
        ("${X", "not closed"),
        ("${X:-${Y}", "not closed"),
    ],
)
def test_what_is_malformed_or_required_is_an_error(template: str, said: str) -> None:
    with pytest.raises(InterpolationError) as error:
        interpolate(template, VALUES.get)
    assert said in str(error.value)


def test_a_default_that_is_not_used_is_not_evaluated() -> None:
    assert interpolate("${X:-${UNSET:?}}", VALUES.get) == "x"


def test_nesting_and_length_are_bounded() -> None:
    with pytest.raises(InterpolationError, match="too deep"):
        interpolate("${U:-" * 60 + "}" * 60, VALUES.get)
    with pytest.raises(InterpolationError, match="too long"):
        interpolate("$BIG" * 100, {"BIG": "b" * 1000}.get)
