"""Images in Kubernetes manifests: workloads, Lists of them, and custom resources.

Source: the Kubernetes API reference: ``PodSpec``, ``Container``, ``ImageVolumeSource``.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from signer.workloads.found import FoundImage, checked
from signer.workloads.json_nodes import STRING
from signer.workloads.jsonpath import Part, parse_json_path
from signer.workloads.kinds import CONTAINERS, pod_spec_path
from signer.workloads.nodes import Reader, error_at, is_null
from signer.workloads.source import Source

if TYPE_CHECKING:
    from signer.policy.model import Resource

KEYS: Final = frozenset({"apiVersion", "kind"})
"""A document with both of these at its top is a Kubernetes object."""

_MAX_LISTS: Final = 20
_LIST: Final = "List"
_Pair = tuple[Node, Node]


def find_kubernetes_images(
    source: Source, documents: list[Node], *, resources: Sequence["Resource"] = ()
) -> list[FoundImage]:
    """Find the images of all workloads in a file of manifests.

    Args:
        source: the file.
        documents: its parsed documents, each an object.
        resources: custom resources that name images.

    Raises:
        UsageError: a document is no object, or an image is blank, no string, or no reference.
    """
    reader = Reader(source, as_kubectl=True)
    paths = {
        (resource.api_version, resource.kind): [parse_json_path(path) for path in resource.images]
        for resource in resources
    }
    images: list[FoundImage] = []
    for number, document in enumerate(documents, start=1):
        prefix = f"document {number}: $" if len(documents) > 1 else "$"
        finder = _Finder(reader, paths)
        images.extend(map(checked, finder.of_object(document, prefix)))
    return images


class _Finder:
    def __init__(
        self, reader: Reader, resources: dict[tuple[str, str], list[tuple[Part, ...]]]
    ) -> None:
        self._reader = reader
        self._resources = resources

    def of_object(
        self, node: Node, path: str, *, listed_as: tuple[str, str] = ("", ""), depth: int = 0
    ) -> Iterator[FoundImage]:
        """Yield the images of an object, or of a List's objects."""
        reader = self._reader
        content = reader.mapping(node, path)
        api_version, kind = (
            reader.text(content[key][1], f"{path}.{key}") if key in content else default
            for key, default in zip(("apiVersion", "kind"), listed_as, strict=True)
        )
        if not api_version or not kind:
            raise error_at(
                reader.source,
                node,
                f"{path} is no Kubernetes object: it has no apiVersion and kind.",
            )
        for found in self._resources.get((api_version, kind), ()):
            yield from self._follow(node, node, found, path)
        spec_path = pod_spec_path(api_version, kind)
        if spec_path:
            yield from self._of_pod_spec(node, spec_path, path)
        if "items" in content:
            # Whatever its kind: kubectl takes it for a list, and applies each item.
            if depth >= _MAX_LISTS:
                raise error_at(reader.source, node, f"{path}: Lists are nested too deep.")
            # In a DeploymentList and its like the items leave out what they are.
            inner = (api_version, kind.removesuffix(_LIST))
            for index, item in enumerate(reader.sequence(content["items"][1], f"{path}.items")):
                yield from self.of_object(
                    item, f"{path}.items[{index}]", listed_as=inner, depth=depth + 1
                )

    def _of_pod_spec(self, node: Node, way: tuple[str, ...], path: str) -> Iterator[FoundImage]:
        reader = self._reader
        for name in way:
            content = reader.mapping(node, path)
            if name not in content:
                return
            node, path = content[name][1], f"{path}.{name}"
        content = reader.mapping(node, path)
        for name in CONTAINERS:
            if name in content:
                for index, item in enumerate(reader.sequence(content[name][1], f"{path}.{name}")):
                    yield self._image(item, "image", f"{path}.{name}[{index}]")
        if "volumes" in content:
            yield from self._volumes(content["volumes"][1], f"{path}.volumes")

    def _volumes(self, node: Node, path: str) -> Iterator[FoundImage]:
        for index, volume in enumerate(self._reader.sequence(node, path)):
            terms = self._reader.mapping(volume, f"{path}[{index}]")
            if "image" in terms and not is_null(terms["image"][1]):
                yield self._image(terms["image"][1], "reference", f"{path}[{index}].image")

    def _image(self, node: Node, key: str, path: str) -> FoundImage:
        content = self._reader.mapping(node, path)
        if key not in content:
            raise error_at(
                self._reader.source, node, f"{path} has no {key}.", hint="Name an image."
            )
        return self._found(*content[key], f"{path}.{key}")

    def _found(self, key: Node, value: Node, path: str) -> FoundImage:
        reader = self._reader
        scalar = reader.scalar(value, path, key=key)
        line = reader.line(key, value)
        return FoundImage(str(scalar.value), reader.source.name, line, path, reader.span(scalar))

    def _follow(
        self, key: Node, node: Node, parts: tuple[Part, ...], path: str
    ) -> Iterator[FoundImage]:
        """Yield the images that a JSONPath leads to; it may lead nowhere."""
        if not parts:
            yield self._found(key, node, path)
            return
        part, rest = parts[0], parts[1:]
        for name, (inner_key, inner) in self._children(node).items():
            if part is None or part == name:
                shown = f"[{name}]" if isinstance(name, int) else f".{name}"
                yield from self._follow(inner_key, inner, rest, path + shown)

    def _children(self, node: Node) -> Mapping[str, _Pair] | Mapping[int, _Pair]:
        reader = self._reader
        if isinstance(node, MappingNode):
            return dict(reader.mapping(node, "a custom resource"))
        if isinstance(node, SequenceNode):
            return {
                index: (item, item) for index, item in enumerate(reader.sequence(node, "a list"))
            }
        return {}


def is_object(reader: Reader, node: Node) -> bool:
    """Tell a Kubernetes object: it has an API version and a kind."""
    if not isinstance(node, MappingNode):
        return False
    content = reader.mapping(node, "a document")
    return all(
        key in content
        and isinstance(content[key][1], ScalarNode)
        and str(content[key][1].tag) == STRING
        for key in KEYS
    )
