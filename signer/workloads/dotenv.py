"""``.env`` files, as Compose reads them.

Source: the Compose documentation, "Environment file syntax".
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from signer.workloads.interpolation import InterpolationError, Lookup, interpolate
from signer.workloads.source import Source, read_source

_STATEMENT: Final = re.compile(
    r"(?:export[ \t]+)?(?P<name>[A-Za-z0-9_.\-\[\]]+)[ \t]*(?P<sign>[=:]|\r?\n|\r?$|\Z)",
    re.MULTILINE,
)
_ESCAPE: Final = re.compile(r"\\([abcfnrtv$\"\\]|0[0-7]{0,3})")
_PLAIN_ESCAPES: Final = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    '"': '"', "\\": "\\",
    "$": "$$",  # which interpolation turns into one
}  # fmt: skip


def read_dotenv(path: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Read a file of variables.

    Args:
        path: the file.
        environment: values that are set already: they win wherever the file uses a variable.

    Raises:
        WorkloadFileError: a line is none of this format, or requires what is not set.
        UsageError: the file cannot be read.
    """
    return parse_dotenv(read_source(path), environment)


def parse_dotenv(source: Source, environment: Mapping[str, str]) -> dict[str, str]:
    """Read the text of such a file.

    Raises:
        WorkloadFileError: a line is none of this format, or requires what is not set.
    """
    values: dict[str, str] = {}

    def lookup(name: str) -> str | None:
        return environment.get(name, values.get(name))

    text = source.text
    position = _next_statement(text, 0)
    while position < len(text):
        statement = _STATEMENT.match(text, position)
        if not statement:
            raise source.error(position, "this is no NAME=VALUE.")
        name = statement["name"]
        if statement["sign"] not in {"=", ":"}:
            if name in environment:
                values[name] = environment[name]
            position = _next_statement(text, statement.end())
            continue
        try:
            values[name], end = _value(source, _skip_blanks(text, statement.end()), lookup)
        except InterpolationError as error:
            raise source.error(position, f"{error}.") from error
        position = _next_statement(text, end)
    return values


def _next_statement(text: str, position: int) -> int:
    """Skip blanks, empty lines and comments."""
    while position < len(text):
        if text[position].isspace():
            position += 1
        elif text[position] == "#":
            position = _line_end(text, position)
        else:
            break
    return position


def _skip_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t":
        position += 1
    return position


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end


def _value(source: Source, start: int, lookup: Lookup) -> tuple[str, int]:
    text = source.text
    quote = text[start : start + 1]
    if quote not in {"'", '"'}:
        end = _line_end(text, start)
        value = text[start:end].partition(" #")[0].rstrip()
        return interpolate(value, lookup), end
    end = start + 1
    while end < len(text) and text[end] != quote:
        end += 2 if text[end] == "\\" else 1
    if end >= len(text):
        raise source.error(start, "the quoted value has no end.")
    inner = text[start + 1 : end].replace("\r\n", "\n").replace(f"\\{quote}", quote)
    if quote == '"':
        inner = interpolate(_ESCAPE.sub(_unescaped, inner), lookup)
    return inner, end + 1


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    if code[0] == "0":
        return chr(int(code, 8))
    return _PLAIN_ESCAPES.get(code, match[0])
