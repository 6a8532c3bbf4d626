r"""JSON as Notary reads, signs and stores it.

Two byte strings come from one content, and they are never called "bytes" alone:

- the *payload* is canonical JSON, which signatures cover: sorted names, no spaces, only ``"`` and
  ``\`` escaped;
- the *wire* form is what Go's ``json.Marshal`` writes, which is stored and hashed: the same, but
  with ``<``, ``>``, ``&``, U+2028 and U+2029 as ``\uXXXX``.

Reading is stricter than Go's: duplicate names, numbers that do not survive Go's float64, invalid
UTF-8 and very deep nesting are refused.
"""

import json
from typing import Any, Final

from securesystemslib.exceptions import FormatError
from securesystemslib.formats import encode_canonical

from signer.constants import MAX_INTEGER, MAX_JSON_DEPTH

Json = Any
"""Decoded JSON: dict, list, str, int, bool or None (floats are refused)."""

_HTML: Final = {ord(ch): f"\\u{ord(ch):04x}" for ch in "<>&\u2028\u2029"}


def canonical_json(content: Json) -> bytes:
    """Encode ``content`` as canonical JSON (the payload), UTF-8.

    Raises:
        ValueError: it has floats, other types, or text that is no Unicode.

    Source: NP 1.7; ``encode_canonical`` equals docker's canonical JSON on all that both accept.
    """
    try:
        text = encode_canonical(content)
        if text is None:  # only where an output function is given
            raise ValueError("no canonical JSON")
        return text.encode("utf-8")
    except (FormatError, RecursionError) as error:
        raise ValueError(f"no canonical JSON: {error}") from error


def canonical_json_of_strict(content: Json) -> bytes:
    """Encode what ``strict_json`` returned as canonical JSON: the same bytes, several times faster.

    Such content has no floats, and names that are text, so the standard library's encoder differs
    in one thing only: it escapes control characters as well. Where its output has an escape of
    any kind, the exact encoder decides.

    Raises:
        ValueError: it has text that is no Unicode.
    """
    text = _compact(content)
    return canonical_json(content) if "\\" in text else text.encode("utf-8")


def go_json(content: Json) -> str:
    """Write ``content`` as Go's ``json.Marshal`` would write the already canonical value.

    Source: NP 1.1.
    """
    return _compact(content).translate(_HTML)


def _compact(content: Json) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def strict_json(wire: bytes) -> Json:
    """Decode one JSON document.

    Raises:
        ValueError: no UTF-8, no JSON, a duplicate name, a number that is not whole or beyond
            2**53, NaN, or nesting deeper than ``MAX_JSON_DEPTH``.

    Source: NP 1.7 (numbers), NP 1.1 (duplicates).
    """
    try:
        text = wire.decode("utf-8")
        content = json.loads(
            text,
            parse_int=_whole,
            parse_float=_whole,
            parse_constant=_refuse,
            object_pairs_hook=_unique,
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    _check_depth(content)
    return content


def _whole(text: str) -> int:
    if len(text) > 400:  # a float's longest useful spelling; int() of more would cost time
        raise ValueError("a number too long to be one")
    try:
        value = int(text) if text.lstrip("-").isdigit() else float(text)
        whole = int(value)
    except OverflowError as error:
        raise ValueError(f"the number {text[:30]} does not survive Go's float64") from error
    if value != whole or abs(whole) > MAX_INTEGER:
        raise ValueError(f"the number {text[:30]} does not survive Go's float64")
    return whole


def _refuse(text: str) -> None:
    raise ValueError(f"{text} is no JSON number")


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"the name {name[:60]!r} occurs twice")
            seen.add(name)
    return found


def _check_depth(content: Json) -> None:
    level = [content]
    for _ in range(MAX_JSON_DEPTH):
        following: list[Json] = []
        for value in level:
            if isinstance(value, dict):
                following.extend(value.values())
            elif isinstance(value, list):
                following.extend(value)
        if not following:
            return
        level = following
    raise ValueError("nested too deeply")
