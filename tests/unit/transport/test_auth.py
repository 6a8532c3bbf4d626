import base64
import threading
import traceback
from collections.abc import Callable

import httpx
import pytest

from signer.errors import AuthError, NetworkError, SignerError
from signer.transport.auth import RegistryAuth
from signer.transport.credentials import Credential
from signer.transport.http import HttpPool
from signer.transport.tokens import TokenCache
from tests.unit.transport.simulated import Clock, TokenWorld, make_pool

URL = "https://dtr.example.com/v2/admin/flask/manifests/1"
SCOPE = "repository:admin/flask:pull"
SECRET = "hunter2secret"
CI = Credential("ci", SECRET)


def auth_for(
    pool: HttpPool,
    credential: Credential | None = None,
    *,
    actions: str = "pull",
    name: str = "admin/flask",
) -> RegistryAuth:
    return RegistryAuth(
        lambda _host: credential,
        actions=actions,
        scope_name=name,
        tokens=pool.tokens,
        plain_http=pool.plain_http,
        searched="the usual places",
    )


def ask(
    pool: HttpPool,
    credential: Credential | None = None,
    *,
    url: str = URL,
    method: str = "GET",
    content: bytes | None = None,
) -> int:
    auth = auth_for(pool, credential)
    return pool.request(method, url, max_bytes=1000, auth=auth, content=content).status


def refusal(
    handler: Callable[[httpx.Request], httpx.Response],
    credential: Credential | None = None,
    *,
    url: str = URL,
    hosts: frozenset[str] = frozenset(),
) -> SignerError:
    """Return the error of a request; it must not contain the secret anywhere."""
    with (
        make_pool(handler, insecure_http_hosts=hosts) as pool,
        pytest.raises(SignerError) as caught,
    ):
        ask(pool, credential, url=url)
    shown = "".join(traceback.format_exception(caught.value)) + caught.value.hint
    assert SECRET not in shown
    assert base64.b64encode(f"ci:{SECRET}".encode()).decode() not in shown
    return caught.value


def challenging(challenge: str) -> Callable[[httpx.Request], httpx.Response]:
    """A server that refuses everything with ``challenge``, and lets nothing else be asked."""

    def handler(request: httpx.Request) -> httpx.Response:
        assert request.url.host in {"dtr.example.com", "localhost"}, "another host was asked"
        assert request.url.path.startswith("/v2/"), "the token server was asked"
        headers = {"WWW-Authenticate": challenge} if challenge else {}
        return httpx.Response(401, headers=headers)

    return handler


# Tokens.


def test_a_token_is_fetched_with_basic_credentials() -> None:
    world = TokenWorld(accounts={"ci": SECRET})
    with make_pool(world) as pool:
        assert ask(pool, CI) == 200
    asked = world.asked[0]
    assert asked.method == "GET"
    assert dict(asked.url.params) == {
        "service": "dtr.example.com",
        "scope": SCOPE,
        "account": "ci",
    }
    assert "Authorization" not in world.requests[0].headers
    assert world.requests[1].headers["Authorization"] == "Bearer issued-token-1"


def test_a_stranger_asks_for_a_token_without_credentials() -> None:
    world = TokenWorld(anonymous=True)
    with make_pool(world) as pool:
        assert ask(pool) == 200
    assert "Authorization" not in world.asked[0].headers
    assert "account" not in world.asked[0].url.params


def test_an_identity_token_is_posted_as_a_refresh_token() -> None:
    world = TokenWorld(identity_tokens={SECRET}, token_field="access_token")
    with make_pool(world) as pool:
        assert ask(pool, Credential("", identity_token=SECRET)) == 200
    asked = world.asked[0]
    assert asked.method == "POST"
    assert SECRET not in str(asked.url)
    assert "Authorization" not in asked.headers
    assert dict(httpx.QueryParams(asked.content.decode())) == {
        "grant_type": "refresh_token",
        "refresh_token": SECRET,
        "client_id": "signer",
        "service": "dtr.example.com",
        "scope": SCOPE,
    }


def test_the_challenges_scope_counts_else_the_repositorys() -> None:
    world = TokenWorld(anonymous=True, scope="repository:dtr.example.com/a/b:pull,push other:x:y")
    with make_pool(world) as pool:
        ask(pool)
    assert world.asked[0].url.params.get_list("scope") == [
        "repository:dtr.example.com/a/b:pull,push",
        "other:x:y",
    ]
    world = TokenWorld(anonymous=True, scope="")
    with make_pool(world) as pool:
        ask(pool)
    assert world.asked[0].url.params.get_list("scope") == [SCOPE]


def test_the_realms_own_parameters_are_kept() -> None:
    world = TokenWorld(anonymous=True, realm="https://tokens.example.com/token?realm=dtr")
    with make_pool(world) as pool:
        ask(pool)
    assert world.asked[0].url.params["realm"] == "dtr"
    assert world.asked[0].url.params["scope"] == SCOPE


def test_access_token_wins_over_token() -> None:
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.host == "tokens.example.com":
            return httpx.Response(200, json={"token": "old", "access_token": "new"})
        seen.append(request.headers.get("Authorization", ""))
        challenge = 'Bearer realm="https://tokens.example.com/"'
        status = 200 if seen[-1] else 401
        return httpx.Response(status, headers={"WWW-Authenticate": challenge})

    with make_pool(handler) as pool:
        assert ask(pool) == 200
    assert seen == ["", "Bearer new"]


def test_a_token_is_used_again_without_another_challenge() -> None:
    world = TokenWorld(accounts={"ci": SECRET})
    with make_pool(world) as pool:
        for _ in range(3):
            assert ask(pool, CI) == 200
    assert len(world.asked) == 1
    assert len(world.requests) == 4


def test_a_known_server_is_sent_a_token_for_other_rights_at_once() -> None:
    world = TokenWorld(accounts={"ci": SECRET})
    with make_pool(world) as pool:
        ask(pool, CI)
        auth = auth_for(pool, CI, actions="push,pull", name="admin/other")
        answer = pool.request("POST", URL, max_bytes=10**3, auth=auth, content=b"body")
    assert answer.status == 200
    assert len(world.requests) == 3
    assert world.asked[1].url.params["scope"] == "repository:admin/other:push,pull"


@pytest.mark.parametrize(
    ("expires_in", "good_for"), [(300, 290), (10, 50), (None, 50), (0, 50), (-5, 50)]
)
def test_an_expired_token_is_replaced(expires_in: int | None, good_for: int) -> None:
    clock = Clock()
    world = TokenWorld(accounts={"ci": SECRET}, expires_in=expires_in)
    with make_pool(world, clock=clock) as pool:
        ask(pool, CI)
        clock.now += good_for
        ask(pool, CI)
        assert len(world.asked) == 1
        clock.now += 15
        assert ask(pool, CI) == 200
    assert len(world.asked) == 2
    assert len(world.requests) == 4  # the new token was fetched before the server had to refuse


def test_a_token_that_the_server_refuses_early_is_replaced_once() -> None:
    world = TokenWorld(accounts={"ci": SECRET})
    with make_pool(world) as pool:
        ask(pool, CI)
        world.revoke()
        assert ask(pool, CI) == 200
    assert len(world.asked) == 2


def test_a_body_is_sent_again_with_the_token() -> None:
    world = TokenWorld(accounts={"ci": SECRET})
    with make_pool(world) as pool:
        assert ask(pool, CI, method="POST", content=b"metadata") == 200
    assert [request.content for request in world.requests] == [b"metadata", b"metadata"]


def test_threads_share_one_token() -> None:
    world = TokenWorld(accounts={"ci": SECRET})
    gate = threading.Barrier(8)
    second = threading.Event()
    results: list[int] = []

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.host == "dtr.example.com" and "Authorization" not in request.headers:
            gate.wait(timeout=10)  # all are refused before any fetches a token
        if request.url.host == "tokens.example.com":
            if world.asked:
                second.set()
            answer = world(request)
            second.wait(timeout=0.2)  # time for another thread to ask as well
            return answer
        return world(request)

    with make_pool(handler) as pool:
        threads = [threading.Thread(target=lambda: results.append(ask(pool, CI))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == [200] * 8
    assert len(world.asked) == 1


def test_tokens_of_different_users_are_kept_apart() -> None:
    world = TokenWorld(accounts={"ci": SECRET, "other": "x"})
    with make_pool(world) as pool:
        ask(pool, CI)
        ask(pool, Credential("other", "x"))
    assert [request.url.params["account"] for request in world.asked] == ["ci", "other"]


# Basic.


def basic_server(request: httpx.Request) -> httpx.Response:
    good = "Basic " + base64.b64encode(f"ci:{SECRET}".encode()).decode()
    if request.headers.get("Authorization") == good:
        return httpx.Response(200)
    return httpx.Response(401, headers={"WWW-Authenticate": 'BASIC realm="Harbor"'})


def test_a_basic_challenge_is_answered_with_the_password() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return basic_server(request)

    with make_pool(handler) as pool:
        assert ask(pool, CI) == 200
        assert ask(pool, CI) == 200
    assert len(seen) == 3


def test_a_refused_password_is_not_tried_twice() -> None:
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("Authorization", ""))
        return httpx.Response(401, headers={"WWW-Authenticate": "Basic"})

    with make_pool(handler) as pool:
        for _ in range(2):
            with pytest.raises(AuthError):
                ask(pool, CI)
    assert len([value for value in seen if value]) == 2


def test_bearer_is_preferred_to_basic_in_one_header() -> None:
    world = TokenWorld(anonymous=True)

    def handler(request: httpx.Request) -> httpx.Response:
        answer = world(request)
        if answer.status_code == 401:
            bearer = answer.headers["WWW-Authenticate"]
            answer.headers["WWW-Authenticate"] = f'basic realm="x, y", {bearer}'
        return answer

    with make_pool(handler) as pool:
        assert ask(pool) == 200


# Refusals.


def test_a_refused_user_is_named_with_host_scope_and_status() -> None:
    world = TokenWorld(accounts={"ci": SECRET})

    def handler(request: httpx.Request) -> httpx.Response:
        answer = world(request)
        return answer if request.url.host != "dtr.example.com" else forbid(answer)

    def forbid(answer: httpx.Response) -> httpx.Response:
        return httpx.Response(403) if answer.status_code == 200 else answer

    error = refusal(handler, CI)
    assert isinstance(error, AuthError)
    assert error.exit_code == 7
    assert error.code == "forbidden"
    for part in ("dtr.example.com", "'ci'", SCOPE, "403"):
        assert part in str(error)


def test_without_credentials_the_places_are_named() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.host == "tokens.example.com":
            return httpx.Response(200, json={"token": "worth-nothing"})
        challenge = 'Bearer realm="https://tokens.example.com/token"'
        return httpx.Response(401, headers={"WWW-Authenticate": challenge})

    error = refusal(handler)
    assert error.code == "no-credentials"
    assert "dtr.example.com" in str(error)
    assert "the usual places" in error.hint
    assert "docker login dtr.example.com" in error.hint


def test_a_basic_server_without_credentials_says_so_too() -> None:
    assert refusal(basic_server).code == "no-credentials"


@pytest.mark.parametrize("credential", [None, CI, Credential("", identity_token=SECRET)])
def test_a_token_server_that_refuses_is_named(credential: Credential | None) -> None:
    error = refusal(TokenWorld(), credential)
    assert isinstance(error, AuthError)
    assert error.code == "token-refused"
    for part in ("https://tokens.example.com/token", "dtr.example.com", SCOPE):
        assert part in str(error)
    assert ("the usual places" in error.hint) is (credential is None)


@pytest.mark.parametrize("challenge", ["", "Negotiate", 'Digest realm="x"', "=,=,", "Bearer"])
def test_an_unknown_challenge_is_told_from_missing_credentials(challenge: str) -> None:
    error = refusal(challenging(challenge), CI)
    assert error.code == ("insecure-realm" if challenge == "Bearer" else "unauthorised")
    assert "none were found" not in str(error)


@pytest.mark.parametrize(
    "realm",
    [
        "http://tokens.example.com/token",
        "http://dtr.example.com/token",
        "http://localhost:5001/token",
        "HTTP://dtr.example.com/token",
        "ftp://dtr.example.com/token",
        "file:///etc/passwd",
        "//dtr.example.com/token",
        "https://dtr.example.com@evil.example/token",
        "https://evil.example\\@dtr.example.com/token",
        "DTR",
        "",
    ],
)
@pytest.mark.parametrize("credential", [None, CI])
def test_a_realm_that_is_not_reached_safely_is_not_asked(
    realm: str, credential: Credential | None
) -> None:
    error = refusal(challenging(f'Bearer realm="{realm}",service="s"'), credential)
    assert isinstance(error, AuthError)
    assert error.code == "insecure-realm"


def test_a_plain_realm_on_loopback_works_where_the_user_named_it() -> None:
    world = TokenWorld(accounts={"ci": SECRET}, realm="http://localhost:5001/token")
    hosts = frozenset({"localhost:5000", "localhost:5001"})
    with make_pool(world, insecure_http_hosts=hosts) as pool:
        assert ask(pool, CI, url="http://localhost:5000/v2/x") == 200


def test_a_challenge_over_plain_http_sends_no_credentials_to_another_host() -> None:
    challenge = 'Bearer realm="https://evil.example/token",service="s"'
    hosts = frozenset({"localhost:5000"})
    error = refusal(challenging(challenge), CI, url="http://localhost:5000/v2/x", hosts=hosts)
    assert error.code == "insecure-realm"


def test_a_challenge_from_a_redirects_target_is_not_answered() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.host == "dtr.example.com":
            return httpx.Response(307, headers={"Location": "https://evil.example/blob"})
        assert request.url.path == "/blob", "the redirect's target got a request for a token"
        assert "Authorization" not in request.headers
        challenge = 'Bearer realm="https://evil.example/token"'
        return httpx.Response(401, headers={"WWW-Authenticate": challenge})

    error = refusal(handler, CI)
    assert error.code == "redirect-refused"
    assert "evil.example" in str(error)


def test_a_token_is_not_sent_to_a_redirects_target() -> None:
    world = TokenWorld(accounts={"ci": SECRET})
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.host == "storage.example.com":
            seen.append(request)
            return httpx.Response(200, content=b"blob")
        answer = world(request)
        if request.url.host == "dtr.example.com" and answer.status_code == 200:
            return httpx.Response(302, headers={"Location": "https://storage.example.com/blob"})
        return answer

    with make_pool(handler) as pool:
        assert ask(pool, CI) == 200
    assert "Authorization" not in seen[0].headers


def test_credentials_do_not_follow_a_token_servers_redirect() -> None:
    seen: list[httpx.Request] = []
    world = TokenWorld(accounts={"ci": SECRET})

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.host == "tokens.example.com":
            return httpx.Response(307, headers={"Location": "https://evil.example/token"})
        if request.url.host == "evil.example":
            seen.append(request)
            return httpx.Response(401)
        return world(request)

    assert refusal(handler, CI).code == "token-refused"
    assert "Authorization" not in seen[0].headers


# Token servers with faults.


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (lambda: httpx.Response(500, content=SECRET.encode()), "token-server-error"),
        (lambda: httpx.Response(404), "token-server-error"),
        (lambda: httpx.Response(200, content=b"<html>login</html>"), "bad-token-answer"),
        (lambda: httpx.Response(200, content=b""), "bad-token-answer"),
        (lambda: httpx.Response(200, json=[SECRET]), "bad-token-answer"),
        (lambda: httpx.Response(200, json={}), "bad-token-answer"),
        (lambda: httpx.Response(200, json={"token": ""}), "bad-token-answer"),
        (lambda: httpx.Response(200, json={"token": [SECRET]}), "bad-token-answer"),
        (lambda: httpx.Response(200, json={"token": "x\r\nX-Evil: y"}), "bad-token-answer"),
        (lambda: httpx.Response(200, json={"token": "ü"}), "bad-token-answer"),
        (lambda: httpx.Response(200, content=b'{"token": "\xff"}'), "bad-token-answer"),
        (lambda: httpx.Response(200, content=b"[" * 100_000), "bad-token-answer"),
        (
            lambda: httpx.Response(200, content=b'{"token": "' + b"x" * 2**20 + b'"}'),
            "bad-token-answer",
        ),
    ],
)
def test_a_token_server_that_gives_no_token_is_a_fault_of_the_network(
    answer: Callable[[], httpx.Response], code: str
) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.host == "tokens.example.com":
            return answer()
        challenge = 'Bearer realm="https://tokens.example.com/token"'
        return httpx.Response(401, headers={"WWW-Authenticate": challenge})

    error = refusal(handler, CI)
    assert isinstance(error, NetworkError)
    assert error.code == code
    assert "tokens.example.com" in str(error)


def test_the_flow_is_a_generator_without_io() -> None:
    """As httpx's own clients drive it: each request is yielded, each answer sent in."""
    tokens = TokenCache()
    auth = RegistryAuth(lambda _host: CI, actions="pull", scope_name="a/b", tokens=tokens)
    request = httpx.Request("GET", URL)
    flow = auth.sync_auth_flow(request)
    assert next(flow) is request
    challenge = 'Bearer realm="https://tokens.example.com/token",service="s"'
    refused = httpx.Response(401, headers={"WWW-Authenticate": challenge}, request=request)
    asked = flow.send(refused)
    assert asked.url.host == "tokens.example.com"
    again = flow.send(httpx.Response(200, json={"token": "t"}, request=asked))
    assert again is request
    assert again.headers["Authorization"] == "Bearer t"
    with pytest.raises(StopIteration):
        flow.send(httpx.Response(200, request=request))
