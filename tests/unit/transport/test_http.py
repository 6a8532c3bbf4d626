import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from signer import __version__
from signer.errors import NetworkError, TrustDataError, UsageError
from signer.transport.http import HttpPool
from tests.unit.transport.simulated import NO_TLS, Chunks, Clock, make_pool

URL = "https://dtr.example.com/v2/x"
MEBIBYTE = b"\0" * 2**20


def get(pool: HttpPool, url: str = URL, *, max_bytes: int = 1000) -> bytes:
    return pool.request("GET", url, max_bytes=max_bytes).content


def redirect(location: str, status: int = 307) -> httpx.Response:
    return httpx.Response(status, headers={"Location": location})


def secret_auth() -> httpx.Auth:
    return httpx.BasicAuth("ci", "hunter2secret")


def test_an_answer_has_status_headers_and_body_whatever_the_status() -> None:
    def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(404, headers={"X-Next": "7"}, content=b"gone")

    with make_pool(handler) as pool:
        answer = pool.request("GET", URL, max_bytes=10)
    assert (answer.status, answer.content, answer.url) == (404, b"gone", URL)
    assert answer.headers["x-next"] == answer.headers["X-NEXT"] == "7"
    assert "x-NEXT" in answer.headers
    assert answer.headers.get("Absent") is None


def test_requests_name_this_program_and_ask_for_no_compression() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    with make_pool(handler) as pool:
        get(pool)
    assert seen[0].headers["User-Agent"] == f"signer/{__version__}"
    assert seen[0].headers["Accept-Encoding"] == "identity"


def test_cookies_are_neither_kept_nor_sent() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, headers={"Set-Cookie": "session=hunter2secret; Path=/"})

    with make_pool(handler) as pool:
        get(pool)
        get(pool)
    assert [request.headers.get("Cookie") for request in seen] == [None, None]


# Redirects.


def test_a_redirect_to_the_same_origin_keeps_the_credentials() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return redirect("/v2/y") if request.url.path == "/v2/x" else httpx.Response(200)

    with make_pool(handler) as pool:
        answer = pool.request("GET", URL, max_bytes=10, auth=secret_auth())
    assert answer.url == "https://dtr.example.com/v2/y"
    assert seen[1].headers["Authorization"] == seen[0].headers["Authorization"]


@pytest.mark.parametrize(
    "target",
    [
        "https://storage.example.com/blob",
        "https://dtr.example.com:8443/blob",
        "https://sub.dtr.example.com/blob",
        "//storage.example.com/blob",
    ],
)
def test_credentials_do_not_follow_to_another_origin(target: str) -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return redirect(target) if len(seen) == 1 else httpx.Response(200, content=b"blob")

    headers = {"Cookie": "hunter2secret", "Accept": "a/b"}
    with make_pool(handler) as pool:
        answer = pool.request("GET", URL, max_bytes=10, auth=secret_auth(), headers=headers)
    assert answer.content == b"blob"
    assert "Authorization" in seen[0].headers
    assert "Authorization" not in seen[1].headers
    assert "Cookie" not in seen[1].headers
    assert seen[1].headers["Accept"] == "a/b"
    assert seen[1].headers["Host"] == httpx.URL(URL).join(target).netloc.decode()


def test_credentials_do_not_come_back_after_a_detour() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if len(seen) == 1:
            return redirect("https://evil.example/")
        return (
            redirect("https://dtr.example.com/v2/delete") if len(seen) == 2 else httpx.Response(200)
        )

    with make_pool(handler) as pool:
        pool.request("GET", URL, max_bytes=10, auth=secret_auth())
    assert "Authorization" not in seen[2].headers


@pytest.mark.parametrize(
    "target",
    [
        "http://dtr.example.com/v2/x",
        "http://localhost:5000/x",
        "http://127.0.0.1/x",
        "https://ci:hunter2secret@dtr.example.com/",
        "file:///etc/passwd",
    ],
)
def test_a_redirect_from_https_to_anything_weaker_is_refused(target: str) -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return redirect(target)

    hosts = frozenset({"localhost:5000", "127.0.0.1"})
    with (
        make_pool(handler, insecure_http_hosts=hosts) as pool,
        pytest.raises(NetworkError) as caught,
    ):
        get(pool)
    assert caught.value.code == "insecure-redirect"
    assert len(seen) == 1


def test_at_most_five_redirects_are_followed() -> None:
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path)
        return redirect(f"/{len(seen)}")

    with make_pool(handler) as pool, pytest.raises(NetworkError) as caught:
        get(pool)
    assert caught.value.code == "too-many-redirects"
    assert len(seen) == 6


@pytest.mark.parametrize("method", ["POST", "DELETE", "HEAD"])
def test_only_get_is_redirected(method: str) -> None:
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path)
        return redirect("/elsewhere")

    with make_pool(handler) as pool:
        assert pool.request(method, URL, max_bytes=10).status == 307
    assert seen == ["/v2/x"]


# Plain http.


@pytest.mark.parametrize(
    "url", ["http://dtr.example.com/", "http://localhost:5000/", "http://127.0.0.1:5000/"]
)
def test_plain_http_is_refused_before_anything_is_sent(url: str) -> None:
    def handler(_request: httpx.Request) -> httpx.Response:
        pytest.fail("a request was sent")

    with make_pool(handler) as pool, pytest.raises(UsageError) as caught:
        get(pool, url)
    assert caught.value.code == "plain-http"


def test_plain_http_to_a_loopback_host_that_the_user_named_works() -> None:
    hosts = frozenset({"localhost:5000"})
    with make_pool(lambda _: httpx.Response(200, content=b"ok"), insecure_http_hosts=hosts) as pool:
        assert get(pool, "http://localhost:5000/") == b"ok"
        assert pool.base_url("localhost:5000") == "http://localhost:5000"
        assert pool.base_url("localhost:5001") == "https://localhost:5001"
        assert pool.base_url("dtr.example.com") == "https://dtr.example.com"


def test_a_url_with_user_information_is_refused_without_repeating_it() -> None:
    with make_pool(lambda _: httpx.Response(200)) as pool, pytest.raises(UsageError) as caught:
        get(pool, "https://ci:hunter2secret@dtr.example.com/")
    assert "hunter2secret" not in f"{caught.value} {caught.value.hint}"


# Limits.


def test_a_body_up_to_the_limit_is_returned_whole() -> None:
    with make_pool(lambda _: httpx.Response(200, content=b"x" * 10)) as pool:
        assert get(pool, max_bytes=10) == b"x" * 10


def test_a_hundred_mebibytes_are_not_read() -> None:
    body = Chunks(MEBIBYTE for _ in range(100))
    with (
        make_pool(lambda _: httpx.Response(200, stream=body)) as pool,
        pytest.raises(TrustDataError) as caught,
    ):
        get(pool, max_bytes=2**20)
    assert caught.value.code == "too-large"
    assert URL in str(caught.value)
    assert "1048576" in str(caught.value)
    assert body.taken == 2 * 2**20


def test_an_announced_length_over_the_limit_is_refused_unread() -> None:
    body = Chunks([MEBIBYTE])
    answer = httpx.Response(200, stream=body, headers={"Content-Length": "1001"})
    with make_pool(lambda _: answer) as pool, pytest.raises(TrustDataError) as caught:
        get(pool, max_bytes=1000)
    assert caught.value.code == "too-large"
    assert body.taken == 0


def test_of_a_large_error_page_the_beginning_is_kept() -> None:
    body = Chunks(MEBIBYTE for _ in range(100))
    with make_pool(lambda _: httpx.Response(500, stream=body)) as pool:
        answer = pool.request("GET", URL, max_bytes=10)
    assert answer.status == 500
    assert answer.content == b"\0" * 64 * 1024
    assert body.taken == 2**20


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity, gzip"])
def test_a_compressed_body_is_refused_unread(encoding: str) -> None:
    body = Chunks([b"\x1f\x8b bomb"])
    answer = httpx.Response(200, stream=body, headers={"Content-Encoding": encoding})
    with make_pool(lambda _: answer) as pool, pytest.raises(NetworkError) as caught:
        get(pool)
    assert caught.value.code == "bad-http"
    assert body.taken == 0


def test_a_compressed_error_page_is_an_error_without_a_body() -> None:
    def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(502, stream=Chunks([b"x"]), headers={"Content-Encoding": "gzip"})

    with make_pool(handler) as pool:
        assert pool.request("GET", URL, max_bytes=10).content == b""


def test_a_body_that_trickles_beyond_the_deadline_is_given_up() -> None:
    clock = Clock()

    def trickle() -> Iterator[bytes]:
        while True:
            clock.now += 1
            yield b"x"

    body = Chunks(trickle())
    with (
        make_pool(
            lambda _: httpx.Response(200, stream=body), clock=clock, timeout_seconds=5
        ) as pool,
        pytest.raises(NetworkError) as caught,
    ):
        get(pool, max_bytes=10**9)
    assert caught.value.code == "timeout"
    assert body.taken == 5


# Faults and retries.


def failing(
    *outcomes: httpx.Response | Exception,
) -> tuple[Callable[..., httpx.Response], list[str]]:
    """A handler with these outcomes in turn, and the list of methods it was asked with."""
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.method)
        outcome = outcomes[min(len(seen), len(outcomes)) - 1]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return handler, seen


def refused() -> httpx.ConnectError:
    error = httpx.ConnectError("[Errno 111] Connection refused")
    error.__cause__ = ConnectionRefusedError(111, "Connection refused")
    return error


@pytest.mark.parametrize("status", [502, 503, 504])
def test_an_unavailable_server_is_asked_again(status: int) -> None:
    handler, seen = failing(
        httpx.Response(status), httpx.Response(status), httpx.Response(200, content=b"ok")
    )
    waits: list[float] = []
    with make_pool(handler, sleep=waits.append) as pool:
        assert get(pool) == b"ok"
    assert len(seen) == 3
    assert len(waits) == 2
    assert all(0 < wait < 1 for wait in waits)


def test_after_three_attempts_the_last_answer_stands() -> None:
    handler, seen = failing(httpx.Response(503))
    with make_pool(handler) as pool:
        assert pool.request("GET", URL, max_bytes=10).status == 503
    assert len(seen) == 3


def test_after_three_attempts_the_last_fault_stands() -> None:
    handler, seen = failing(refused())
    with make_pool(handler) as pool, pytest.raises(NetworkError) as caught:
        get(pool)
    assert caught.value.code == "connection-refused"
    assert "dtr.example.com" in str(caught.value)
    assert len(seen) == 3


@pytest.mark.parametrize("outcome", [refused(), httpx.Response(503)])
def test_a_post_is_never_repeated(outcome: httpx.Response | Exception) -> None:
    handler, seen = failing(outcome)
    with make_pool(handler) as pool:
        if isinstance(outcome, Exception):
            with pytest.raises(NetworkError):
                pool.request("POST", URL, max_bytes=10, content=b"x")
        else:
            assert pool.request("POST", URL, max_bytes=10, content=b"x").status == 503
    assert seen == ["POST"]


def test_500_is_an_answer_and_not_repeated() -> None:
    handler, seen = failing(httpx.Response(500))
    with make_pool(handler) as pool:
        assert pool.request("GET", URL, max_bytes=10).status == 500
    assert len(seen) == 1


def test_a_timeout_is_not_repeated() -> None:
    handler, seen = failing(httpx.ReadTimeout("timed out"))
    with make_pool(handler) as pool, pytest.raises(NetworkError) as caught:
        get(pool)
    assert caught.value.code == "timeout"
    assert "--timeout" in caught.value.hint
    assert len(seen) == 1


def test_nothing_is_repeated_after_the_deadline() -> None:
    clock = Clock()
    seen: list[int] = []

    def handler(_request: httpx.Request) -> httpx.Response:
        seen.append(1)
        clock.now += 10
        raise refused()

    with (
        make_pool(handler, clock=clock, timeout_seconds=5) as pool,
        pytest.raises(NetworkError) as caught,
    ):
        get(pool)
    assert caught.value.code == "connection-refused"
    assert len(seen) == 1


def chained(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (httpx.ConnectTimeout("x"), "timeout"),
        (httpx.PoolTimeout("x"), "timeout"),
        (httpx.ConnectError("no route"), "connection-failed"),
        (httpx.ReadError("reset"), "connection-lost"),
        (
            httpx.RemoteProtocolError("Server disconnected without sending a response."),
            "connection-lost",
        ),
        (httpx.RemoteProtocolError("illegal status line"), "bad-http"),
        (httpx.ProxyError("403 Forbidden"), "proxy"),
    ],
)
def test_every_fault_has_a_code_of_its_own(error: Exception, code: str) -> None:
    handler, _ = failing(error)
    with make_pool(handler) as pool, pytest.raises(NetworkError) as caught:
        get(pool)
    assert caught.value.code == code
    assert caught.value.exit_code == 6
    assert "dtr.example.com" in str(caught.value)
    assert caught.value.hint


def test_an_unknown_host_is_told_from_a_silent_one() -> None:
    import socket

    error = chained(httpx.ConnectError("x"), socket.gaierror(-2, "Name or service not known"))
    handler, _ = failing(error)
    with make_pool(handler) as pool, pytest.raises(NetworkError) as caught:
        get(pool)
    assert caught.value.code == "dns"


def test_one_client_serves_an_origin_for_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    original = httpx.Client

    def counting(**settings: object) -> httpx.Client:
        made.append(settings)
        return original(**settings)  # type: ignore[arg-type]  # passed on as given

    monkeypatch.setattr(httpx, "Client", counting)
    with make_pool(lambda _: httpx.Response(200, content=b"ok")) as pool:
        threads = [threading.Thread(target=get, args=(pool,)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(made) == 1
        get(pool, "https://other.example.com/")
        assert len(made) == 2


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_timeout_that_is_no_time_is_refused(seconds: float) -> None:
    with pytest.raises(UsageError):
        HttpPool(tls=NO_TLS, timeout_seconds=seconds)


def test_a_socks_proxy_in_the_environment_is_a_clear_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"socks5://{tmp_path.name}:1")
    with HttpPool(tls=NO_TLS) as pool, pytest.raises(UsageError) as caught:
        get(pool)
    assert caught.value.code == "bad-proxy"
