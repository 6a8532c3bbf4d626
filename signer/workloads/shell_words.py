"""Words of a Dockerfile with quotes taken off and ``ARG`` values put in.

Source: Docker's Dockerfile reference, "Environment replacement".
"""

import re
from collections.abc import Callable
from fnmatch import translate
from typing import Final

from signer.names import printable
from signer.workloads.interpolation import InterpolationError

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MAX_DEPTH: Final = 50

Lookup = Callable[[str], str | None]


def expand(word: str, lookup: Lookup, *, escape: str, depth: int = 0) -> str:
    """Return a word's value: without quotes and escapes, variables replaced.

    Raises:
        InterpolationError: a quote or brace is not closed, a required variable is not set, or the
            form of a variable is unknown.
    """
    if depth > _MAX_DEPTH:
        raise InterpolationError("variables are nested too deep")
    result: list[str] = []
    quote = ""
    position = 0
    while position < len(word):
        char = word[position]
        if char == escape and quote != "'":
            following = word[position + 1 : position + 2]
            # Between double quotes only these lose their escape.
            keeps = quote == '"' and following not in {'"', "$", escape}
            result.append(char + following if keeps or not following else following)
            position += 2
        elif char == "$" and quote != "'":
            value, position = _variable(word, position + 1, lookup, escape=escape, depth=depth)
            result.append(value)
        else:
            if char == quote:
                quote = ""
            elif not quote and char in {"'", '"'}:
                quote = char
            else:
                result.append(char)
            position += 1
    if quote:
        raise InterpolationError(f"{printable(word)!r} has a quote that is not closed")
    return "".join(result)


def _variable(word: str, start: int, lookup: Lookup, *, escape: str, depth: int) -> tuple[str, int]:
    name = _NAME.match(word, start)
    if name:
        return lookup(name[0]) or "", name.end()
    if not word.startswith("{", start):
        return "$", start
    name = _NAME.match(word, start + 1)
    end = _closing_brace(word, start)
    if not name:
        raise InterpolationError(f"'$' + {printable(word[start : end + 1])!r} is no variable")
    value = lookup(name[0])
    form = word[name.end() : end]
    if not form:
        return value or "", end + 1

    def expanded(text: str) -> str:
        return expand(text, lookup, escape=escape, depth=depth + 1)

    return _modified(name[0], value, form, expanded), end + 1


def _closing_brace(word: str, start: int) -> int:
    depth = 0
    for position in range(start, len(word)):
        depth += {"{": 1, "}": -1}.get(word[position], 0)
        if depth == 0:
            return position
    raise InterpolationError(f"{printable(word)!r} has a '${{' that is not closed")


def _modified(name: str, value: str | None, form: str, expanded: Callable[[str], str]) -> str:
    colon = form.startswith(":")
    operator, rest = form[int(colon) : int(colon) + 1], form[int(colon) + 1 :]
    present = bool(value) if colon else value is not None
    match operator:
        case "-":
            return value or "" if present else expanded(rest)
        case "+":
            return expanded(rest) if present else ""
        case "?":
            if not present:
                raise InterpolationError(f"{name} is not set, and it is required: {expanded(rest)}")
            return value or ""
    if not colon and operator in {"#", "%"}:
        longest = rest.startswith(operator)
        pattern = expanded(rest[int(longest) :])
        return _trimmed(value or "", pattern, prefix=operator == "#", longest=longest)
    if not colon and operator == "/":
        everywhere = rest.startswith("/")
        old, _, new = rest[int(everywhere) :].partition("/")
        found = re.compile(_regex(expanded(old)))
        replacement = expanded(new)
        return found.sub(lambda _: replacement, value or "", count=0 if everywhere else 1)
    raise InterpolationError(
        f"'${{{name}{printable(form)}}}' is a form of variable that is unknown"
    )


def _regex(pattern: str) -> str:
    """Return a shell pattern as a regular expression that matches a part of a text."""
    return translate(pattern).removesuffix(r"\Z").removesuffix(r"\z")


def _trimmed(value: str, pattern: str, *, prefix: bool, longest: bool) -> str:
    whole = re.compile(translate(pattern))
    lengths = range(len(value) + 1)
    for length in reversed(lengths) if longest else lengths:
        part = value[:length] if prefix else value[len(value) - length :]
        if whole.match(part):
            return value[length:] if prefix else value[: len(value) - length]
    return value
