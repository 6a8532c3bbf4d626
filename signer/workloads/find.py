"""Finding the images of workload files, whatever their format."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from signer.workloads.source import STDIN, FileName, Source, WorkloadFileError, read_source

if TYPE_CHECKING:
    from signer.policy.model import Resource
    from signer.workloads.found import FoundImage

_DOCKERFILE_NAME: Final = re.compile(
    r"(?:Dockerfile|Containerfile)(?:[.-].+)?|.+\.(?:Dockerfile|Containerfile)", re.IGNORECASE
)
_STRUCTURED: Final = frozenset({".yaml", ".yml", ".json"})
_FIRST_INSTRUCTION: Final = re.compile(
    r"(?:[ \t]*(?:#[^\n]*)?\r?\n)*[ \t]*(?:FROM|ARG)[ \t]+[^\s:]", re.IGNORECASE
)


def find_images(
    files: Sequence[FileName],
    *,
    environment: Mapping[str, str],
    resources: Sequence["Resource"] = (),
) -> "list[FoundImage]":
    """Find the images of Compose and stack files, Kubernetes manifests and Dockerfiles.

    Args:
        files: paths; ``-`` is standard input. Which format a file has is seen by its content, and a
            Dockerfile also by its name.
        environment: variables for Compose files; they win over the ``.env`` beside the file.
        resources: Kubernetes' custom resources that name images.

    Returns:
        One entry per image and place: each service, container, stage. A file may have none.

    Raises:
        UsageError: a file cannot be read, is of no known format, or names an image that is blank,
            no string, no reference, or requires a variable that is not set. File and line are in
            the message.
    """
    if sum(file == STDIN for file in files) > 1:
        raise WorkloadFileError("Standard input can be read only once.")
    found = []
    for file in files:
        source = read_source(file)
        found += find_in_source(source, environment=environment, resources=resources)
    return found


def find_in_source(
    source: Source,
    *,
    environment: Mapping[str, str],
    resources: Sequence["Resource"] = (),
    read: Callable[[FileName], Source] = read_source,
) -> "list[FoundImage]":
    """Find the images of one file that has been read.

    Args:
        source: the file.
        environment: variables for Compose files.
        resources: Kubernetes' custom resources that name images.
        read: reads the files that it includes and extends.

    Raises:
        UsageError: as ``find_images``.
    """
    if _is_dockerfile(source):
        from signer.workloads.dockerfile import find_dockerfile_images

        return find_dockerfile_images(source)
    from ruamel.yaml.nodes import MappingNode

    from signer.workloads.compose import KEYS, find_compose_images
    from signer.workloads.kubernetes import find_kubernetes_images, is_object
    from signer.workloads.nodes import Reader, error_at, parse_documents

    documents = parse_documents(source)
    if not documents:
        raise WorkloadFileError(f"{source.name} has no content.", hint=_HINT)
    reader = Reader(source)
    for document in documents:
        if not isinstance(document, MappingNode):
            raise error_at(source, document, "this is no workload.", hint=_HINT)
    if any(is_object(reader, document) for document in documents):
        return find_kubernetes_images(source, documents, resources=resources)
    if any(KEYS & reader.mapping(one, "a document").keys() for one in documents):
        return find_compose_images(source, documents, environment=environment, read=read)
    raise error_at(
        source,
        documents[0],
        "this is no Compose file (services, include), no Kubernetes object (apiVersion, kind) and "
        "no Dockerfile (FROM).",
        hint=_HINT,
    )


_HINT: Final = "Give Compose or stack files, Kubernetes manifests or Dockerfiles."


def _is_dockerfile(source: Source) -> bool:
    name = PurePath(source.name)
    if name.suffix.lower() in _STRUCTURED:
        return False
    if _DOCKERFILE_NAME.fullmatch(name.name):
        return True
    return bool(_FIRST_INSTRUCTION.match(source.text))
