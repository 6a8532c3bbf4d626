"""What the Go programs would not survive, found before anything is uploaded.

A Notary server stores the bytes it is given but hashes its own re-serialisation of them into the
snapshot, so one byte that Go would write otherwise makes the collection unreadable for ever, with
HTTP 200 (NP section 0). Target names and ``custom`` data have limits of their own.
"""

import re
from typing import Final

from signer.constants import MAX_INTEGER
from signer.dialect.canonical import Json, go_json, strict_json
from signer.dialect.codec import decode, encode
from signer.dialect.envelope import Envelope
from signer.dialect.errors import UnwritableError
from signer.dialect.time import is_go_time
from signer.names import printable

_UNSAFE_CUSTOM: Final = re.compile("[<>&\u2028\u2029\x00-\x1f\x7f]")
_UNSAFE_NAME: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_CONTROL: Final = re.compile(rb"[\x00-\x1f]")
"""In a payload these can only be part of a text: canonical JSON has no white space."""

_MAX_CUSTOM_DEPTH: Final = 16


def prove_wire(wire: bytes, *, where: str) -> None:
    """Prove that a Go server would re-emit ``wire`` byte for byte.

    Decodes, encodes and compares; names the field at fault.

    Raises:
        UnwritableError: it would not.

    Source: NP section 0, item 1; python-tuf-fit, section 2.
    """
    envelope = Envelope.from_bytes(wire)
    again = encode(decode(envelope.content)) | {"expires": envelope.content["expires"]}
    if not is_go_time(envelope.content["expires"]):
        raise _unwritable(where, "expires is not as Go writes times")
    difference = _first_difference(envelope.content, again, "signed")
    if difference:
        raise _unwritable(where, f"{difference} is not what Go would write")
    for signature in envelope.signatures.values():
        method = signature.unrecognized_fields["method"]
        if method != method.lower():
            raise _unwritable(where, "a signature's method is not lower case")
    if envelope.to_bytes() != wire:
        raise _unwritable(where, "the bytes are not in Go's form")
    if _CONTROL.search(envelope.payload):
        raise _unwritable(where, "there is a control character in a text, which Go cannot marshal")
    for name, entry in envelope.content.get("targets", {}).items():
        check_target_name(name)
        if "custom" in entry:
            check_custom(entry["custom"], where=f"{where}, target {printable(name)!r}")


def check_target_name(name: str) -> None:
    """Refuse a target's name that Go cannot marshal, or that would be empty.

    Raises:
        UnwritableError: control characters or lone surrogates.

    Source: NP 1.7.
    """
    if not name or _UNSAFE_NAME.search(name):
        raise _unwritable("a target's name", f"{printable(name)!r} has characters Go cannot write")


def check_custom(custom: Json, *, where: str) -> None:
    """Refuse custom data that a Go client could read but never edit again.

    Strings may have no ``<``, ``>``, ``&``, control characters, U+2028 or U+2029; numbers are whole
    and within 2**53; null alone would be dropped.

    Raises:
        UnwritableError: with the place and the cause.

    Source: NP section 0, item 2; the table in python-tuf-fit, section 2.
    """
    if custom is None:
        raise _unwritable(where, "custom is null, which Go drops")
    _check_custom(custom, f"{where}: custom", _MAX_CUSTOM_DEPTH)
    if strict_json(go_json(custom).encode("utf-8")) != custom:
        raise _unwritable(where, "custom does not survive being written and read")


def _check_custom(value: Json, where: str, depth: int) -> None:
    if depth == 0:
        raise _unwritable(where, "it is nested too deeply")
    match value:
        case bool() | None:
            pass
        case str():
            _check_text(value, where)
        case int():
            if abs(value) > MAX_INTEGER:
                raise _unwritable(where, f"{value} is beyond 2**53")
        case dict():
            for name, item in value.items():
                if not isinstance(name, str):
                    raise _unwritable(where, "a name is no text")
                _check_text(name, where)
                _check_custom(item, f"{where}.{name}", depth - 1)
        case list():
            for item in value:
                _check_custom(item, f"{where}[]", depth - 1)
        case _:
            raise _unwritable(where, f"a {type(value).__name__} is no JSON that Go survives")


def _check_text(text: str, where: str) -> None:
    found = _UNSAFE_CUSTOM.search(text) or _UNSAFE_NAME.search(text)
    if found:
        raise _unwritable(where, f"the character {found.group()!r} does not survive Go")


def _first_difference(one: Json, other: Json, where: str) -> str:
    """Return the path of the first place where two decoded documents differ, or ``""``."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted(one.keys() | other.keys()):
            if name not in one or name not in other:
                return f"{where}.{printable(name)}"
            if found := _first_difference(one[name], other[name], f"{where}.{printable(name)}"):
                return found
        return ""
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = zip(one, other, strict=True)
        return next(filter(None, (_first_difference(a, b, where) for a, b in pairs)), "")
    return "" if type(one) is type(other) and one == other else where


def _unwritable(where: str, why: str) -> UnwritableError:
    return UnwritableError(
        f"Refusing to write {where}: {why}.",
        hint="A Notary server would accept it and the collection would be unreadable afterwards.",
    )
