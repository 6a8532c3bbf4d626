"""Rewriting images to ``tag@digest``: a suffix behind each reference, and nothing else.

What stands in the text stays there, variables too: ``repo:${TAG}@sha256:...`` is good for the value
that ``TAG`` has now, and refused by whoever pulls it with another one. After the rewriting the
files are read again, and every image must be what it was, with its digest.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from signer.workloads.find import find_in_source
from signer.workloads.found import FoundImage
from signer.workloads.source import STDIN, FileName, Source, WorkloadFileError, read_source

if TYPE_CHECKING:
    from signer.policy.model import Resource


@dataclass(frozen=True)
class WorkloadFiles:
    """Files that were read together, each once however often it was named.

    Attributes:
        sources: the files.
        images: of each file, in the same order.
        find: finds a file's images again; other files that it refers to come from the callable.
    """

    sources: tuple[Source, ...]
    images: tuple[tuple[FoundImage, ...], ...]
    find: Callable[[Source, Callable[[FileName], Source]], Sequence[FoundImage]]

    @property
    def all_images(self) -> list[FoundImage]:
        """The images of all files."""
        return [image for images in self.images for image in images]


def read_workloads(
    files: Sequence[FileName],
    *,
    environment: Mapping[str, str],
    resources: Sequence["Resource"] = (),
) -> WorkloadFiles:
    """Read files and find their images.

    Args:
        files: paths; ``-`` is standard input.
        environment: variables for Compose files.
        resources: Kubernetes' custom resources that name images.

    Raises:
        UsageError: as ``find_images``.
    """

    def find(source: Source, read: Callable[[FileName], Source]) -> Sequence[FoundImage]:
        return find_in_source(source, environment=environment, resources=resources, read=read)

    once = {_identity(str(file)): file for file in reversed(files)}
    read = tuple(read_source(file) for file in reversed(once.values()))
    return WorkloadFiles(read, tuple(tuple(find(one, read_source)) for one in read), find)


def is_pinned(image: FoundImage) -> bool:
    """Tell whether an image is named by its digest."""
    return bool(image.reference.digest)


def pinned_text(image: FoundImage, digest: str) -> str:
    """Return an image's reference with its tag and a digest (``sha256:HEX``).

    It is unchanged where it has a digest, or none is given.
    """
    return image.reference_text + _suffix(image, digest)


def _suffix(image: FoundImage, digest: str) -> str:
    if is_pinned(image) or not digest:
        return ""
    return f"@{digest}" if image.reference.tag else f":latest@{digest}"


def pin_images(files: WorkloadFiles, digests: Sequence[str]) -> list[Source]:
    """Return the files with their images pinned.

    Args:
        files: as they were read.
        digests: of each of ``files.all_images``; empty for one that stays as it is.

    Raises:
        WorkloadFileError: an image cannot be pinned where it stands; file and line are named.
    """
    images = files.all_images
    suffixes = _suffixes(files.sources, images, digests)
    rewritten = {
        identity: replace_text(source, suffixes.get(identity, {}))
        for source in files.sources
        for identity in [_identity(source.name)]
    }

    def read(file: FileName) -> Source:
        """Return a file as it will be."""
        known = rewritten.get(_identity(str(file)))
        return Source(str(file), known.text) if known else read_source(file)

    found_again = [image for source in rewritten.values() for image in files.find(source, read)]
    expected = [
        replace(image, reference_text=pinned_text(image, digest))
        for image, digest in zip(images, digests, strict=True)
    ]
    for before, after in zip(expected, found_again, strict=True):
        if (before.reference_text, before.path) != (after.reference_text, after.path):
            raise _unpinnable(before, "cannot take a digest where it stands")
    return list(rewritten.values())


def _suffixes(
    sources: Sequence[Source], images: Sequence[FoundImage], digests: Sequence[str]
) -> dict[str, dict[int, str]]:
    """Return by file what is to be inserted, by position."""
    texts = {_identity(source.name): source.text for source in sources}
    suffixes: dict[str, dict[int, str]] = {identity: {} for identity in texts}
    for image, digest in zip(images, digests, strict=True):
        suffix = _suffix(image, digest)
        identity = _identity(image.file)
        if identity not in texts:
            if suffix:
                raise _unpinnable(
                    image, "is to be pinned in a file that was not given", hint="Give it, too."
                )
            continue
        if texts[identity] != image.span.source.text:
            raise _unpinnable(image, "stands in a file that is just being changed")
        if suffixes[identity].setdefault(image.span.insert, suffix) != suffix:
            raise _unpinnable(
                image,
                "stands for several images, so that one digest does not fit all",
                hint="Write a reference for each.",
            )
    return suffixes


def replace_text(source: Source, suffixes: Mapping[int, str]) -> Source:
    """Return a file with texts inserted at positions."""
    parts = []
    position = 0
    for insert in sorted(suffixes):
        parts += [source.text[position:insert], suffixes[insert]]
        position = insert
    return source.with_text("".join(parts) + source.text[position:])


def _identity(name: str) -> str:
    """Return what all names of a file have in common."""
    return name if name == STDIN else os.path.realpath(Path(name))


def _unpinnable(image: FoundImage, why: str, *, hint: str = "") -> WorkloadFileError:
    return WorkloadFileError(
        f"{image.file}:{image.line}: {image.path} ({image.span.raw.strip()}) {why}.",
        hint=hint or "Write the image's reference out.",
        code="cannot-pin",
    )
