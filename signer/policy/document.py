"""A YAML document whose every key knows its line, for messages about what is wrong with it."""

import re
import types
import typing
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scalarbool import ScalarBoolean

from signer.errors import UsageError
from signer.names import printable

_Struct = TypeVar("_Struct", bound=msgspec.Struct)

_MAX_DEPTH: Final = 20
_MAX_NODES: Final = 200_000
_MISCONSTRUCTED: Final = (ValueError, LookupError, TypeError, AttributeError)
"""Whatever ruamel's constructors raise where a tag promises what the text does not hold."""

_AT: Final = re.compile(r"(.*?)(?: - at `(.*)`)?", re.DOTALL)
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_PART: Final = re.compile(r"\[(\d+|\.\.\.)\]|\.?([^.\[\]]+)")


class PolicyFileError(UsageError):
    """A policy file cannot be read as one."""

    default_code = "bad-policy"


class Document:
    """The content of a YAML file as plain objects, with the line of each part.

    Attributes:
        content: the plain objects.
        origin: the file, for messages.
    """

    def __init__(self, content: Any, lines: Mapping[str, int], origin: Path) -> None:  # noqa: ANN401 - any YAML
        self.content = content
        self.origin = origin
        self._lines = lines

    @classmethod
    def parse(cls, content: bytes, origin: Path) -> "Document":
        """Read one YAML document.

        Raises:
            PolicyFileError: it is none, is empty, has a key twice, or is nested or aliased without
                measure.
        """
        yaml = YAML(typ="rt", pure=True)
        try:
            loaded = yaml.load(content.decode("utf-8-sig"))
            if loaded is None:
                raise PolicyFileError(f"{origin} is empty.")
            lines: dict[str, int] = {"$": 1}
            plain = _Plain(lines).of(loaded, "$", 0)
        except UnicodeDecodeError as error:
            raise PolicyFileError(f"{origin} is no text in UTF-8.") from error
        except MarkedYAMLError as error:
            raise PolicyFileError(f"{marked_problem(error, origin)}.") from error
        except _KeyError as error:
            raise PolicyFileError(f"{origin}:{error}.") from error
        except (YAMLError, RecursionError, *_MISCONSTRUCTED) as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise PolicyFileError(f"{origin} is no YAML that can be read: {first}.") from error
        return cls(plain, lines, origin)

    def convert(self, struct: type[_Struct]) -> _Struct:
        """Read the content strictly as a struct.

        Raises:
            PolicyFileError: an unknown, missing or wrongly typed key; line and nearest name are
                given.
        """
        try:
            return msgspec.convert(self.content, struct)
        except msgspec.ValidationError as error:
            raise self._explain(str(error), struct) from error

    def line(self, path: str) -> int:
        """Return the line, from 1, of a part such as ``$.rules[0].match``, or of what holds it."""
        while path not in self._lines and path != "$":
            path = path[: max(path.rfind("."), path.rfind("["))] or "$"
        return self._lines[path]

    def error(self, path: str, why: str, *, hint: str = "") -> PolicyFileError:
        """Return the error that something is wrong at a part of the document."""
        end = "" if why.endswith((".", "?")) else "."
        return PolicyFileError(f"{self.origin}:{self.line(path)}: {why}{end}", hint=hint)

    def nearest(self, name: str, valid: Iterable[str]) -> str:
        """Return ``"; did you mean 'X'?"`` where a valid name is like ``name``, else nothing."""
        near = get_close_matches(name, list(valid), n=1)
        return f"; did you mean {near[0]!r}?" if near else ""

    def _explain(self, problem: str, struct: type[msgspec.Struct]) -> PolicyFileError:
        parts = _AT.fullmatch(problem)
        said, path = (parts[1], parts[2] or "$") if parts else (problem, "$")
        path = self._resolved(path, said)
        unknown = _UNKNOWN.fullmatch(said)
        if not unknown:
            name = path.removeprefix("$").lstrip(".")
            choices = _choices(_type_at(path, struct))
            value = _part(self.content, path)
            if choices and isinstance(value, str):
                said = f"{printable(value)!r} is unknown{self.nearest(value, choices)}"
                hint = f"Known here are: {', '.join(choices)}."
                return self.error(path, f"{name}: {said}", hint=hint)
            return self.error(path, f"{name}: {said}" if name else said)
        valid = _names_at(path, struct)
        near = self.nearest(unknown[1], valid)
        why = f"unknown key {printable(unknown[1])!r}{near}"
        return self.error(
            f"{path}.{unknown[1]}", why, hint=f"Known here are: {', '.join(sorted(valid))}."
        )

    def _resolved(self, path: str, said: str) -> str:
        """Put names for ``[...]``, by which the error stands for any key of a mapping."""
        while "[...]" in path:
            before, _, after = path.partition("[...]")
            table = _part(self.content, before)
            names = list(table) if isinstance(table, dict) else []
            chosen = next((n for n in names if _is_culprit(table[n], after, said)), None)
            if chosen is None or "[...]" in chosen:
                return before
            path = f"{before}.{chosen}{after}"
        return path


class _KeyError(ValueError):
    """A key is no text; the message begins with its line."""


class _Plain:
    """Turns ruamel's objects into plain ones, and notes the line of each."""

    def __init__(self, lines: dict[str, int]) -> None:
        self._lines = lines
        self._nodes = 0

    def of(self, value: Any, path: str, depth: int) -> Any:  # noqa: ANN401 - any YAML
        self._nodes += 1
        if depth > _MAX_DEPTH or self._nodes > _MAX_NODES:
            raise ValueError("it is nested too deep, or aliases make it too large")
        if isinstance(value, CommentedMap):
            return {
                self._key(key, path, value): self.of(item, f"{path}.{key}", depth + 1)
                for key, item in value.items()
            }
        if isinstance(value, CommentedSeq):
            items = []
            for number, item in enumerate(value):
                here = f"{path}[{number}]"
                self._lines[here] = value.lc.item(number)[0] + 1
                items.append(self.of(item, here, depth + 1))
            return items
        return _scalar(value)

    def _key(self, key: Any, path: str, table: CommentedMap) -> str:  # noqa: ANN401 - any YAML
        if not isinstance(key, str):
            place = (table.lc.data or {}).get(key)
            line = (place[0] if place else table.lc.line) + 1
            raise _KeyError(f"{line}: the key {printable(repr(key))} is no text")
        key.encode()  # half a character, which YAML can escape, is none
        # A key that a merge key brought in has no line of its own.
        place = (table.lc.data or {}).get(key)
        self._lines[f"{path}.{key}"] = (place[0] if place else table.lc.line) + 1
        return str(key)


def _scalar(value: Any) -> Any:  # noqa: ANN401 - any YAML
    if isinstance(value, str):
        value.encode()  # half a character, which YAML can escape, is none
    if isinstance(value, ScalarBoolean):  # what has an anchor, and no bool to isinstance
        return bool(value)
    for kind in (str, bool, int, float):
        if isinstance(value, kind):
            return kind(value)
    return value


def marked_problem(error: MarkedYAMLError, origin: Path) -> str:
    """Say where in a file, and why, it is no YAML that can be read."""
    mark = error.problem_mark or error.context_mark
    where = f"{origin}:{mark.line + 1}" if mark else str(origin)
    return f"{where}: {_sentence(error)}"


def _sentence(error: MarkedYAMLError) -> str:
    said = " ".join(str(error.problem or error.context or "it is no YAML").split())
    if "duplicate key" in said:
        name = re.search(r'"([^"]*)"', said)
        return f"the key {name[1]!r} is there twice" if name else "a key is there twice"
    return said


def _part(content: Any, path: str) -> Any:  # noqa: ANN401 - any YAML
    for index, name in _PART.findall(path.removeprefix("$")):
        try:
            content = content[int(index)] if index else content[name]
        except (LookupError, TypeError, ValueError):
            return None
    return content


def _is_culprit(entry: Any, after: str, said: str) -> bool:  # noqa: ANN401 - any YAML
    """Tell whether an error may be about this entry of a mapping, by what it says is there."""
    value = _part(entry, "$" + after) if after else entry
    unknown = _UNKNOWN.fullmatch(said)
    if unknown:
        return isinstance(value, dict) and unknown[1] in value
    missing = re.search(r"missing required field `(.*)`", said)
    if missing:
        return isinstance(value, dict) and missing[1] not in value
    got = re.search(r"got `(.*)`", said)
    names = {str: "str", dict: "object", list: "array", bool: "bool", int: "int", float: "float"}
    return bool(got) and names.get(type(value), "null") == (got[1] if got else "")


def _names_at(path: str, struct: type[msgspec.Struct]) -> list[str]:
    """Return the names of the fields that a struct has at ``path``."""
    kind = _type_at(path, struct)
    return [field.encode_name for field in msgspec.structs.fields(kind)] if _is_struct(kind) else []


def _type_at(path: str, struct: type[msgspec.Struct]) -> Any:  # noqa: ANN401 - a type
    kind: Any = struct
    for index, name in _PART.findall(path.removeprefix("$")):
        kind = _inner(kind) if index or not _is_struct(kind) else _field(kind, name)
    return _without_none(kind)


def _choices(kind: Any) -> list[str]:  # noqa: ANN401 - a type
    """Return the strings that a field may hold, where they are few."""
    if typing.get_origin(kind) is not typing.Literal:
        return []
    return [choice for choice in typing.get_args(kind) if choice]


def _is_struct(kind: Any) -> bool:  # noqa: ANN401 - a type
    kind = _without_none(kind)
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _field(kind: Any, name: str) -> Any:  # noqa: ANN401 - a type
    fields = msgspec.structs.fields(_without_none(kind))
    return next((field.type for field in fields if field.encode_name == name), None)


def _inner(kind: Any) -> Any:  # noqa: ANN401 - a type
    arguments = typing.get_args(_without_none(kind))
    return arguments[-1] if arguments else None


def _without_none(kind: Any) -> Any:  # noqa: ANN401 - a type
    if isinstance(kind, types.UnionType):
        return next((part for part in typing.get_args(kind) if part is not types.NoneType), kind)
    return kind
