"""What is signed beside a digest, shown as names and values."""

import json
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from signer.dialect.canonical import Json
from signer.report.html_element import Child, Html, element

_MAX_VALUES: Final = 100
_MAX_DEPTH: Final = 6
_MAX_CHARACTERS: Final = 2000


def custom_pairs(custom: Json) -> list[tuple[Child, Child]]:
    """Return names and values of custom data; those of the provenance without that word.

    A URL becomes a link only where it is an http or https one.
    """
    values = list(_flat(custom, ()))
    pairs: list[tuple[Child, Child]] = [(name, _shown(value)) for name, value in values]
    if len(pairs) > _MAX_VALUES:
        pairs = [*pairs[:_MAX_VALUES], ("more", f"{len(pairs) - _MAX_VALUES} values are not shown")]
    return pairs


def definitions(pairs: list[tuple[Child, Child]]) -> Html | None:
    """Return a list of names and values, or nothing where there are none."""
    shown = [(element("dt", name), element("dd", value)) for name, value in pairs if value]
    return element("dl", shown, class_="pairs") if shown else None


def _flat(value: Json, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value and len(path) < _MAX_DEPTH:
        for name, inner in value.items():
            yield from _flat(inner, (*path, str(name)))
        return
    if value is None and not path:
        return
    kept = path[1:] if path[:1] == ("provenance",) else path
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    yield " ".join(kept) or "custom", text


def _shown(text: str) -> Child:
    if len(text) > _MAX_CHARACTERS:
        return f"{text[:_MAX_CHARACTERS]}... ({len(text)} characters)"
    if not _is_web_address(text):
        return element("bdi", text)
    return element("a", element("bdi", text), href=text, rel="noopener noreferrer nofollow")


def _is_web_address(text: str) -> bool:
    if not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc) and "@" not in parts.netloc
