"""Variables in Compose files: ``$X``, ``${X}``, defaults, errors and replacements, nested.

Source: the Compose specification, "Interpolation".
"""

import re
from collections.abc import Callable
from typing import Final

from signer.names import printable

Lookup = Callable[[str], str | None]
"""Returns a variable's value, None where it is not set."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR: Final = re.compile(r":?[-?+]")
_MAX_DEPTH: Final = 50
_MAX_LENGTH: Final = 64 * 1024


class InterpolationError(ValueError):
    """A template is malformed, or a variable that it requires is not set."""


def interpolate(template: str, lookup: Lookup) -> str:
    """Replace variables by their values; one that is not set is empty, ``$$`` is ``$``.

    Raises:
        InterpolationError: the template is malformed, ``${X:?}`` or ``${X?}`` is not set, or the
            result is too long.
    """
    return _interpolate(template, lookup, depth=0)


def _interpolate(template: str, lookup: Lookup, *, depth: int) -> str:
    if depth > _MAX_DEPTH:
        raise InterpolationError("variables are nested too deep")
    parts: list[str] = []
    position = 0
    while (dollar := template.find("$", position)) >= 0:
        parts.append(template[position:dollar])
        value, position = _variable(template, dollar + 1, lookup, depth=depth)
        parts.append(value)
    result = "".join(parts) + template[position:]
    if len(result) > _MAX_LENGTH:
        raise InterpolationError("the value is too long once variables are replaced")
    return result


def _variable(template: str, start: int, lookup: Lookup, *, depth: int) -> tuple[str, int]:
    """Return the value of what stands behind a ``$``, and the position behind it."""
    if template.startswith("$", start):
        return "$", start + 1
    if template.startswith("{", start):
        end = _closing_brace(template, start)
        return _braced(template[start + 1 : end], lookup, depth=depth), end + 1
    name = _NAME.match(template, start)
    if not name:
        raise InterpolationError(
            f"{printable(template)!r} has a '$' without a variable; '$$' stands for a '$' itself"
        )
    return lookup(name[0]) or "", name.end()


def _closing_brace(template: str, start: int) -> int:
    """Return the position of the brace that closes the one at ``start``."""
    open_braces = 0
    position = start
    while position < len(template):
        if template[position] == "}":
            open_braces -= 1
            if open_braces == 0:
                return position
        elif position == start or template.startswith("${", position):
            open_braces += 1
            position += int(position != start)
        position += 1
    raise InterpolationError(f"{printable(template)!r} has a '${{' that is not closed")


def _braced(inner: str, lookup: Lookup, *, depth: int) -> str:
    """Evaluate what stands between braces."""
    name = _NAME.match(inner)
    operator = _OPERATOR.match(inner, name.end()) if name else None
    if not name or (name.end() != len(inner) and not operator):
        raise InterpolationError(f"'${{{printable(inner)}}}' is no variable")
    value = lookup(name[0])
    if not operator:
        return value or ""
    rest = inner[operator.end() :]
    present = bool(value) if operator[0].startswith(":") else value is not None
    match operator[0][-1]:
        case "-":
            return value or "" if present else _interpolate(rest, lookup, depth=depth + 1)
        case "+":
            return _interpolate(rest, lookup, depth=depth + 1) if present else ""
    if not present:
        said = _interpolate(rest, lookup, depth=depth + 1)
        state = "empty" if value == "" else "not set"
        why = f": {printable(said)}" if said else ""
        raise InterpolationError(f"the variable {name[0]} is {state}, and it is required{why}")
    return value or ""
