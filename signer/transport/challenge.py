"""``WWW-Authenticate``: what a server wants to see before it answers.

Source: RFC 9110, section 11.6.1; the registry's token specification for the Bearer parameters.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rf'({_WORD})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))')
_SCHEME = re.compile(rf"({_WORD})(?=[\s,]|$)")
_ESCAPE = re.compile(r"\\(.)")


@dataclass(frozen=True)
class Challenge:
    """One challenge: its ``scheme`` in lower case, and its ``parameters`` by lower-case name."""

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def realm(self) -> str:
        """The URL of the token server (Bearer), or a display name (Basic)."""
        return self.parameters.get("realm", "")

    @property
    def service(self) -> str:
        """The service's name, to be repeated to the token server."""
        return self.parameters.get("service", "")

    @property
    def scope(self) -> str:
        """The rights the server asks for, for example ``repository:NAME:pull``; may be empty."""
        return self.parameters.get("scope", "")


def parse_challenges(fields: Iterable[str]) -> tuple[Challenge, ...]:
    """Read the challenges of all ``WWW-Authenticate`` fields, in order.

    One field may hold several challenges; names are compared without regard to case; of a repeated
    parameter the first counts. What cannot be read ends that field: what stood before it counts.
    """
    challenges: list[Challenge] = []
    for text in fields:
        current: Challenge | None = None
        position = _skip_separators(text, 0)
        while position < len(text):
            parameter = _PARAMETER.match(text, position) if current else None
            scheme = None if parameter else _SCHEME.match(text, position)
            if current and parameter:
                name, quoted, plain = parameter.groups()
                value = plain if quoted is None else _ESCAPE.sub(r"\1", quoted)
                current.parameters.setdefault(name.lower(), value)
                position = parameter.end()
            elif scheme:
                current = Challenge(scheme[1].lower())
                challenges.append(current)
                position = scheme.end()
            else:
                break
            position = _skip_separators(text, position)
    return tuple(challenges)


def _skip_separators(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t,":
        position += 1
    return position
