"""The registry's routes for blobs: reading them, and uploads in one or many parts.

Bodies are streamed: however large a layer is, little of it is in memory at once.

Source: OCI distribution specification, "Pulling blobs" and "Pushing blobs".
"""

import re
from dataclasses import dataclass
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from signer.embedded.blobs import Blobs
from signer.embedded.errors import ApiError
from signer.embedded.identity import DELETE, PULL, PUSH, Authorise, Scope
from signer.embedded.registry import authorised_path
from signer.embedded.repositories import Repositories, Repository

_WRITE_SIZE: Final = 2**20
_RANGE = re.compile(r"(?:bytes[ =])?([0-9]{1,18})-([0-9]{1,18})(?:/.*)?")


@dataclass(frozen=True)
class BlobRoutes:
    """Blobs over HTTP.

    Attributes:
        repositories: the state.
        blobs: the store.
        authorise: checks tokens.
    """

    repositories: Repositories
    blobs: Blobs
    authorise: Authorise

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        upload = "/v2/{name:path}/blobs/uploads/{upload}"
        blob = "/v2/{name:path}/blobs/{digest}"
        return [
            Route("/v2/{name:path}/blobs/uploads/", self._begin, methods=["POST"]),
            Route(upload, self._status, methods=["GET"]),
            Route(upload, self._append, methods=["PATCH"]),
            Route(upload, self._finish, methods=["PUT"]),
            Route(upload, self._cancel, methods=["DELETE"]),
            Route(blob, self._get, methods=["GET", "HEAD"]),
            Route(blob, self._delete, methods=["DELETE"]),
        ]

    def _get(self, request: Request) -> Response:
        path, _ = authorised_path(request, self.authorise, PULL)
        digest = request.path_params["digest"]
        file = self.blobs.get(self.repositories.get(*path), digest)
        headers = {
            "Docker-Content-Digest": digest,
            "ETag": f'"{digest}"',
            "Cache-Control": "max-age=31536000",
        }
        return FileResponse(file, headers=headers, media_type="application/octet-stream")

    def _delete(self, request: Request) -> Response:
        path, _ = authorised_path(request, self.authorise, DELETE)
        self.blobs.remove(self.repositories.get(*path), request.path_params["digest"])
        return Response(status_code=202)

    async def _begin(self, request: Request) -> Response:
        repository = await run_in_threadpool(self._pushed_to, request, make=True)
        query = request.query_params
        if "mount" in query:
            mounted = await run_in_threadpool(self._mount, request, repository)
            if mounted is not None:
                return mounted
        upload = await run_in_threadpool(self.blobs.begin, repository)
        if "digest" not in query:
            return self._accepted(repository, upload, 0)
        await self._receive(request, repository, upload)
        return await run_in_threadpool(self._complete, repository, upload, query["digest"])

    def _mount(self, request: Request, repository: Repository) -> Response | None:
        """Take a blob from another repository; None where that is not possible or not allowed."""
        digest, source = request.query_params["mount"], request.query_params.get("from", "")
        try:
            self.authorise(request, Scope.repository(source, PULL))
            namespace, _, name = source.partition("/")
            if not self.blobs.has(self.repositories.get(namespace, name), digest):
                return None
            mounted = self.blobs.mount(repository, digest)
        except ApiError:
            return None
        return _created(repository, digest) if mounted else None

    def _status(self, request: Request) -> Response:
        repository = self._pushed_to(request)
        upload = request.path_params["upload"]
        answer = self._accepted(repository, upload, self.blobs.size(repository, upload))
        answer.status_code = 204
        return answer

    async def _append(self, request: Request) -> Response:
        repository = await run_in_threadpool(self._pushed_to, request)
        upload = request.path_params["upload"]
        await self._receive(request, repository, upload)
        size = await run_in_threadpool(self.blobs.size, repository, upload)
        return self._accepted(repository, upload, size)

    async def _finish(self, request: Request) -> Response:
        repository = await run_in_threadpool(self._pushed_to, request)
        upload = request.path_params["upload"]
        digest = request.query_params.get("digest", "")
        if not digest:
            raise ApiError(400, "DIGEST_INVALID", "the query has no digest")
        await self._receive(request, repository, upload)
        return await run_in_threadpool(self._complete, repository, upload, digest)

    def _cancel(self, request: Request) -> Response:
        self.blobs.cancel(self._pushed_to(request), request.path_params["upload"])
        return Response(status_code=204)

    def _complete(self, repository: Repository, upload: str, digest: str) -> Response:
        self.blobs.finish(repository, upload, digest)
        return _created(repository, digest)

    async def _receive(self, request: Request, repository: Repository, upload: str) -> None:
        """Append a request's body to an upload.

        Raises:
            ApiError: 416 RANGE_INVALID where it does not continue the upload.
        """
        size = await run_in_threadpool(self.blobs.size, repository, upload)
        given = request.headers.get("Content-Range", "")
        if given:
            match = _RANGE.fullmatch(given.strip())
            if match is None or int(match[1]) != size:
                raise ApiError(
                    416,
                    "RANGE_INVALID",
                    f"the upload has {size} bytes and goes on there",
                    headers=_upload_headers(repository, upload, size),
                )
        appending = self.blobs.append(repository, upload)
        file = await run_in_threadpool(appending.__enter__)
        buffer = bytearray()
        try:
            async for part in request.stream():
                buffer += part
                if len(buffer) >= _WRITE_SIZE:
                    await run_in_threadpool(file.write, bytes(buffer))
                    buffer.clear()
        except ClientDisconnect as error:
            raise ApiError(400, "BLOB_UPLOAD_INVALID", "the body ended early") from error
        finally:
            file.write(buffer)
            await run_in_threadpool(appending.__exit__, None, None, None)

    def _pushed_to(self, request: Request, *, make: bool = False) -> Repository:
        path, identity = authorised_path(request, self.authorise, PULL, PUSH)
        if make:
            return self.repositories.ensure(*path, author=identity.name)
        return self.repositories.get(*path)

    def _accepted(self, repository: Repository, upload: str, size: int) -> Response:
        return Response(status_code=202, headers=_upload_headers(repository, upload, size))


def _upload_headers(repository: Repository, upload: str, size: int) -> dict[str, str]:
    return {
        "Location": f"/v2/{repository.path}/blobs/uploads/{upload}",
        "Range": f"0-{max(size - 1, 0)}",
        "Docker-Upload-UUID": upload,
    }


def _created(repository: Repository, digest: str) -> Response:
    return Response(
        status_code=201,
        headers={
            "Location": f"/v2/{repository.path}/blobs/{digest}",
            "Docker-Content-Digest": digest,
        },
    )
