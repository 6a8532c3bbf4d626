"""Asking people, where there are any."""

import sys
import threading
from collections.abc import Callable

import click


def terminal_prompt() -> Callable[[str], str] | None:
    """Return a function that asks for a secret; None where standard input is no terminal."""
    if not sys.stdin or not sys.stdin.isatty():
        return None
    return _ask_secret


def _ask_secret(text: str) -> str:
    return str(
        click.prompt(text.rstrip(": "), hide_input=True, err=True, default="", show_default=False)
    )


def confirm(question: str) -> bool:
    """Ask a yes/no question on a terminal; the answer is no where there is none."""
    if not sys.stdin or not sys.stdin.isatty():
        return False
    return click.confirm(question, err=True)


def root_confirmation() -> Callable[[str, str], bool] | None:
    """Return a function that asks whether to trust a root; None where there is no terminal."""
    if not sys.stdin or not sys.stdin.isatty():
        return None
    one_at_a_time = threading.Lock()

    def ask(gun: str, key_ids: str) -> bool:
        with one_at_a_time:
            click.echo(
                f"The root of {gun} is not known yet. The server shows its key id\n  {key_ids}",
                err=True,
            )
            return confirm("Does whoever initialised the collection confirm it?")

    return ask
