"""JSON as the engine reads it: names in any case, the last of several counts.

Where it would matter which of several counts, the request is refused: Go takes the last of two
texts, but merges two objects. Python's ``casefold`` makes everything equal that Go's folding does
(also U+017F, the long s, and U+212A, the Kelvin sign).

Source: Go, ``encoding/json``, "Unmarshal"; seen on a real engine 20.10.
"""

import json
from typing import NoReturn

from signer.admission.engine.refusal import UnclearRequestError, unseen


class Fields:
    """An object: its names with their values, in order, doubled ones included."""

    def __init__(self, pairs: list[tuple[str, object]], *, what: str) -> None:
        self._pairs = pairs
        self._what = what

    def value(self, name: str) -> object:
        """Return a field's value; None where it is null or not there.

        Raises:
            UnclearRequestError: it is there more than once, in whatever case.
        """
        folded = name.casefold()
        found = [value for key, value in self._pairs if key.casefold() == folded]
        if len(found) > 1:
            raise unseen(
                self._what, f"its body has {name!r} {len(found)} times, in the same or other case"
            )
        return found[0] if found else None

    def text(self, name: str) -> str:
        """Return a text; empty where there is none.

        Raises:
            UnclearRequestError: it is doubled, or no text.
        """
        value = self.value(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise unseen(self._what, f"{name!r} in its body is no text")
        return value

    def fields(self, name: str) -> "Fields | None":
        """Return an object; None where there is none.

        Raises:
            UnclearRequestError: it is doubled, or no object.
        """
        value = self.value(name)
        if value is None or isinstance(value, Fields):
            return value
        raise unseen(self._what, f"{name!r} in its body is no object")

    def list(self, name: str) -> "list[Fields]":
        """Return a list of objects.

        Raises:
            UnclearRequestError: it is doubled, or no list of objects.
        """
        value = self.value(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, Fields) for item in value):
            raise unseen(self._what, f"{name!r} in its body is no list of objects")
        return value


def read_fields(body: bytes, *, what: str) -> Fields:
    """Read a body that is one JSON object.

    Args:
        body: UTF-8.
        what: the request, for messages.

    Raises:
        UnclearRequestError: it is something else, or something follows it.
    """

    def keep(pairs: list[tuple[str, object]]) -> Fields:
        return Fields(pairs, what=what)

    try:
        content = json.loads(
            body.decode("utf-8"), object_pairs_hook=keep, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        raise _no_json(what) from error
    if not isinstance(content, Fields):
        raise _no_json(what)
    return content


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _no_json(what: str) -> UnclearRequestError:
    return unseen(what, "its body is not one JSON object")
