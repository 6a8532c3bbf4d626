"""What an image is for and how it was built, as its manifest and configuration say.

Builders put attestations beside the images of an index, as platform ``unknown/unknown`` with an
annotation; they are no images, and nobody scans them.

Source: OCI image specification, "Image Index" and "Image Configuration".
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from signer.embedded.blobs import Blobs
from signer.embedded.errors import ApiError
from signer.embedded.images import Images, Manifest
from signer.embedded.manifests import Descriptor, ManifestContent, parse_manifest
from signer.embedded.repositories import Repository

_MAX_CONFIG: Final = 4 * 2**20
_UNKNOWN: Final = "unknown"
_REFERENCE_TYPE: Final = "vnd.docker.reference.type"
_ATTESTATION: Final = "attestation-manifest"


class _History(msgspec.Struct):
    created_by: str = ""
    empty_layer: bool = False


class _Config(msgspec.Struct):
    os: str = ""
    architecture: str = ""
    variant: str = ""
    os_version: str = msgspec.field(default="", name="os.version")
    author: str = ""
    created: str = ""
    history: list[_History] | None = None


class _Entry(msgspec.Struct):
    digest: str
    annotations: dict[str, str] | None = None


class _Index(msgspec.Struct):
    manifests: list[_Entry] | None = None


_CONFIG: Final = msgspec.json.Decoder(_Config)
_INDEX: Final = msgspec.json.Decoder(_Index)


@dataclass(frozen=True)
class ImagePlatform:
    """One image: ``digest`` is its own manifest's; parts that nobody knows are empty."""

    digest: str
    os: str
    architecture: str
    variant: str = ""

    @property
    def name(self) -> str:
        """``OS/ARCHITECTURE[/VARIANT]``."""
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


@dataclass(frozen=True)
class Inspector:
    """Reads what images say of themselves.

    Attributes:
        images: the manifests.
        blobs: the configurations.
    """

    images: Images
    blobs: Blobs

    def platforms(self, repository: Repository, digest: str) -> tuple[ImagePlatform, ...]:
        """Return the image of a manifest, or all images of an index.

        Raises:
            ApiError: 404 MANIFEST_UNKNOWN.
        """
        manifest = self.images.manifest(repository, digest)
        content = _content(manifest)
        if not content.is_index:
            config = self._config(repository, content)
            return (ImagePlatform(digest, config.os, config.architecture, config.variant),)
        attestations = _attestations(manifest.content)
        return tuple(
            self._entry(repository, entry)
            for entry in content.manifests
            if entry.digest not in attestations or not _is_unknown(entry)
        )

    def describe(self, repository: Repository, manifest: Manifest) -> dict[str, Any]:
        """Return a manifest as the API shows it beside a tag; ``size`` is that of its content.

        Source: dtr-ucp-ci reference, B.2.
        """
        content = _content(manifest)
        config = self._config(repository, content)
        return {
            "digest": manifest.digest,
            "mediaType": manifest.media_type,
            "configMediaType": content.config.media_type if content.config else "",
            "configDigest": content.config.digest if content.config else "",
            "size": content.size + sum(entry.size for entry in content.manifests),
            "os": config.os,
            "osVersion": config.os_version,
            "architecture": config.architecture,
            "author": manifest.author,
            "createdAt": config.created or manifest.pushed_at,
            "dockerfile": _dockerfile(content, config),
        }

    def _entry(self, repository: Repository, entry: Descriptor) -> ImagePlatform:
        platform = entry.platform
        if platform and platform.os and platform.architecture:
            return ImagePlatform(entry.digest, platform.os, platform.architecture, platform.variant)
        found = self.images.find_manifest(repository, entry.digest)
        config = self._config(repository, _content(found)) if found else _Config()
        return ImagePlatform(
            entry.digest,
            config.os or _UNKNOWN,
            config.architecture or _UNKNOWN,
            config.variant,
        )

    def _config(self, repository: Repository, content: ManifestContent) -> _Config:
        """Return an image's configuration; an empty one where there is none that can be read."""
        if content.config is None:
            return _Config()
        try:
            with self.blobs.get(repository, content.config.digest).open("rb") as file:
                return _CONFIG.decode(file.read(_MAX_CONFIG))
        except (ApiError, OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return _Config()  # an artifact's configuration is whatever its maker likes


def _content(manifest: Manifest) -> ManifestContent:
    return parse_manifest(manifest.content, media_type=manifest.media_type)


def _is_unknown(entry: Descriptor) -> bool:
    platform = entry.platform
    return platform is None or (platform.os, platform.architecture) == (_UNKNOWN, _UNKNOWN)


def _attestations(content: bytes) -> set[str]:
    try:
        entries = _INDEX.decode(content).manifests or []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return set()
    return {
        entry.digest
        for entry in entries
        if (entry.annotations or {}).get(_REFERENCE_TYPE) == _ATTESTATION
    }


def _dockerfile(content: ManifestContent, config: _Config) -> list[dict[str, Any]]:
    """Return the steps of the build, each with the layer that it made."""
    layers = iter(content.layers)
    steps = []
    for step in config.history or []:
        layer = None if step.empty_layer else next(layers, None)
        steps.append(
            {
                "line": step.created_by,
                "layerDigest": layer.digest if layer else "",
                "mediaType": layer.media_type if layer else "",
                "size": layer.size if layer else 0,
                "isEmpty": layer is None,
            }
        )
    return steps
