"""JSONPaths that say where custom resources name images: names, indexes and ``[*]``.

Source: RFC 9535, of which filters, slices and recursive descent are left out; the braces that
kubectl puts around a path may stand, and the ``$`` may be missing.
"""

import re
from typing import Final

from signer.errors import UsageError
from signer.names import printable

Part = str | int | None
"""A member's name, an item's index, or None for every item or member."""

_PART: Final = re.compile(
    r"""\.(?P<name>[A-Za-z_][\w-]*)
      | \.(?P<star>\*)
      | \[(?P<index>[0-9]{1,6})\]
      | \[(?P<every>\*)\]
      | \['(?P<single>[^'\\]+)'\]
      | \["(?P<double>[^"\\]+)"\]""",
    re.VERBOSE,
)


def parse_json_path(text: str) -> tuple[Part, ...]:
    """Read a JSONPath such as ``$.spec.steps[*].image``.

    Raises:
        UsageError: it is malformed, or uses what is not supported.
    """
    path = text.strip()
    if path.startswith("{") and path.endswith("}"):
        path = path[1:-1].strip()
    path = path.removeprefix("$")
    if path and path[0] not in ".[":
        path = f".{path}"
    parts: list[Part] = []
    position = 0
    while position < len(path):
        match = _PART.match(path, position)
        if not match:
            break
        if match["star"] or match["every"]:
            parts.append(None)
        elif match["index"]:
            parts.append(int(match["index"]))
        else:
            parts.append(match["name"] or match["single"] or match["double"])
        position = match.end()
    if not parts or position < len(path):
        raise UsageError(
            f"{printable(text)!r} is no JSONPath that can be followed.",
            hint="Write names, indexes and [*], for example $.spec.steps[*].image.",
            code="bad-json-path",
        )
    return tuple(parts)
