"""``--annotate``: what is wrong with it is wrong usage, before anything is read or signed."""

import pytest

from signer.cli.sign import read_annotations
from signer.errors import ExitCode, UsageError


def test_names_and_texts_are_taken_as_they_are() -> None:
    given = ("team=web", "note=a=b", "empty=", "word=größer")
    assert read_annotations(given) == {"team": "web", "note": "a=b", "empty": "", "word": "größer"}


@pytest.mark.parametrize("given", [("team",), ("=x",), ("a=1", "a=2"), ("provenance=x",)])
def test_a_name_of_its_own_is_needed(given: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        read_annotations(given)


@pytest.mark.parametrize("item", ["a=<b>", "a=b&c", "a>b=c", "a=line\nbreak", "a=\udcff"])
def test_what_go_could_not_write_again_is_wrong_usage_and_no_attack(item: str) -> None:
    with pytest.raises(UsageError, match="--annotate") as caught:
        read_annotations((item,))
    assert caught.value.exit_code == ExitCode.USAGE
