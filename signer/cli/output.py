"""What commands print: one JSON object, or text for people in 80 columns."""

import json
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import click

from signer.errors import SignerError

_WIDTH = 80


def print_json(schema: str, content: Mapping[str, Any]) -> None:
    """Print one object with its ``schema``, for example ``signer.sign/1``."""
    click.echo(
        json.dumps({"schema": f"signer.{schema}/1", **content}, indent=2, ensure_ascii=False)
    )


def report_error(error: SignerError, *, as_json: bool) -> int:
    """Show an error: text on standard error, or one object on standard output; return its code."""
    if as_json:
        print_json("error", error_content(error) | {"exit_code": int(error.exit_code)})
    else:
        click.echo(error_text(error), err=True)
    sys.stdout.flush()
    return int(error.exit_code)


def error_content(error: SignerError) -> dict[str, Any]:
    """Return an error as JSON: code, message, hint."""
    return {"code": error.code, "message": error.message, "hint": error.hint}


def error_text(error: SignerError, *, indent: str = "") -> str:
    """Return an error as text: what is wrong, then what to do."""
    text = wrapped(f"error: {error.message}", indent=indent)
    return f"{text}\n{wrapped(f'hint: {error.hint}', indent=indent)}" if error.hint else text


def wrapped(text: str, *, indent: str = "", subsequent: str = "  ") -> str:
    """Break text at 80 columns; long names and ids are never broken."""
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + subsequent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a plain table; columns are as wide as their content, the last one is ragged."""
    lines = [list(head), *[list(row) for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def short_digest(digest: str) -> str:
    """Return a digest's first twelve hex digits with its algorithm, for tables."""
    algorithm, colon, value = digest.partition(":")
    return f"{algorithm}{colon}{value[:12]}" if colon else digest
