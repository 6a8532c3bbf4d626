"""JSON documents as YAML nodes that know their place in the text.

YAML is not quite a superset of JSON: tabs and surrogates differ, so that JSON has a reader of its
own. Python's decides whether a text is JSON; this one only says where its parts stand.
"""

import json
import re
from collections.abc import Iterator
from json.decoder import scanstring  # type: ignore[attr-defined] # typeshed leaves it out
from typing import Final

from ruamel.yaml.error import StringMark
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

_TAG: Final = "tag:yaml.org,2002:"
STRING: Final = f"{_TAG}str"
NULL: Final = f"{_TAG}null"
_BOOLEAN: Final = f"{_TAG}bool"
_NUMBER: Final = f"{_TAG}int"
_MAPPING: Final = f"{_TAG}map"
_SEQUENCE: Final = f"{_TAG}seq"

_JSON_SPACE: Final = re.compile(r"[ \t\r\n]*")
_JSON_ATOM: Final = re.compile(r"(?P<null>null)|(?P<boolean>true|false)|-?[0-9][0-9.eE+-]*")


def json_documents(text: str) -> list[Node] | None:
    """Parse concatenated JSON documents; None where the text is no JSON.

    Raises:
        ValueError: a value is one that only Python takes for JSON.
        RecursionError: it is nested too deep.
    """
    documents = []
    position = _skip(text, 0)
    while position < len(text):
        try:
            _, end = json.JSONDecoder().raw_decode(text, position)
        except ValueError:
            return None
        documents.append(_JsonNodes(text).node(position)[0])
        position = _skip(text, end)
    return documents


def _skip(text: str, position: int) -> int:
    return _JSON_SPACE.match(text, position).end()  # type: ignore[union-attr] # it matches nothing, too


class _JsonNodes:
    """Builds nodes from text that has been found to be JSON."""

    def __init__(self, text: str) -> None:
        self._text = text

    def node(self, start: int) -> tuple[Node, int]:
        match self._text[start]:
            case "{":
                pairs = []
                end = start
                for first in self._members(start, "}"):
                    key, colon = self.node(first)
                    value, end = self.node(_skip(self._text, _skip(self._text, colon) + 1))
                    pairs.append((key, value))
                    self._at = end
                return self._made(MappingNode, _MAPPING, pairs, start, self._closed(end, start))
            case "[":
                items = []
                end = start
                for first in self._members(start, "]"):
                    item, end = self.node(first)
                    items.append(item)
                    self._at = end
                return self._made(SequenceNode, _SEQUENCE, items, start, self._closed(end, start))
            case '"':
                value, end = scanstring(self._text, start + 1, True)
                return self._made(ScalarNode, STRING, value, start, end, style='"')
        atom = _JSON_ATOM.match(self._text, start)
        if not atom:  # NaN and Infinity, which Python takes for JSON
            raise ValueError("a value is no JSON")
        tag = NULL if atom["null"] else _BOOLEAN if atom["boolean"] else _NUMBER
        return self._made(ScalarNode, tag, atom[0], start, atom.end())

    def _members(self, start: int, closing: str) -> Iterator[int]:
        """Yield where each member begins; the caller says in ``_at`` where it ended."""
        position = _skip(self._text, start + 1)
        while self._text[position] != closing:
            if self._text[position] == ",":
                position = _skip(self._text, position + 1)
            yield position
            position = _skip(self._text, self._at)

    def _closed(self, end: int, start: int) -> int:
        return _skip(self._text, end if end > start else start + 1) + 1

    def _made(
        self,
        kind: type[Node],
        tag: str,
        value: object,
        start: int,
        end: int,
        *,
        style: str | None = None,
    ) -> tuple[Node, int]:
        marks = [StringMark("", index, 0, 0, "", index) for index in (start, end)]
        extra = {"style": style} if style else {}
        return kind(tag, value, *marks, **extra), end
