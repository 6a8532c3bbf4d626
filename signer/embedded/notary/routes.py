"""The Notary server's routes, under ``/v2/GUN/_trust/``.

GUN has slashes, and a role's file name has dots, so the paths are told apart here and not by the
web framework. Methods that a path does not have are 404, as on the real server: ``HEAD`` too.

Source: NP section 5.
"""

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from signer.embedded.bodies import read_body
from signer.embedded.errors import ApiError, StorageError
from signer.embedded.identity import EVERYTHING, PULL, PUSH, Authorise, Scope
from signer.embedded.notary.errors import NotaryError
from signer.embedded.notary.service import NotaryService
from signer.embedded.notary.store import StoredFile
from signer.names import Gun

MAX_BODY: Final = 128 * 2**20
"""The largest upload in bytes: a targets file of the largest size and something beside it."""

_ROLE: Final = r"(?P<role>root|targets(?:/[^/\s]+)*|snapshot|timestamp)"
_CHECKSUM: Final = r"(?P<checksum>[a-fA-F0-9]{64}|[a-fA-F0-9]{96}|[a-fA-F0-9]{128})"
_CONSISTENT: Final = "public, max-age=2592000, s-maxage=2592000"
_CURRENT: Final = "public, max-age=300, s-maxage=300, must-revalidate"
_TEXT: Final = "text/plain; charset=utf-8"
_METHODS: Final = ["GET", "POST", "PUT", "HEAD", "DELETE"]


@dataclass(frozen=True)
class _Call:
    """A request that was understood: its collection, the parts of its path, its body."""

    request: Request
    gun: Gun
    parts: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class _Operation:
    """What can be asked below ``_trust/``, and which actions the token for it must have."""

    method: str
    path: re.Pattern[str]
    actions: tuple[str, ...]
    handler: Callable[[NotaryService, _Call], Response]


def routes(
    service: NotaryService, *, authorise: Authorise, gun_prefixes: Sequence[str] = ()
) -> list[BaseRoute]:
    """Return the routes. They must come before those of the registry, which match any path.

    Args:
        service: answers.
        authorise: checks tokens; it is asked for ``repository:GUN:...`` or ``registry:catalog:*``.
        gun_prefixes: how collections may be named, each with a slash at its end; empty is any.
    """
    trust = partial(_trust, service, authorise, tuple(gun_prefixes))
    whole = partial(_whole_changefeed, service, authorise)
    return [
        Route("/v2/_trust/changefeed", _answered(whole), methods=_METHODS),
        Route("/v2/{gun:path}/_trust/{rest:path}", _answered(trust), methods=_METHODS),
        Route("/_notary_server/health", _answered(partial(_health, service)), methods=_METHODS),
    ]


def _answered(
    handler: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """Answer the errors of this server itself; those of the token check are the application's."""

    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except NotaryError as error:
            return _refusal(error)
        except StorageError:
            return _refusal(NotaryError("UPDATING" if request.method == "POST" else "UNKNOWN"))

    return answered


async def _trust(
    service: NotaryService, authorise: Authorise, prefixes: tuple[str, ...], request: Request
) -> Response:
    gun, rest = Gun(request.path_params["gun"]), request.path_params["rest"]
    operation, parts = _find(request.method, rest)
    if not gun or "*" in gun:
        raise NotaryError("METADATA_NOT_FOUND")
    if prefixes and not gun.startswith(prefixes):
        raise _foreign(operation, prefixes)
    await run_in_threadpool(authorise, request, Scope.repository(gun, *operation.actions))
    body = await _read_upload(request) if operation.handler is _update else b""
    return await run_in_threadpool(operation.handler, service, _Call(request, gun, parts, body))


def _find(method: str, rest: str) -> tuple["_Operation", dict[str, str]]:
    for operation in _OPERATIONS:
        match = operation.path.fullmatch(rest) if operation.method == method else None
        if match is not None:
            return operation, match.groupdict()
    raise NotaryError("METADATA_NOT_FOUND")


def _foreign(operation: "_Operation", prefixes: tuple[str, ...]) -> NotaryError:
    if operation.handler is not _update:
        return NotaryError("METADATA_NOT_FOUND")
    return NotaryError("INVALID_GUN", f"Require GUNs with prefix: [{' '.join(prefixes)}]")


async def _read_upload(request: Request) -> bytes:
    try:
        return await read_body(request, limit=MAX_BODY)
    except ApiError as error:
        raise NotaryError("MALFORMED_UPLOAD", error.message, status=error.status) from error


def _update(service: NotaryService, call: _Call) -> Response:
    service.update(call.gun, call.request.headers.get("content-type", ""), call.body)
    return Response()


def _get_by_hash(service: NotaryService, call: _Call) -> Response:
    found = service.by_hash(call.gun, call.parts["role"], call.parts["checksum"])
    return _file(found, _CONSISTENT)


def _get_by_version(service: NotaryService, call: _Call) -> Response:
    found = service.by_version(call.gun, call.parts["role"], call.parts["version"])
    return _file(found, _CONSISTENT)


def _get_current(service: NotaryService, call: _Call) -> Response:
    return _file(service.current(call.gun, call.parts["role"]), _CURRENT)


def _get_key(service: NotaryService, call: _Call) -> Response:
    return _key(service.public_key(call.gun, call.parts["role"]))


def _rotate_key(service: NotaryService, call: _Call) -> Response:
    return _key(service.rotate_key(call.gun, call.parts["role"]))


def _delete(service: NotaryService, call: _Call) -> Response:
    service.delete(call.gun)
    return Response()


def _get_changes(service: NotaryService, call: _Call) -> Response:
    return _changes(service, call.gun, call.request)


async def _whole_changefeed(
    service: NotaryService, authorise: Authorise, request: Request
) -> Response:
    if request.method != "GET":
        raise NotaryError("METADATA_NOT_FOUND")
    await run_in_threadpool(authorise, request, Scope.catalog())
    return await run_in_threadpool(_changes, service, None, request)


async def _health(service: NotaryService, request: Request) -> Response:
    if request.method != "GET":
        raise NotaryError("METADATA_NOT_FOUND")
    try:
        await run_in_threadpool(service.ping)
    except StorageError as error:
        return _json({"metadata store": error.message}, status=503)
    return _json({})


_OPERATIONS: Final = tuple(
    _Operation(method, re.compile(path), actions, handler)
    for method, path, actions, handler in (
        ("POST", r"tuf/", (PUSH, PULL), _update),
        ("GET", rf"tuf/{_ROLE}\.{_CHECKSUM}\.json", (PULL,), _get_by_hash),
        ("GET", rf"tuf/(?P<version>[0-9]+)\.{_ROLE}\.json", (PULL,), _get_by_version),
        ("GET", rf"tuf/{_ROLE}\.json", (PULL,), _get_current),
        ("GET", r"tuf/(?P<role>snapshot|timestamp)\.key", (PUSH, PULL), _get_key),
        ("POST", r"tuf/(?P<role>snapshot|timestamp)\.key", (EVERYTHING,), _rotate_key),
        ("DELETE", r"tuf/", (EVERYTHING,), _delete),
        ("GET", r"changefeed", (PULL,), _get_changes),
    )
)


def _changes(service: NotaryService, gun: Gun | None, request: Request) -> Response:
    query = request.query_params
    page = service.changes(
        gun, records=query.get("records", ""), change_id=query.get("change_id", "")
    )
    return _text(json.dumps(page, separators=(",", ":"), ensure_ascii=False).encode("utf-8"))


def _file(found: StoredFile, cache_control: str) -> Response:
    headers = {
        "Cache-Control": cache_control,
        "Last-Modified": _last_modified(found.created_at),
    }
    return _text(found.wire, headers)


def _last_modified(moment: datetime) -> str:
    return moment.strftime("%a, %d %b %Y %H:%M:%S UTC")


def _key(key: dict[str, Any]) -> Response:
    keyval = {"public": key["keyval"]["public"], "private": None}
    content = {"keytype": key["keytype"], "keyval": keyval}
    return _text(json.dumps(content, separators=(",", ":")).encode("ascii"))


def _text(content: bytes, headers: dict[str, str] | None = None) -> Response:
    return Response(content, headers=headers, media_type=_TEXT)


def _json(content: dict[str, Any], *, status: int = 200) -> Response:
    return Response(
        json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode("utf-8"),
        status_code=status,
        media_type="application/json; charset=utf-8",
    )


def _refusal(error: ApiError) -> Response:
    response = _json(error.content(), status=error.status)
    response.headers.update(error.headers)
    return response
