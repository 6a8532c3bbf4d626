"""The documents of a YAML or JSON file as nodes that know their place in the text.

Nodes are ruamel.yaml's; an anchor's node is shared by its aliases, so an "alias bomb" is small
here, and what walks the nodes is bounded by a ``Budget``. Mappings are read with their merge keys.
"""

import re
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from signer.names import printable
from signer.workloads.found import DOUBLE, FOLDED, LITERAL, PLAIN, SINGLE, Span
from signer.workloads.json_nodes import NULL, STRING, json_documents
from signer.workloads.source import Source, WorkloadFileError

_TAG: Final = "tag:yaml.org,2002:"
_MERGE: Final = f"{_TAG}merge"
_KEY_TAGS: Final = {f"{_TAG}{name}" for name in ("str", "int", "bool", "null", "float", "timestamp",
                                                 "value")}  # fmt: skip
RESET: Final = "!reset"
"""Compose's tag for what is removed when files are merged."""

OVERRIDE: Final = "!override"
"""Compose's tag for what replaces another value when files are merged."""

_STRINGS: Final = frozenset({STRING, OVERRIDE})
_STYLES: Final = {"'": SINGLE, '"': DOUBLE, "|": LITERAL, ">": FOLDED}
_BOOLEANS: Final = frozenset({"y", "n", "yes", "no", "on", "off"})
_MAX_DEPTH: Final = 200
_MAX_STEPS: Final = 200_000
_TABS: Final = re.compile(r"(?<=\S) *\t[ \t]*")
_PROPERTIES: Final = re.compile(r"(?:[&!][^\s]*[ \t]*(?:\r?\n[ \t]*)?)*")


class Budget:
    """Bounds what aliases may multiply."""

    def __init__(self) -> None:
        self._left = _MAX_STEPS

    def spend(self, source: Source, node: Node, steps: int = 1) -> None:
        """Count steps.

        Raises:
            WorkloadFileError: there were too many.
        """
        self._left -= steps
        if self._left < 0:
            raise error_at(source, node, "the file's aliases multiply without measure.")


def error_at(source: Source, node: Node, what: str, *, hint: str = "") -> WorkloadFileError:
    """Return an error that names file and line of a node."""
    return source.error(node.start_mark.index, what, hint=hint)


def parse_documents(source: Source) -> list[Node]:
    """Parse a file of YAML or JSON documents; empty documents are left out.

    Raises:
        WorkloadFileError: it is neither, or is nested too deep.
    """
    try:
        found = json_documents(source.text) if source.text.lstrip()[:1] in {"{", "["} else None
        if found is None:
            yaml = YAML(typ="safe", pure=True)
            yaml.composer.warn_double_anchors = False  # YAML allows it: the last one counts
            found = list(yaml.compose_all(_without_tabs(source.text)))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = printable(" ".join(str(error.problem or error.context).split()))
        raise source.error(mark.index if mark else 0, f"this is no YAML: {problem}.") from error
    except (YAMLError, ValueError) as error:
        first = printable((str(error).splitlines() or [""])[0])
        raise WorkloadFileError(f"{source.name} is no YAML: {first}.") from error
    except RecursionError as error:
        raise WorkloadFileError(f"{source.name} is nested too deep.") from error
    return [node for node in found if not is_null(node)]


def _without_tabs(text: str) -> str:
    """Return a text with spaces for the tabs within its lines; every place stays what it is.

    YAML allows them there, as other programs do; ruamel.yaml refuses them before a value or a
    comment. Those that indent stay, and are refused.
    """
    return _TABS.sub(lambda found: " " * len(found[0]), text)


def is_null(node: Node) -> bool:
    """Tell an absent value."""
    return isinstance(node, ScalarNode) and node.tag == NULL


class Reader:
    """Reads the nodes of one file.

    Args:
        source: the file.
        as_kubectl: refuse what ``kubectl`` reads otherwise than other programs: a merge key that
            overrides a key before it, and the words that YAML 1.1 takes for booleans.
    """

    def __init__(self, source: Source, *, as_kubectl: bool = False) -> None:
        self.source = source
        self.budget = Budget()
        self._as_kubectl = as_kubectl
        self._mappings: dict[int, dict[str, tuple[Node, Node]]] = {}
        self._open: set[int] = set()

    def mapping(self, node: Node, what: str) -> dict[str, tuple[Node, Node]]:
        """Return a mapping's key and value nodes by key; null is an empty mapping.

        Raises:
            WorkloadFileError: it is no mapping, or has a key twice, or merges itself.
        """
        self.budget.spend(self.source, node)
        if is_null(node):
            return {}
        if not isinstance(node, MappingNode):
            raise error_at(self.source, node, f"{what} must be a mapping.")
        if id(node) not in self._mappings:
            if id(node) in self._open or len(self._open) > _MAX_DEPTH:
                raise error_at(self.source, node, f"{what} merges itself.")
            self._open.add(id(node))
            self._mappings[id(node)] = self._flattened(node, what)
            self._open.remove(id(node))
        return self._mappings[id(node)]

    def _flattened(self, node: MappingNode, what: str) -> dict[str, tuple[Node, Node]]:
        own: dict[str, tuple[Node, Node]] = {}
        merged: dict[str, tuple[Node, Node]] = {}
        merges = 0
        for key, value in node.value:
            if key.tag == _MERGE:
                merges += 1
                if merges > 1:
                    raise error_at(self.source, key, f"{what} has the key '<<' twice.")
                merged = self._merged(value, what)
                if self._as_kubectl and (twice := merged.keys() & own.keys()):
                    raise error_at(
                        self.source,
                        key,
                        f"{what} has {printable(min(twice))!r} before '<<' and in it: "
                        "programs differ in which one they take.",
                        hint="Write '<<' first: what follows overrides it.",
                    )
                continue
            name = self._key(key, what)
            if name in own:
                raise error_at(self.source, key, f"{what} has the key {printable(name)!r} twice.")
            own[name] = (key, value)
        return {**merged, **own}

    def _merged(self, node: Node, what: str) -> dict[str, tuple[Node, Node]]:
        """Return what a merge key brings: of several mappings, the first that has a key."""
        parts = node.value if isinstance(node, SequenceNode) else [node]
        result: dict[str, tuple[Node, Node]] = {}
        for part in parts:
            if not isinstance(part, MappingNode):
                raise error_at(self.source, part, f"'<<' in {what} merges what is no mapping.")
            mapping = self.mapping(part, what)
            self.budget.spend(self.source, part, len(mapping))
            result = {**mapping, **result}
        return result

    def _key(self, key: Node, what: str) -> str:
        if not isinstance(key, ScalarNode) or str(key.tag) not in _KEY_TAGS:
            raise error_at(self.source, key, f"{what} has a key that is no string.")
        return str(key.value)

    def sequence(self, node: Node, what: str) -> list[Node]:
        """Return the items of a sequence; null is an empty one.

        Raises:
            WorkloadFileError: it is no sequence.
        """
        if is_null(node):
            return []
        if not isinstance(node, SequenceNode):
            raise error_at(self.source, node, f"{what} must be a list.")
        self.budget.spend(self.source, node, 1 + len(node.value))
        return list(node.value)

    def text(self, node: Node, what: str) -> str:
        """Return the value of a string.

        Raises:
            WorkloadFileError: it is no string; a number without quotes is none.
        """
        return str(self.scalar(node, what).value)

    def scalar(self, node: Node, what: str, *, key: Node | None = None) -> ScalarNode:
        """Return the node of a string.

        Args:
            node: the value.
            what: its path.
            key: what a message about an absent value points at, for that stands nowhere.

        Raises:
            WorkloadFileError: it is no string; a number without quotes is none.
        """
        self.budget.spend(self.source, node)
        word = isinstance(node, ScalarNode) and not node.style and str(node.value).lower()
        is_boolean = self._as_kubectl and word in _BOOLEANS
        if isinstance(node, ScalarNode) and str(node.tag) in _STRINGS and not is_boolean:
            return node
        if is_null(node):
            raise error_at(self.source, key or node, f"{what} is blank.")
        hint = "Quote it." if isinstance(node, ScalarNode) else ""
        raise error_at(self.source, node, f"{what} must be a string.", hint=hint)

    def line(self, key: Node, value: Node) -> int:
        """Return the line of a value: the alias's, where the value itself stands before its key."""
        aliased = value.start_mark.index < key.start_mark.index
        return self.source.line((key if aliased else value).start_mark.index)

    def span(self, node: ScalarNode) -> Span:
        """Return where a string stands, and where a suffix to it belongs."""
        text = self.source.text
        start = _PROPERTIES.match(text, node.start_mark.index).end()  # type: ignore[union-attr] # it matches nothing, too
        end = node.end_mark.index
        style = _STYLES.get((node.style or "").strip(), PLAIN)
        quoted = style in {SINGLE, DOUBLE}
        insert = end - 1 if quoted else start + len(text[start:end].rstrip())
        return Span(self.source, start, end, insert, style, str(node.value))
