"""``docs/commands.md`` describes the commands and options that there are, and no others."""

import re
from collections.abc import Iterator
from typing import Final

import click
import pytest

from signer.cli.main import cli
from tests.docs.conftest import ROOT

_DOCUMENT: Final = (ROOT / "docs/commands.md").read_text("utf-8")
_FACADES: Final = {"trust", "notary"}
"""Their commands and options are those of another program, which documents them."""

_HELP: Final = {"--help", "--version"}


def _commands(group: click.Group, prefix: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if name in _FACADES:
            continue
        if isinstance(command, click.Group):
            yield from _commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command


COMMANDS: Final = dict(_commands(cli, "signer"))


def _section(title: str) -> str:
    found = re.search(rf"^##+ {re.escape(title)}\n(.*?)(?=^##|\Z)", _DOCUMENT, re.M | re.S)
    assert found, f"docs/commands.md has no section {title!r}"
    return found[1]


def _documented(title: str) -> set[str]:
    """Return the long options in the first column of a section's tables."""
    cells = re.findall(r"^\| (`-[^|]*) \|", _section(title), re.M)
    return {option for cell in cells for option in re.findall(r"--[a-z0-9-]+", cell)}


def _options(command: click.Command) -> set[str]:
    return {
        name
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for name in parameter.opts
        if name.startswith("--")
    }


GLOBAL: Final = _documented("Options of every command")
ROOTS: Final = _documented("Options that say which root to trust")
KEYS: Final = _documented("Options that say which keys to use")


def test_the_options_of_every_command_are_documented() -> None:
    assert _options(cli) - _HELP == GLOBAL - _HELP


@pytest.mark.parametrize("name", COMMANDS)
def test_a_commands_options_are_documented(name: str) -> None:
    has = _options(COMMANDS[name]) - _HELP
    shared = GLOBAL | (ROOTS if "--root-key-id" in has else set())
    shared |= KEYS if "--key" in has else set()
    assert has - shared == _documented(name) - (shared & has)
    assert has >= GLOBAL - _HELP


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_shown_with_an_example(name: str) -> None:
    assert f"$ {name} " in _section(name) or f"$ {name}\n" in _section(name)


def test_no_section_describes_a_command_that_is_not_there() -> None:
    described = set(re.findall(r"^## (signer [a-z -]+)$", _DOCUMENT, re.M))
    assert described - {f"signer {name}" for name in _FACADES} == set(COMMANDS)
