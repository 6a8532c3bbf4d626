"""Images in Compose and stack files.

Every service counts, whatever its profiles; ``extends`` and ``include`` are followed as Compose
does. ``build`` without ``image`` names no image.

Source: the Compose specification, "Services", "Extends", "Include" and "Merge".
"""

import os.path
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ruamel.yaml.nodes import MappingNode, Node

from signer.errors import UsageError
from signer.names import printable
from signer.workloads.compose_project import Project, clean_path
from signer.workloads.dotenv import read_dotenv
from signer.workloads.found import FoundImage, checked
from signer.workloads.nodes import RESET, Reader, error_at, is_null, parse_documents
from signer.workloads.source import STDIN, FileName, Source, read_source

KEYS: Final = frozenset({"services", "include"})
"""A file with one of these at its top is a Compose file."""

_MAX_DEPTH: Final = 50
_MAX_INCLUDES: Final = 1000
_IMAGE_VOLUME: Final = "image"

_Images = list[FoundImage]


@dataclass(frozen=True)
class _Service:
    """What a service has after ``extends``: None where it has no image, or removes it."""

    image: FoundImage | None
    volumes: tuple[FoundImage, ...] = ()


@dataclass(frozen=True)
class _File:
    """A file that was read once: its documents, later ones over earlier ones."""

    reader: Reader
    documents: tuple[Node, ...]

    @property
    def name(self) -> str:
        return self.reader.source.name


def find_compose_images(
    source: Source,
    documents: list[Node],
    *,
    environment: Mapping[str, str],
    read: Callable[[FileName], Source] = read_source,
) -> _Images:
    """Find the images of all services of a Compose file.

    Args:
        source: the file.
        documents: its parsed documents.
        environment: variables; they win over those of the ``.env`` beside the file.
        read: reads the files that it includes and extends.

    Raises:
        UsageError: a file cannot be read, or an image is blank, no string, or no reference.
    """
    directory = Path() if source.name == STDIN else Path(source.name).parent
    finder = _Finder(read)
    file = _File(Reader(source), tuple(documents))
    finder.files[str(clean_path(Path(source.name)))] = file
    project = Project.of(directory, environment)
    project = project.named(_project_name(file, project))
    return list(finder.images([file], project, including=()))


class _Finder:
    """Follows a file into those that it includes and extends."""

    def __init__(self, read: Callable[[FileName], Source]) -> None:
        self.files: dict[str, _File] = {}
        self._read = read
        self._includes = 0

    def file(self, path: Path, *, named_by: Source, at: Node) -> _File:
        """Read a file that another one names, once."""
        key = str(clean_path(path))
        if key not in self.files:
            try:
                source = self._read(Path(key))
            except UsageError as error:
                raise error_at(named_by, at, error.message) from error
            documents = tuple(parse_documents(source))
            self.files[key] = _File(Reader(source), documents)
        return self.files[key]

    def images(
        self, files: list[_File], project: Project, *, including: tuple[str, ...]
    ) -> Iterator[FoundImage]:
        """Yield the images of files that are merged with one another, and of what they include."""
        services: dict[str, _Service] = {}
        includes: list[tuple[_File, Node]] = []
        for file in files:
            for document in file.documents:
                content = file.reader.mapping(document, "a Compose file")
                if "services" in content:
                    self._add_services(services, file, document, project=project)
                if "include" in content:
                    includes.append((file, content["include"][1]))
        for service in services.values():
            if service.image:
                yield checked(service.image)
            yield from map(checked, service.volumes)
        for file, include in includes:
            yield from self._included(file, include, project, including=(*including, file.name))

    def _add_services(
        self, services: dict[str, _Service], file: _File, document: Node, *, project: Project
    ) -> None:
        for name, (_, node) in _services(file.reader, document).items():
            if node.tag == RESET:
                services.pop(name, None)
                continue
            own = self._service(file, document, name, project=project, extending=())
            former = services.get(name)
            image_removed = own.image is None and _resets_image(file.reader, node)
            if former and not own.image and not image_removed:
                own = _Service(former.image, (*former.volumes, *own.volumes))
            services[name] = own

    def _service(
        self,
        file: _File,
        document: Node,
        name: str,
        *,
        project: Project,
        extending: tuple[tuple[str, str], ...],
    ) -> _Service:
        """Return a service as it is once what it extends has been merged into it."""
        reader = file.reader
        node = _services(reader, document)[name][1]
        where = f"services.{printable(name)}"
        content = reader.mapping(node, where)
        base = _Service(None)
        if "extends" in content and not _is_absent(content["extends"][1]):
            if (file.name, name) in extending or len(extending) > _MAX_DEPTH:
                raise error_at(
                    reader.source, content["extends"][0], f"{where} extends itself in a circle."
                )
            base = self._extended(
                file,
                document,
                content["extends"][1],
                where=where,
                project=project,
                extending=(*extending, (file.name, name)),
            )
        volumes = (*base.volumes, *_image_volumes(reader, content, where, project))
        if "image" not in content:
            return _Service(base.image and _seen_from(base.image, file, f"{where}.image"), volumes)
        key, value = content["image"]
        if value.tag == RESET:
            return _Service(None, volumes)
        return _Service(_image(reader, key, value, f"{where}.image", project), volumes)

    def _extended(
        self,
        file: _File,
        document: Node,
        extends: Node,
        *,
        where: str,
        project: Project,
        extending: tuple[tuple[str, str], ...],
    ) -> _Service:
        """Return the service that another one extends."""
        reader = file.reader
        if isinstance(extends, MappingNode):
            terms = reader.mapping(extends, f"{where}.extends")
            if "service" not in terms:
                raise error_at(reader.source, extends, f"{where}.extends names no service.")
            name = project.text(reader, terms["service"][1], f"{where}.extends.service")
        else:
            terms = {}
            name = project.text(reader, extends, f"{where}.extends")
        base, base_document = file, document
        if "file" in terms and not is_null(terms["file"][1]):
            node = terms["file"][1]
            path = project.local(reader, node, project.text(reader, node, f"{where}.extends.file"))
            base = self.file(path, named_by=reader.source, at=node)
            project = Project(path.parent, project.variables)
        candidates = [base_document] if base is file else list(base.documents)
        for candidate in reversed(candidates):
            if name in _services(base.reader, candidate):
                return self._service(base, candidate, name, project=project, extending=extending)
        raise error_at(
            reader.source, extends, f"{where} extends {printable(name)!r}, which {base.name} lacks."
        )

    def _included(
        self, file: _File, include: Node, project: Project, *, including: tuple[str, ...]
    ) -> Iterator[FoundImage]:
        reader = file.reader
        for number, entry in enumerate(reader.sequence(include, "include")):
            where = f"include[{number}]"
            terms = (
                reader.mapping(entry, where)
                if isinstance(entry, MappingNode)
                else {"path": (entry, entry)}
            )
            if "path" not in terms:
                raise error_at(reader.source, entry, f"{where} names no path.")
            paths = [
                project.local(reader, entry, path)
                for path in project.texts(reader, terms["path"][1], f"{where}.path")
            ]
            if not paths:
                raise error_at(reader.source, entry, f"{where} names no path.")
            files = [self.file(path, named_by=reader.source, at=entry) for path in paths]
            self._includes += 1
            if len(including) > _MAX_DEPTH or any(one.name in including for one in files):
                raise error_at(reader.source, entry, f"{where} includes itself in a circle.")
            if self._includes > _MAX_INCLUDES:
                raise error_at(reader.source, entry, "the included files multiply without measure.")
            directory = paths[0].parent
            if "project_directory" in terms:
                node = terms["project_directory"][1]
                given = project.text(reader, node, f"{where}.project_directory")
                directory = project.directory / given
            if "env_file" in terms:
                variables = dict(project.variables)
                added: dict[str, str] = {}
                for name in project.texts(reader, terms["env_file"][1], f"{where}.env_file"):
                    if name != os.path.devnull:
                        added |= read_dotenv(project.directory / name, variables)
                inner = Project(directory, {**added, **variables})
            else:
                inner = Project.of(directory, project.variables)
            yield from self.images(
                files, inner, including=(*including, *[one.name for one in files])
            )


def _project_name(file: _File, project: Project) -> str:
    """Return the name that a file gives its project; empty where it gives none."""
    name = ""
    for document in file.documents:
        _, node = file.reader.mapping(document, "a Compose file").get("name", (None, None))
        if node is not None and not _is_absent(node):
            name = project.text(file.reader, node, "name")
    return name


def _services(reader: Reader, document: Node) -> dict[str, tuple[Node, Node]]:
    content = reader.mapping(document, "a Compose file")
    return reader.mapping(content["services"][1], "services") if "services" in content else {}


def _resets_image(reader: Reader, service: Node) -> bool:
    content = reader.mapping(service, "a service")
    return "image" in content and bool(content["image"][1].tag == RESET)


def _is_absent(node: Node) -> bool:
    return is_null(node) or bool(node.tag == RESET)


def _seen_from(image: FoundImage, file: _File, path: str) -> FoundImage:
    """Return an inherited image under the heir's path, where both are in one file."""
    return image.at(path) if image.file == file.name else image


def _image(reader: Reader, key: Node, value: Node, where: str, project: Project) -> FoundImage:
    span = reader.span(reader.scalar(value, where, key=key))
    text = project.text(reader, value, where)
    return FoundImage(text, reader.source.name, reader.line(key, value), where, span)


def _image_volumes(
    reader: Reader, content: Mapping[str, tuple[Node, Node]], where: str, project: Project
) -> Iterator[FoundImage]:
    """Yield the images that a service mounts."""
    if "volumes" not in content or content["volumes"][1].tag == RESET:
        return
    for number, volume in enumerate(reader.sequence(content["volumes"][1], f"{where}.volumes")):
        if not isinstance(volume, MappingNode):
            continue
        path = f"{where}.volumes[{number}]"
        terms = reader.mapping(volume, path)
        if "type" not in terms or "source" not in terms:
            continue
        if project.text(reader, terms["type"][1], f"{path}.type") == _IMAGE_VOLUME:
            yield _image(reader, *terms["source"], f"{path}.source", project)
