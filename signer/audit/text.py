"""Text for the record: on one line, of bounded length, and without secrets.

Secrets that are known by their place (a variable whose name says so), or by their form (a private
key, a password in a URL, a PIN in a token's URI), are left out wherever they occur.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from signer.dialect.canonical import Json

MAX_TEXT: Final = 4000
"""Characters of one text; what is longer is cut."""

REMOVED: Final = "(removed)"

_PEM: Final = re.compile(r"-----BEGIN .*?(?:-----END [A-Z0-9 ]*-----|\Z)", re.S)
_USER: Final = re.compile(r"(?<=://)[^/?#\s@]*@")
_ASSIGNED: Final = re.compile(
    r"(?i)((?:pin[-_]?value|pin|pass(?:word|phrase)?|secret|token|api[-_]?key)=)[^&;\s]+"
)
_SECRET_VARIABLE: Final = re.compile(
    r"(?i).*(?:PASS(?:WORD|PHRASE|WD)?|SECRET|TOKEN|_AUTH|_PIN|_KEY|CREDENTIALS?)"
)
_SHORTEST_SECRET: Final = 4


class Redactor:
    """Takes secrets out of text.

    Args:
        environment: whose variables of telling names hold secrets.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        found = {
            value
            for name, value in environment.items()
            if _SECRET_VARIABLE.fullmatch(name) and len(value) >= _SHORTEST_SECRET
        }
        self._secrets = sorted(found, key=len, reverse=True)

    def __repr__(self) -> str:
        return f"Redactor({len(self._secrets)} secrets)"

    def text(self, text: str) -> str:
        """Return ``text`` on one line, without secrets, cut to `MAX_TEXT` characters."""
        for secret in self._secrets:
            text = text.replace(secret, REMOVED)
        text = _PEM.sub(REMOVED, text)
        text = _USER.sub(f"{REMOVED}@", text)
        text = _ASSIGNED.sub(rf"\1{REMOVED}", text)
        text = "".join(
            ch if ch.isprintable() else ch.encode("unicode_escape").decode("ascii") for ch in text
        )
        return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}..."

    def json(self, content: Json) -> Json:
        """Return JSON with all its text treated; what is absent (None, empty) is left out.

        Floats and other values that the dialect has not become text.
        """
        match content:
            case str():
                return self.text(content)
            case bool() | int():
                return content
            case Mapping():
                kept = {self.text(str(name)): self.json(value) for name, value in content.items()}
                return {name: value for name, value in kept.items() if value not in ("", {}, [])}
            case None:
                return ""
            case Iterable():
                return [self.json(item) for item in content]
        return self.text(str(content))

    def command(self, arguments: Iterable[str]) -> list[str]:
        """Return a command line; JSON text (an event) among its arguments is left out whole."""
        return [
            "(JSON text)" if argument.lstrip().startswith(("{", "[")) else self.text(argument)
            for argument in arguments
        ]
