"""What runs the documents' commands sees where a document is wrong."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.console import Console, MismatchError, environment, steps

_ONE = "a" * 64
_OTHER = "b" * 64


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Console]:
    home = tmp_path / "home"
    home.mkdir()
    replaced = {"dtr.example.com": "localhost:5000"}
    with Console(home, replaced, environment(home, Path(sys.executable).parent)) as console:
        yield console


def _document(*lines: str) -> str:
    return "\n".join(["Text.", "", "```console", *lines, "```", ""])


@pytest.mark.parametrize(
    "lines",
    [
        ["$ echo dtr.example.com", "localhost:5000"],
        ["$ echo localhost:5000", "dtr.example.com"],
        ["$ echo one two", "one", "  two"],
        ["$ printf 'a\\nb\\nc\\n'", "a", "...", "c"],
        ["$ printf 'a\\nb\\n'", "a", "..."],
        ["$ printf 'a\\nb\\n'", "...", "b"],
        ["$ echo 2031-01-02", "2026-11-22"],
        ["$ exit 3 | cat; (exit 3)  # exit code 3"],
        ["$ cat <<EOF", "> one", "> EOF", "one"],
        ["$ echo one \\", "    two", "one two"],
        ["$ export NAME=value", "$ echo $NAME", "value"],
    ],
)
def test_what_is_shown_rightly_passes(shell: Console, lines: list[str]) -> None:
    assert shell.play(_document(*lines)) >= 1


@pytest.mark.parametrize(
    "lines",
    [
        ["$ echo one", "two"],
        ["$ echo one", "one", "two"],
        ["$ echo one two", "one"],
        ["$ echo one two", "two", "..."],
        ["$ echo onetwo", "one", "..."],
        ["$ echo one", "... one one"],
        ["$ false"],
        ["$ true  # exit code 3"],
        ["$ false  # exit code 3"],
        ["$ echo abcdef12", "1234567"],
    ],
)
def test_what_is_shown_wrongly_is_found(shell: Console, lines: list[str]) -> None:
    with pytest.raises(MismatchError, match="line 4"):
        shell.play(_document(*lines))


def test_an_id_may_differ_but_alike_everywhere(shell: Console) -> None:
    shown = "1234567890ab"
    shell.play(_document(f"$ echo {_ONE}", "c" * 64, f"$ echo {'c' * 64}", "c" * 12 + "c" * 52))
    shell.play(_document(f"$ printf {_OTHER[:12]}", shown))
    with pytest.raises(MismatchError, match="something else"):
        shell.play(_document(f"$ printf {_ONE[:12]}", shown))


def test_a_printed_id_is_put_for_the_shown_one_into_later_commands(shell: Console) -> None:
    shown = "c" * 64
    shell.play(_document(f"$ echo {_ONE}", shown, f"$ test {shown} = {_ONE}"))


def test_hidden_commands_run_in_their_place() -> None:
    document = "<!-- run: first -->\n" + _document("$ second") + "<!-- run: third -->\n"
    assert [step.command for step in steps(document)] == ["first", "second", "third"]


def test_other_blocks_are_not_run() -> None:
    assert not list(steps("```sh\n$ rm -rf /\n```\n"))
