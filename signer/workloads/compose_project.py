"""A Compose project: where its relative paths start, and what its variables are.

Source: the Compose specification, "Interpolation" and "Include".
"""

import os.path
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ruamel.yaml.nodes import Node, SequenceNode

from signer.names import printable
from signer.workloads.dotenv import read_dotenv
from signer.workloads.interpolation import InterpolationError, interpolate
from signer.workloads.nodes import Reader, error_at
from signer.workloads.source import unreadable

_NAME: Final = "COMPOSE_PROJECT_NAME"
_NOT_IN_NAMES: Final = re.compile(r"^[^a-z0-9]+|[^a-z0-9_-]")
_REMOTE: Final = ("oci://", "git://", "ssh://", "http://", "https://", "github.com/", "git@")


@dataclass(frozen=True)
class Project:
    """A directory's project: how its paths and variables are resolved.

    Attributes:
        directory: what relative paths start from.
        variables: the environment, completed by the project's ``.env``.
    """

    directory: Path
    variables: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, directory: Path, environment: Mapping[str, str]) -> "Project":
        """Return a directory's project with its ``.env``, if it has one.

        Raises:
            UsageError: the ``.env`` cannot be read.
        """
        dotenv = directory / ".env"
        try:
            exists = dotenv.is_file()
        except OSError as error:
            raise unreadable(dotenv, error) from error
        added = read_dotenv(dotenv, environment) if exists else {}
        return cls(directory, {**added, **environment})

    def named(self, name: str) -> "Project":
        """Return the project with its name as a variable, unless that is set.

        Args:
            name: of the file; where it has none, the project is named by its directory.
        """
        directory = clean_path(Path.cwd() / self.directory).name
        given = name or _NOT_IN_NAMES.sub("", directory.lower())
        return Project(self.directory, {_NAME: given, **self.variables})

    def text(self, reader: Reader, node: Node, where: str) -> str:
        """Return a string with its variables replaced.

        Raises:
            WorkloadFileError: it is no string, or a variable is malformed or required.
        """
        try:
            return interpolate(reader.text(node, where), self.variables.get)
        except InterpolationError as error:
            raise error_at(reader.source, node, f"{where}: {error}.") from error

    def texts(self, reader: Reader, node: Node, where: str) -> list[str]:
        """Return a string, or a list of them, with variables replaced.

        Raises:
            WorkloadFileError: as ``text``.
        """
        nodes = reader.sequence(node, where) if isinstance(node, SequenceNode) else [node]
        return [self.text(reader, one, where) for one in nodes]

    def local(self, reader: Reader, node: Node, path: str) -> Path:
        """Return a path that a file names.

        Raises:
            WorkloadFileError: it is on another host.
        """
        if path.startswith(_REMOTE):
            raise error_at(
                reader.source,
                node,
                f"{printable(path)!r} is on another host, and what it names cannot be seen.",
                hint="Fetch it, and refer to the file.",
            )
        return self.directory / path


def clean_path(path: Path) -> Path:
    """Return a path without ``..``, by its text alone as Compose does."""
    return Path(os.path.normpath(path))
