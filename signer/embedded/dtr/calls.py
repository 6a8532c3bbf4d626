"""Calls of DTR's API: who asks, what the body says, and how lists are answered.

Rules:

- every call has Basic credentials, which are checked before the body is read;
- handlers run in worker threads;
- what a caller may not see is answered as if it did not exist.

Source: dtr-ucp-ci reference, B.2 (Basic, paging).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from signer.embedded.access import Access
from signer.embedded.bodies import read_body
from signer.embedded.errors import ApiError
from signer.embedded.identity import EVERYTHING, PULL, Authenticate, Identity
from signer.embedded.images import Images, Tag
from signer.embedded.repositories import Repositories, Repository

API: Final = "/api/v0"
MAX_BODY: Final = 2**20
PAGE_SIZE: Final = 100
MAX_PAGE_SIZE: Final = 1000
_NEXT_PAGE: Final = "X-Next-Page-Start"
_COUNT: Final = "X-Resource-Count"
_TRUTH: Final = {"true": True, "1": True, "false": False, "0": False, "": False}
_Body = TypeVar("_Body")


@dataclass(frozen=True)
class Call:
    """A request whose caller is known, with its whole body."""

    request: Request
    identity: Identity
    body: bytes

    def part(self, name: str) -> str:
        """Return a part of the path."""
        value: str = self.request.path_params[name]
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a truth value of the query.

        Raises:
            ApiError: 400: it is neither ``true`` nor ``false``.
        """
        if name not in self.request.query_params:
            return default
        value = self.request.query_params[name].lower()
        if value not in _TRUTH:
            raise invalid(f"{name} is true or false")
        return _TRUTH[value]

    def decode(self, decoder: "msgspec.json.Decoder[_Body]") -> _Body:
        """Return the body as ``decoder`` wants it.

        Raises:
            ApiError: 400 INVALID_JSON, naming the field at fault.
        """
        try:
            return decoder.decode(self.body)
        except msgspec.ValidationError as error:
            raise ApiError(400, "INVALID_JSON", f"the body cannot be used: {error}") from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ApiError(400, "INVALID_JSON", "the body is no JSON") from error


Handler = Callable[[Call], Response]


@dataclass(frozen=True)
class Calls:
    """Makes routes whose callers are known, and finds what they may see.

    Attributes:
        authenticate: checks credentials.
        access: who may do what.
        repositories: the state.
        images: the state.
    """

    authenticate: Authenticate
    access: Access
    repositories: Repositories
    images: Images

    def route(self, method: str, path: str, handler: Handler) -> BaseRoute:
        """Return a route; ``path`` is Starlette's."""

        async def answer(request: Request) -> Response:
            identity = await run_in_threadpool(self.authenticate, request)
            body = await read_body(request, limit=MAX_BODY)
            return await run_in_threadpool(handler, Call(request, identity, body))

        return Route(path, answer, methods=[method])

    def repository(self, call: Call, *actions: str) -> Repository:
        """Return the repository ``namespace``/``name`` of the path.

        Raises:
            ApiError: 404 NO_SUCH_REPOSITORY where it is none that the caller may see; 403
                NOT_AUTHORIZED without the rights to ``actions``.
        """
        return self.visible(call, call.part("namespace"), call.part("name"), *actions)

    def visible(self, call: Call, namespace: str, name: str, *actions: str) -> Repository:
        """Return a repository by its name; raises as ``repository``."""
        found = self.repositories.find(namespace, name)
        if found is None or not self.may(call, PULL, found):
            raise no_such_repository(f"{namespace}/{name}")
        for action in actions:
            if not self.may(call, action, found):
                raise not_authorized(f"repository {found.path}")
        return found

    def may(self, call: Call, action: str, repository: Repository) -> bool:
        """Tell whether the caller has a right to a repository."""
        return self.access.may(
            call.identity, action, namespace=repository.namespace, name=repository.name
        )

    def administered(self, call: Call) -> Repository:
        """Return the path's repository, which the caller must administer; as ``repository``."""
        return self.repository(call, EVERYTHING)

    def tag(self, call: Call, *actions: str) -> tuple[Repository, Tag]:
        """Return the repository and the ``tag`` of the path.

        Raises:
            ApiError: as ``repository``, or 404 NO_SUCH_TAG.
        """
        repository = self.repository(call, *actions)
        found = self.images.find_tag(repository, call.part("tag"))
        if found is None:
            raise ApiError(404, "NO_SUCH_TAG", "A tag with the given name does not exist.")
        return repository, found


def no_such_repository(path: str) -> ApiError:
    """Make the error for a repository that is not there, or not for the caller."""
    return ApiError(
        404,
        "NO_SUCH_REPOSITORY",
        "A repository with the given name does not exist.",
        detail={"repository": path},
    )


def not_authorized(what: str) -> ApiError:
    """Make the error for a caller without the rights to what it sees."""
    return ApiError(
        403, "NOT_AUTHORIZED", f"The client is not authorized to do this with the {what}."
    )


def invalid(why: str) -> ApiError:
    """Make the error for a value that cannot be taken."""
    return ApiError(400, "INVALID_FORM_FIELD", why)


def require_admin(call: Call) -> None:
    """Let only admins of the registry pass.

    Raises:
        ApiError: 403 NOT_AUTHORIZED.
    """
    if not call.identity.is_admin:
        raise not_authorized("registry")


_Item = TypeVar("_Item")


def paged(
    call: Call,
    items: Sequence[_Item],
    *,
    key: Callable[[_Item], str],
    shown: Callable[[_Item], Any],
) -> Response:
    """Answer the page of a list that ``pageSize`` and ``pageStart`` ask for, as an array.

    Args:
        call: the request.
        items: the whole list, sorted by ``key``.
        key: an item's name; that of the next page's first item is its cursor.
        shown: an item as JSON.

    Raises:
        ApiError: 400: the size is no positive number.

    Source: dtr-ucp-ci reference, B.2.
    """
    query = call.request.query_params
    asked = query.get("pageSize", "") or str(PAGE_SIZE)
    if not asked.isascii() or not asked.isdigit() or not int(asked[:9]):
        raise invalid("pageSize is a number above 0")
    size = min(int(asked[:9]), MAX_PAGE_SIZE)
    start = query.get("pageStart", "")
    following = [item for item in items if key(item) >= start]
    headers = {}
    if len(following) > size:
        headers[_NEXT_PAGE] = key(following[size])
    if call.flag("count"):
        headers[_COUNT] = str(len(items))
    return JSONResponse([shown(item) for item in following[:size]], headers=headers)
