"""JSON patches that pin images: a ``test`` before each ``replace``, the original reference kept.

Source: RFC 6902; the Kubernetes API, ``AdmissionResponse.patch``.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from signer.admission.objects import Object, ObjectImage, pointer

ANNOTATION: Final = "admission.signer/original-images"
"""Holds what was written, a JSON object by JSON pointer."""

Operation = dict[str, Any]


def pinned(text: str, digest: str) -> str:
    """Return an image with its digest; name and tag stay as they are written."""
    return text if "@" in text else f"{text}@{digest}"


def patch_of(found: Object, digests: Mapping[ObjectImage, str]) -> list[Operation]:
    """Return the operations that pin images.

    Args:
        found: the object.
        digests: of the images to pin, ``sha256:HEX``.
    """
    operations: list[Operation] = []
    originals: dict[str, str] = {}
    for image, digest in digests.items():
        value = pinned(image.text, digest)
        if value == image.text:
            continue
        operations.append({"op": "test", "path": image.pointer, "value": image.text})
        operations.append({"op": "replace", "path": image.pointer, "value": value})
        originals[image.pointer] = image.text
    return [*operations, *_annotate(found, originals)] if operations else []


def _annotate(found: Object, originals: Mapping[str, str]) -> Sequence[Operation]:
    operations: list[Operation] = []
    metadata = found.get("metadata")
    if not isinstance(metadata, dict):
        operations.append({"op": "add", "path": "/metadata", "value": {}})
        metadata = {}
    annotations = metadata.get("annotations")
    if not isinstance(annotations, dict):
        operations.append({"op": "add", "path": "/metadata/annotations", "value": {}})
        annotations = {}
    former = _former(annotations.get(ANNOTATION))
    value = msgspec.json.encode({**former, **originals}, order="sorted").decode("utf-8")
    path = pointer(("metadata", "annotations", ANNOTATION))
    operations.append({"op": "add", "path": path, "value": value})
    return operations


def _former(value: object) -> dict[str, str]:
    """Return what an earlier patch noted; anybody may have written the annotation."""
    if not isinstance(value, str):
        return {}
    try:
        return msgspec.json.decode(value, type=dict[str, str])
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return {}
