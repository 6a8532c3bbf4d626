"""Manifests from a registry: the bytes that a tag means, and nothing believed about them.

Rules:

- digest and length are computed from the bytes; what the registry says of them must agree;
- only manifests that are addressed by the hash of their bytes are taken: schema 2, OCI, and their
  indexes. Schema 1 is not: its digest is over a part of the bytes;
- a body is JSON of one kind: what is both an index and an image is refused (CVE-2021-41190).

Source: OCI distribution specification, "Pulling manifests"; OCI image specification.
"""

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from signer.constants import MAX_MANIFEST_SIZE
from signer.errors import NetworkError, NotFoundError, SignerError, TrustDataError
from signer.names import printable
from signer.transport.answers import Response, server_errors, status_error
from signer.transport.origin import Origin

if TYPE_CHECKING:
    from signer.transport.auth import RegistryAuth
    from signer.transport.credentials import Credentials
    from signer.transport.http import HttpPool

DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPES: Final = (DOCKER_MANIFEST, DOCKER_LIST, OCI_MANIFEST, OCI_INDEX)
_INDEX_TYPES: Final = (DOCKER_LIST, OCI_INDEX)
_SCHEMA1: Final = "application/vnd.docker.distribution.manifest.v1"

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_ACCEPT: Final = {"Accept": ", ".join(MANIFEST_TYPES)}
_WRONG_SERVER: Final = "Is this a registry? Is a proxy or login page in between?"


@dataclass(frozen=True)
class Manifest:
    """A manifest as the registry stores it."""

    media_type: str
    """One of ``MANIFEST_TYPES``."""

    content: bytes = field(repr=False)
    """The exact bytes."""

    digest: str
    """``sha256:HEX`` of ``content``, computed here."""

    length: int
    """The number of bytes of ``content``."""

    @property
    def is_index(self) -> bool:
        """Whether this lists the manifests of several platforms."""
        return self.media_type in _INDEX_TYPES


class _Head(msgspec.Struct, rename="camel"):
    """What tells one kind of manifest from another."""

    schema_version: int | None = None
    media_type: str | None = None
    manifests: Any = msgspec.UNSET
    layers: Any = msgspec.UNSET
    config: Any = msgspec.UNSET


_HEADS: Final = msgspec.json.Decoder(_Head)  # made here as in answers, for threads


class Registry:
    """One registry; safe to use from several threads at once.

    Args:
        pool: the connections.
        host: ``HOST[:PORT]``; asked over https, or http where the pool allows it.
        credentials: looked up for ``host``.
    """

    def __init__(self, pool: "HttpPool", host: str, *, credentials: "Credentials") -> None:
        self.base_url = pool.base_url(host)
        self._host = Origin.of(self.base_url).authority
        self._pool = pool
        self._credentials = credentials

    def manifest(self, path: str, reference: str) -> Manifest:
        """Fetch the manifest of ``path`` by tag or by ``sha256:HEX``.

        Raises:
            NotFoundError: the registry has no such repository, tag or digest.
            TrustDataError: the bytes are not those that were asked for or announced
                (``digest-mismatch``), are two kinds of manifest at once (``ambiguous-manifest``),
                or exceed 4 MiB (``too-large``).
            SignerError: a schema 1 manifest (``schema1-manifest``).
            AuthError: the registry wants other credentials.
            NetworkError: no answer, a fault of the registry's, or no manifest
                (``not-a-registry``).

        Source: OCI distribution specification, "Pulling manifests".
        """
        answer = self._pool.request(
            "GET",
            self._url(path, reference),
            auth=self._auth(path),
            headers=_ACCEPT,
            max_bytes=MAX_MANIFEST_SIZE,
        )
        image = self._image(path, reference)
        if answer.status != 200:
            raise self._error(answer, image)
        media_type = _media_type(answer, image)
        digest = f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
        if reference.startswith("sha256:") and reference != digest:
            raise _mismatch(image, digest, reference)
        announced = answer.headers.get("Docker-Content-Digest", "")
        if announced and announced != _digest_as(announced, answer.content):
            raise _mismatch(image, digest, announced)
        return Manifest(media_type, answer.content, digest, len(answer.content))

    def digest(self, path: str, reference: str) -> str:
        """Ask for the digest (``sha256:HEX``) alone, to compare cheaply; sign no such digest.

        A registry that announces none is asked for the manifest itself.

        Raises:
            SignerError: as ``manifest``.
        """
        answer = self._pool.request(
            "HEAD",
            self._url(path, reference),
            auth=self._auth(path),
            headers=_ACCEPT,
            max_bytes=0,
        )
        image = self._image(path, reference)
        if answer.status == 404:
            raise self._error(answer, image)
        announced = answer.headers.get("Docker-Content-Digest", "")
        if answer.status != 200 or not _DIGEST.fullmatch(announced):
            return self.manifest(path, reference).digest
        if answer.media_type.startswith(_SCHEMA1):
            raise _schema1(image)
        if reference.startswith("sha256:") and reference != announced:
            raise _mismatch(image, announced, reference)
        return announced

    def _url(self, path: str, reference: str) -> str:
        return f"{self.base_url}/v2/{path}/manifests/{reference}"

    def _image(self, path: str, reference: str) -> str:
        separator = "@" if reference.startswith("sha256:") else ":"
        return printable(f"{self._host}/{path}{separator}{reference}")

    def _auth(self, path: str) -> "RegistryAuth":
        from signer.transport.auth import RegistryAuth

        return RegistryAuth(
            self._credentials.for_host,
            actions="pull",
            scope_name=path,
            tokens=self._pool.tokens,
            plain_http=self._pool.plain_http,
            searched=self._credentials.searched(),
        )

    def _error(self, answer: Response, image: str) -> SignerError:
        errors = server_errors(answer)
        if answer.status == 404:
            said = f" ({'; '.join(str(error) for error in errors)})" if errors else ""
            return NotFoundError(
                f"The registry has no image {image}{said}.",
                hint="Check the repository's name, the tag, and whether it was pushed or promoted.",
            )
        return status_error(answer, what=f"the manifest of {image}", hint=_WRONG_SERVER)


def _media_type(answer: Response, image: str) -> str:
    """Decide what kind of manifest the bytes are, by header and content in agreement."""
    if answer.media_type.startswith(_SCHEMA1):
        raise _schema1(image)
    try:
        head = _HEADS.decode(answer.content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _no_manifest(answer, image) from error
    if head.schema_version == 1:
        raise _schema1(image)
    if head.schema_version != 2:
        raise _no_manifest(answer, image)
    lists = head.manifests is not msgspec.UNSET
    if lists and (head.layers is not msgspec.UNSET or head.config is not msgspec.UNSET):
        raise _ambiguous(image, "it is an index and an image at once")
    types = [name for name in (answer.media_type, head.media_type) if name in MANIFEST_TYPES]
    if not types:
        raise _no_manifest(answer, image)
    if len(set(types)) > 1:
        raise _ambiguous(image, f"the registry says {types[0]}, the manifest {types[1]}")
    if (types[0] in _INDEX_TYPES) != lists:
        raise _ambiguous(image, f"its content is not that of {types[0]}")
    return types[0]


def _digest_as(announced: str, content: bytes) -> str:
    algorithm = announced.partition(":")[0]
    if algorithm not in {"sha256", "sha512"}:
        return ""
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


def _mismatch(image: str, digest: str, expected: str) -> TrustDataError:
    return TrustDataError(
        f"The manifest of {image} has the digest {digest}, not {printable(expected)}.",
        hint="The registry, or something before it, returned other bytes than it should.",
        code="digest-mismatch",
    )


def _ambiguous(image: str, why: str) -> TrustDataError:
    return TrustDataError(
        f"The manifest of {image} can be read in two ways: {why}.",
        hint="Push the image again; look where this manifest came from.",
        code="ambiguous-manifest",
    )


def _schema1(image: str) -> SignerError:
    return SignerError(
        f"The manifest of {image} is schema 1, which cannot be signed by digest safely.",
        hint="Pull and push the image with a current client: it becomes schema 2.",
        code="schema1-manifest",
    )


def _no_manifest(answer: Response, image: str) -> NetworkError:
    kind = f" ({printable(answer.media_type)})" if answer.media_type else ""
    return NetworkError(
        f"The registry's answer for {image} is no manifest{kind}.",
        hint=_WRONG_SERVER,
        code="not-a-registry",
    )
