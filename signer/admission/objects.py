"""Images in Kubernetes objects, with JSON pointers to where they stand.

Source: the Kubernetes API reference (``PodSpec``, ``Container``, ``ImageVolumeSource``); RFC 6901.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from signer.admission.policy_file import Paths
from signer.errors import UsageError
from signer.names import ImageReference, printable
from signer.workloads.jsonpath import Part
from signer.workloads.kinds import CONTAINERS, pod_spec_path

Object = dict[str, Any]

MAX_IMAGES: Final = 1000
"""Different images of one object: to decide about more would delay the reviews of others."""


_IMAGE_ID: Final = re.compile(r"sha256:[0-9a-f]{64}")


class UnreadableObjectError(UsageError):
    """An object in which images cannot be found with certainty."""

    default_code = "unreadable-object"


class UnknownKindError(UnreadableObjectError):
    """Nothing says where objects of this kind name images."""

    default_code = "unknown-kind"


@dataclass(frozen=True)
class ObjectImage:
    """An image in an object.

    Attributes:
        text: as it is written; it may be blank.
        parts: the way to it, names and indexes.
    """

    text: str
    parts: tuple[str | int, ...]

    @property
    def pointer(self) -> str:
        """The way as a JSON pointer."""
        return pointer(self.parts)

    @property
    def path(self) -> str:
        """The way for people, ``spec.containers[0].image``."""
        return "".join(
            f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.parts
        ).removeprefix(".")


def pointer(parts: Sequence[str | int]) -> str:
    """Return a JSON pointer.

    Source: RFC 6901, section 3.
    """
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


def parse_image(text: str) -> ImageReference:
    """Return an image as nodes understand it.

    Raises:
        UsageError: it is no reference, or the id of an image that a node has: read as a name, it
            would be a tag of the repository ``sha256``.
    """
    if _IMAGE_ID.fullmatch(text):
        raise UsageError(
            f"{text} is the id of an image that a node has, and no name.",
            hint="Name the image by repository and digest: HOST/REPO@sha256:DIGEST.",
            code="bad-reference",
        )
    return ImageReference.parse(text)


def find_images(
    found: Object, api_version: str, kind: str, *, resources: Paths
) -> list[ObjectImage]:
    """Find all images of an object.

    Args:
        found: the object.
        api_version: as the API server names it: ``v1``, ``apps/v1``, ...
        kind: as the API server names it.
        resources: where custom resources name images.

    Raises:
        UnknownKindError: nothing says where such an object names images.
        UnreadableObjectError: it is not formed as its kind is, or names too many images.
    """
    paths = resources.get((api_version, kind), ())
    way = pod_spec_path(api_version, kind)
    if not paths and way is None:
        raise UnknownKindError(
            f"Nothing says where {printable(kind)} of {printable(api_version)} names images.",
            hint="Name it under 'resources' in the policy, or take it out of the webhook's rules.",
        )
    images = list(_of_pod_spec(found, way)) if way is not None else []
    for path in paths:
        images.extend(_follow(found, path, ()))
    number = len({image.text for image in images})
    if number > MAX_IMAGES:
        raise UnreadableObjectError(
            f"The object names {number} different images, more than {MAX_IMAGES}.",
            hint="Divide it.",
            code="too-many-images",
        )
    return list(dict.fromkeys(images))


def _of_pod_spec(found: Object, way: tuple[str, ...]) -> Iterator[ObjectImage]:
    node: Any = found
    parts: tuple[str | int, ...] = ()
    for name in way:
        node, parts = _mapping(node, parts).get(name), (*parts, name)
        if node is None:
            return
    spec = _mapping(node, parts)
    for name in CONTAINERS:
        for index, item in enumerate(_items(spec.get(name), (*parts, name))):
            yield _image(item, (*parts, name, index), "image")
    for index, item in enumerate(_items(spec.get("volumes"), (*parts, "volumes"))):
        here = (*parts, "volumes", index)
        volume = _mapping(item, here)
        if volume.get("image") is not None:
            yield _image(volume["image"], (*here, "image"), "reference")


def _image(node: object, parts: tuple[str | int, ...], key: str) -> ObjectImage:
    return _text(_mapping(node, parts).get(key) or "", (*parts, key))


def _text(value: object, parts: tuple[str | int, ...]) -> ObjectImage:
    if not isinstance(value, str):
        raise _unreadable(parts, "is no text")
    return ObjectImage(value, parts)


def _follow(
    node: object, path: Sequence[Part], parts: tuple[str | int, ...]
) -> Iterator[ObjectImage]:
    """Yield the images that a JSONPath leads to; it may lead nowhere."""
    if not path:
        yield _text(node, parts)
        return
    part, rest = path[0], path[1:]
    if isinstance(node, dict):
        for name, value in node.items():
            if part is None or part == name:
                yield from _follow(value, rest, (*parts, name))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            if part is None or part == index:
                yield from _follow(value, rest, (*parts, index))


def _mapping(node: object, parts: tuple[str | int, ...]) -> Object:
    if not isinstance(node, dict):
        raise _unreadable(parts, "is no object")
    return node


def _items(node: object, parts: tuple[str | int, ...]) -> list[Any]:
    if node is None:
        return []
    if not isinstance(node, list):
        raise _unreadable(parts, "is no list")
    return node


def _unreadable(parts: tuple[str | int, ...], why: str) -> UnreadableObjectError:
    return UnreadableObjectError(f"{printable(pointer(parts) or 'The object')} {why}.")
