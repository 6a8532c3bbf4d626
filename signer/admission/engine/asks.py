"""What a request asks for, as far as images are concerned."""

from dataclasses import dataclass

from signer.names import ImageReference


@dataclass(frozen=True)
class Pull:
    """Fetch an image, or with ``is_plugin`` a plugin, from its registry.

    Without tag and digest it is every tag of the repository.
    """

    reference: ImageReference
    is_plugin: bool = False


@dataclass(frozen=True)
class Use:
    """Make a container of an image, or mount it; of whatever the engine finds by ``text``."""

    text: str


@dataclass(frozen=True)
class Deploy:
    """Run an image as a service: each node fetches it, now and whenever it starts a task."""

    text: str


@dataclass(frozen=True)
class RollBack:
    """Run again what a service ran before."""

    service: str


@dataclass(frozen=True)
class MakeLocal:
    """Bring an image into the engine that no registry vouches for.

    Attributes:
        how: ``import``, ``commit``, ... for messages.
        name: the repository that it is put under; None where the request says none, or any.
    """

    how: str
    name: ImageReference | None


@dataclass(frozen=True)
class Build:
    """Build an image, and so run what its Dockerfile says, which cannot be seen.

    Attributes:
        names: the repositories that the result is put under; empty where none is said.
    """

    names: tuple[ImageReference, ...]


Ask = Pull | Use | Deploy | RollBack | MakeLocal | Build
