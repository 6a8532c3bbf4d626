"""What a manifest says: which blobs and manifests it needs, checked before it is stored.

Source: OCI image specification (manifest, index); docker's schema 2 manifest and list.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from signer.embedded.errors import ApiError
from signer.transport.registry import DOCKER_LIST, MANIFEST_TYPES, OCI_INDEX

INDEX_TYPES: Final = (DOCKER_LIST, OCI_INDEX)
_FOREIGN: Final = ("foreign", "nondistributable")


class Platform(msgspec.Struct, frozen=True, rename="camel"):
    """What a manifest of an index is for."""

    architecture: str = ""
    os: str = ""
    os_version: str = msgspec.field(default="", name="os.version")
    variant: str = ""


class Descriptor(msgspec.Struct, frozen=True, rename="camel"):
    """A reference to content; ``size`` in bytes."""

    digest: str
    size: int
    media_type: str = ""
    platform: Platform | None = None


class _Content(msgspec.Struct, rename="camel"):
    schema_version: int
    media_type: str = ""
    config: Descriptor | None = None
    layers: list[Descriptor] | None = None
    manifests: list[Descriptor] | None = None
    fs_layers: Any = msgspec.UNSET


_CONTENT: Final = msgspec.json.Decoder(_Content)


@dataclass(frozen=True)
class ManifestContent:
    """A manifest's references.

    Attributes:
        media_type: one of docker's or OCI's four.
        config: of an image; None for an index.
        layers: of an image.
        manifests: of an index.
    """

    media_type: str
    config: Descriptor | None
    layers: tuple[Descriptor, ...]
    manifests: tuple[Descriptor, ...]

    @property
    def is_index(self) -> bool:
        """Whether this lists the manifests of several platforms."""
        return self.media_type in INDEX_TYPES

    @property
    def blobs(self) -> tuple[str, ...]:
        """Digests that the registry must have; layers that lie elsewhere are left out."""
        own = [
            layer.digest
            for layer in self.layers
            if not any(word in layer.media_type for word in _FOREIGN)
        ]
        return tuple(dict.fromkeys([*([self.config.digest] if self.config else []), *own]))

    @property
    def size(self) -> int:
        """Bytes of configuration and layers."""
        return sum(one.size for one in self.layers) + (self.config.size if self.config else 0)


def parse_manifest(content: bytes, *, media_type: str) -> ManifestContent:
    """Read a manifest of ``media_type``.

    Raises:
        ApiError: 400 MANIFEST_INVALID: no JSON, another kind than ``media_type`` says, two kinds
            at once, or schema 1, which nobody can sign safely.
    """
    if media_type not in MANIFEST_TYPES:
        raise _invalid(f"manifests of the type {media_type!r} are not stored")
    try:
        found = _CONTENT.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _invalid("it is no manifest of schema 2") from error
    if found.schema_version != 2 or found.fs_layers is not msgspec.UNSET:
        raise _invalid("it is no manifest of schema 2")
    if found.media_type not in {"", media_type}:
        raise _invalid(f"it says {found.media_type!r} and was sent as {media_type!r}")
    is_image = found.config is not None and found.layers is not None
    is_index = found.manifests is not None
    wanted = media_type in INDEX_TYPES
    mixed = is_index and (found.config is not None or found.layers is not None)
    if mixed or is_index != wanted or is_image == wanted:
        raise _invalid(f"its content is not that of {media_type!r}")
    return ManifestContent(
        media_type, found.config, tuple(found.layers or ()), tuple(found.manifests or ())
    )


def _invalid(why: str) -> ApiError:
    return ApiError(400, "MANIFEST_INVALID", "manifest invalid", detail=why)
