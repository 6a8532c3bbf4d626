"""The registry's routes: its base, the catalogue, tags and manifests (blobs: ``blob_routes``).

Rules:

- rights are checked before anything is looked at;
- a manifest is stored only when everything it refers to is there;
- the first push to a repository makes it.

Source: OCI distribution specification; docker's registry HTTP API V2.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from signer.constants import MAX_MANIFEST_SIZE
from signer.embedded.access import split_path
from signer.embedded.blobs import Blobs
from signer.embedded.bodies import read_body
from signer.embedded.errors import ApiError
from signer.embedded.identity import DELETE, PULL, PUSH, Authorise, Identity, Scope
from signer.embedded.images import Images, Manifest
from signer.embedded.manifests import ManifestContent, parse_manifest
from signer.embedded.repositories import Repositories, Repository

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_PAGE: Final = 1000


@dataclass(frozen=True)
class Registry:
    """Tags and manifests over HTTP.

    Attributes:
        repositories: the state.
        images: the state.
        blobs: asked whether a manifest's blobs are there.
        authorise: checks tokens.
    """

    repositories: Repositories
    images: Images
    blobs: Blobs
    authorise: Authorise

    def routes(self) -> list[BaseRoute]:
        """Return the routes; those of Notary must come first, as its names may look like ours."""
        manifest = "/v2/{name:path}/manifests/{reference}"
        return [
            Route("/v2/", self._base, methods=["GET"]),
            Route("/v2/_catalog", self._catalog, methods=["GET"]),
            Route("/v2/{name:path}/tags/list", self._tags, methods=["GET"]),
            Route(manifest, self._get_manifest, methods=["GET", "HEAD"]),
            Route(manifest, self._put_manifest, methods=["PUT"]),
            Route(manifest, self._delete_manifest, methods=["DELETE"]),
        ]

    def _base(self, request: Request) -> Response:
        self.authorise(request, None)
        return JSONResponse({})

    def _catalog(self, request: Request) -> Response:
        self.authorise(request, Scope.catalog())
        names = [repository.path for repository in self.repositories.find_all()]
        page, headers = _page(request, names)
        return JSONResponse({"repositories": page}, headers=headers)

    def _tags(self, request: Request) -> Response:
        repository, _ = self._repository(request, PULL)
        names = [tag.name for tag in self.images.tags(repository)]
        page, headers = _page(request, names)
        return JSONResponse({"name": repository.path, "tags": page}, headers=headers)

    def _get_manifest(self, request: Request) -> Response:
        repository, identity = self._repository(request, PULL)
        reference = request.path_params["reference"]
        tag = "" if _DIGEST.fullmatch(reference) else reference
        digest = self.images.tag(repository, tag).digest if tag else reference
        manifest = self.images.manifest(repository, digest)
        headers = _headers(manifest)
        if headers["ETag"] in request.headers.get("If-None-Match", ""):
            return Response(status_code=304, headers=headers)
        if request.method == "GET":
            self.images.pulled(repository, digest, author=identity.name, tag=tag)
        return Response(manifest.content, headers=headers, media_type=manifest.media_type)

    async def _put_manifest(self, request: Request) -> Response:
        path, identity = await run_in_threadpool(
            authorised_path, request, self.authorise, PULL, PUSH
        )
        content = await read_body(request, limit=MAX_MANIFEST_SIZE)
        return await run_in_threadpool(self._store, request, path, identity, content)

    def _store(
        self, request: Request, path: tuple[str, str], identity: Identity, content: bytes
    ) -> Response:
        reference = request.path_params["reference"]
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        tag = "" if _DIGEST.fullmatch(reference) else reference
        if tag and not _TAG.fullmatch(tag):
            raise ApiError(400, "TAG_INVALID", "the tag's name is invalid")
        if not tag and reference != digest:
            raise ApiError(
                400,
                "DIGEST_INVALID",
                "provided digest did not match uploaded content",
                detail={"digest": reference, "content": digest},
            )
        repository = self.repositories.ensure(*path, author=identity.name)
        if tag:
            # First of all: an engine whose push is refused tries again with schema 1, and shows
            # the last refusal.
            self.images.require_mutable(repository, tag, digest)
        media_type = request.headers.get("Content-Type", "").partition(";")[0].strip()
        self._require_references(repository, parse_manifest(content, media_type=media_type))
        self.images.put_manifest(
            repository, content, media_type=media_type, author=identity.name, tag=tag
        )
        headers = {
            "Location": f"/v2/{repository.path}/manifests/{digest}",
            "Docker-Content-Digest": digest,
        }
        return Response(status_code=201, headers=headers)

    def _require_references(self, repository: Repository, content: ManifestContent) -> None:
        missing = [digest for digest in content.blobs if not self.blobs.has(repository, digest)] + [
            entry.digest
            for entry in content.manifests
            if self.images.find_manifest(repository, entry.digest) is None
        ]
        if missing:
            raise ApiError(
                400,
                "MANIFEST_BLOB_UNKNOWN",
                "blob unknown to registry",
                detail={"digest": missing[0]},
            )

    def _delete_manifest(self, request: Request) -> Response:
        repository, identity = self._repository(request, DELETE)
        reference = request.path_params["reference"]
        if _DIGEST.fullmatch(reference):
            self.images.delete_manifest(repository, reference, author=identity.name)
        else:
            self.images.delete_tag(repository, reference, author=identity.name)
        return Response(status_code=202)

    def _repository(self, request: Request, *actions: str) -> tuple[Repository, Identity]:
        path, identity = authorised_path(request, self.authorise, *actions)
        return self.repositories.get(*path), identity


def authorised_path(
    request: Request, authorise: Authorise, *actions: str
) -> tuple[tuple[str, str], Identity]:
    """Return namespace and name of a request's repository, and who may do ``actions`` there.

    Raises:
        ApiError: 400 NAME_INVALID; 401 or 403 without the rights.
    """
    name = request.path_params["name"]
    path = split_path(name) if name.count("/") == 1 else None
    if path is None:
        raise ApiError(
            400,
            "NAME_INVALID",
            "invalid repository name: it is NAMESPACE/NAME",
            detail={"name": name},
        )
    return path, authorise(request, Scope.repository(name, *actions))


def _headers(manifest: Manifest) -> dict[str, str]:
    return {"Docker-Content-Digest": manifest.digest, "ETag": f'"{manifest.digest}"'}


def _page(request: Request, names: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return a page of sorted names, as ``n`` and ``last`` ask, and the link to the next."""
    asked = request.query_params.get("n", "")
    if asked and not asked.isdecimal():
        raise ApiError(400, "PAGINATION_NUMBER_INVALID", "n is a number", detail={"n": asked})
    count = min(int(asked), _PAGE) if asked else len(names)
    last = request.query_params.get("last", "")
    following = sorted(name for name in names if name > last)
    page = following[:count]
    if not page or len(following) == len(page):
        return page, {}
    query = urlencode({"last": page[-1], "n": count})
    return page, {"Link": f'<{request.url.path}?{query}>; rel="next"'}
