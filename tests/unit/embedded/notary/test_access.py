"""Tokens: which scope each request wants, and that no other one will do."""

from collections.abc import Iterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from signer.embedded.database import Database
from signer.embedded.errors import ApiError
from signer.embedded.identity import Identity, Scope
from signer.embedded.notary.routes import routes
from signer.embedded.notary.service import NotaryService
from tests.unit.embedded.inprocess import HOST, URL, Application, InProcess

GUN = f"{HOST}/admin/flask"
TUF = f"/v2/{GUN}/_trust/tuf/"

WANTED = {
    f"GET {TUF}root.json": f"repository:{GUN}:pull",
    f"GET {TUF}1.root.json": f"repository:{GUN}:pull",
    f"GET {TUF}root.{'0' * 64}.json": f"repository:{GUN}:pull",
    f"GET /v2/{GUN}/_trust/changefeed": f"repository:{GUN}:pull",
    f"POST {TUF}": f"repository:{GUN}:push,pull",
    f"GET {TUF}timestamp.key": f"repository:{GUN}:push,pull",
    f"GET {TUF}snapshot.key": f"repository:{GUN}:push,pull",
    f"POST {TUF}timestamp.key": f"repository:{GUN}:*",
    f"POST {TUF}snapshot.key": f"repository:{GUN}:*",
    f"DELETE {TUF}": f"repository:{GUN}:*",
    "GET /v2/_trust/changefeed": "registry:catalog:*",
}


@pytest.mark.parametrize("request_line", WANTED)
def test_a_request_without_a_token_is_told_the_scope_it_needs(
    dtr: InProcess, request_line: str
) -> None:
    method, path = request_line.split(" ")
    with dtr.client(user="") as client:
        answer = client.request(method, path)
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["code"] == "UNAUTHORIZED"
    assert f'scope="{WANTED[request_line]}"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("request_line", WANTED)
def test_a_token_with_the_scope_is_enough(dtr: InProcess, request_line: str) -> None:
    method, path = request_line.split(" ")
    with dtr.bearer(WANTED[request_line]) as client:
        assert client.request(method, path).status_code in {200, 400, 404}


@pytest.mark.parametrize(
    ("request_line", "scope"),
    [
        (f"GET {TUF}root.json", f"repository:{GUN}x:pull"),
        (f"GET {TUF}root.json", "repository:admin/flask:pull"),
        (f"GET {TUF}root.json", f"repository:{GUN}:push"),
        (f"GET {TUF}root.json", "registry:catalog:*"),
        (f"POST {TUF}", f"repository:{GUN}:pull"),
        (f"GET {TUF}timestamp.key", f"repository:{GUN}:pull"),
        (f"POST {TUF}timestamp.key", f"repository:{GUN}:push,pull"),
        (f"DELETE {TUF}", f"repository:{GUN}:push,pull"),
        ("GET /v2/_trust/changefeed", f"repository:{GUN}:*"),
    ],
)
def test_a_token_for_anything_else_is_refused(
    dtr: InProcess, request_line: str, scope: str
) -> None:
    method, path = request_line.split(" ")
    with dtr.bearer(scope) as client:
        assert client.request(method, path).status_code == 401


def test_a_request_that_is_none_is_not_found_without_a_token(dtr: InProcess) -> None:
    with dtr.client(user="") as client:
        assert client.head(f"{TUF}root.json").status_code == 404
        assert client.get(f"{TUF}other.json").status_code == 404
        assert client.get("/_notary_server/health").json() == {}


def test_the_body_of_a_stranger_is_not_looked_at(dtr: InProcess) -> None:
    with dtr.client(user="") as client:
        assert client.post(TUF, content=b"no upload").status_code == 401


@pytest.fixture
def prefixed(dtr: InProcess) -> Iterator[httpx.Client]:
    """A server for names of one host and one namespace, where nobody has rights."""

    def refuse(_request: Request, _scope: Scope | None) -> Identity:
        raise ApiError(418, "ASKED", "the token was looked at")

    prefixes = (f"{HOST}/", "localhost/admin/")
    service = NotaryService(Database(dtr.dtr.directory / "other.sqlite3"))
    app = Starlette(
        routes=routes(service, authorise=refuse, gun_prefixes=prefixes),
        exception_handlers={ApiError: _answer},
    )
    with httpx.Client(transport=Application(app), base_url=URL) as client:
        yield client


def _answer(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return Response(status_code=error.status)


def test_names_under_other_prefixes_are_refused_before_the_token_is_looked_at(
    prefixed: httpx.Client,
) -> None:
    for gun in ("docker.io/library/x", f"{HOST}x/admin/flask", "localhost/other/x"):
        refused = prefixed.post(f"/v2/{gun}/_trust/tuf/")
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "INVALID_GUN")
        missing = prefixed.get(f"/v2/{gun}/_trust/tuf/root.json")
        assert missing.json()["errors"][0]["code"] == "METADATA_NOT_FOUND"
    for gun in (f"{HOST}/admin/flask", "localhost/admin/x"):
        assert prefixed.post(f"/v2/{gun}/_trust/tuf/").status_code == 418
