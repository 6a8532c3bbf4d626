import email.message
import email.parser
import email.policy
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from signer.errors import (
    AuthError,
    ConflictError,
    NetworkError,
    NotFoundError,
    SignerError,
    TrustDataError,
    UsageError,
)
from signer.names import Gun, RoleName
from signer.transport.credentials import Credentials
from signer.transport.http import HttpPool
from signer.transport.notary import NotaryServer
from tests.unit.transport.simulated import Chunks, TokenWorld, make_pool, no_credentials

GUN = Gun("dtr.example.com/admin/flask")
BASE = "https://notary.example.com:4443"
PREFIX = f"{BASE}/v2/{GUN}/_trust/tuf/"
HASH = "ab" * 32
PAGE = b"<!DOCTYPE html><html>Sign in</html>"
HTML = {"Content-Type": "text/html; charset=utf-8"}

Handler = Callable[[httpx.Request], httpx.Response]


def error_json(code: str, message: str = "A message.", detail: object = None) -> dict[str, object]:
    """What notary-server answers: NP 5, "Error JSON"."""
    return {"errors": [{"code": code, "message": message, "detail": detail or {}}]}


def server(pool: HttpPool, directory: Path, *, base_url: str = BASE) -> NotaryServer:
    return NotaryServer(pool, base_url, GUN, credentials=no_credentials(directory))


def recording(answer: Callable[[], httpx.Response]) -> tuple[Handler, list[httpx.Request]]:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer()

    return handler, seen


def fault(
    directory: Path,
    answer: Callable[[], httpx.Response],
    act: Callable[[NotaryServer], object] = lambda notary: notary.get_metadata(
        "root", max_bytes=1000
    ),
) -> SignerError:
    handler, _ = recording(answer)
    with make_pool(handler) as pool, pytest.raises(SignerError) as caught:
        act(server(pool, directory))
    return caught.value


def publish(notary: NotaryServer) -> None:
    notary.publish({RoleName("targets"): b"{}"})


# Addresses.


@pytest.mark.parametrize(
    ("role", "sha256", "version", "file"),
    [
        ("root", "", 0, "root.json"),
        ("root", "", 2, "2.root.json"),
        ("targets", HASH, 0, f"targets.{HASH}.json"),
        ("targets/releases", HASH, 0, f"targets/releases.{HASH}.json"),
        ("targets/a/b", "", 0, "targets/a/b.json"),
    ],
)
def test_a_file_is_named_by_role_hash_or_version(
    tmp_path: Path, role: str, sha256: str, version: int, file: str
) -> None:
    handler, seen = recording(lambda: httpx.Response(200, content=b'{"signed":{}}'))
    with make_pool(handler) as pool:
        notary = server(pool, tmp_path)
        content = notary.get_metadata(role, sha256=sha256, version=version, max_bytes=100)
    assert content == b'{"signed":{}}'
    assert (seen[0].method, str(seen[0].url)) == ("GET", PREFIX + file)


@pytest.mark.parametrize(
    ("base_url", "start"),
    [
        ("https://notary.example.com/", "https://notary.example.com/v2/"),
        ("https://proxy.example.com/notary", "https://proxy.example.com/notary/v2/"),
    ],
)
def test_the_servers_url_may_have_a_path(tmp_path: Path, base_url: str, start: str) -> None:
    handler, seen = recording(lambda: httpx.Response(200, content=b"{}"))
    with make_pool(handler) as pool:
        server(pool, tmp_path, base_url=base_url).get_metadata("root", max_bytes=100)
    assert str(seen[0].url).startswith(start + GUN)


@pytest.mark.parametrize("role", ["../root", "root.json", "targets/../root", "targets/a?b", ""])
def test_a_role_that_could_leave_its_place_is_refused(tmp_path: Path, role: str) -> None:
    error = fault(
        tmp_path,
        lambda: pytest.fail("a request was sent"),
        lambda notary: notary.get_metadata(role, max_bytes=1),
    )
    assert isinstance(error, UsageError)


def test_a_hash_that_is_none_is_refused(tmp_path: Path) -> None:
    error = fault(
        tmp_path,
        lambda: pytest.fail("a request was sent"),
        lambda notary: notary.get_metadata("targets", sha256="../x", max_bytes=1),
    )
    assert isinstance(error, TrustDataError)


def test_keys_are_got_and_rotated_at_their_own_address(tmp_path: Path) -> None:
    handler, seen = recording(lambda: httpx.Response(200, content=b'{"keytype":"ed25519"}'))
    with make_pool(handler) as pool:
        notary = server(pool, tmp_path)
        assert notary.get_key("timestamp") == b'{"keytype":"ed25519"}'
        assert notary.rotate_key("snapshot") == b'{"keytype":"ed25519"}'
        notary.delete()
    assert [(request.method, str(request.url)) for request in seen] == [
        ("GET", PREFIX + "timestamp.key"),
        ("POST", PREFIX + "snapshot.key"),
        ("DELETE", PREFIX),
    ]


# Rights and credentials.


@pytest.mark.parametrize(
    ("act", "actions"),
    [
        (lambda notary: notary.get_metadata("root", max_bytes=100), "pull"),
        (lambda notary: notary.get_key("timestamp"), "push,pull"),
        (publish, "push,pull"),
        (lambda notary: notary.rotate_key("timestamp"), "*"),
        (lambda notary: notary.delete(), "*"),
    ],
)
def test_every_operation_asks_for_its_own_rights(
    tmp_path: Path, act: Callable[[NotaryServer], object], actions: str
) -> None:
    world = TokenWorld(accounts={"ci": "x"}, scope="")
    environment = {"DTR_USERNAME": "ci", "DTR_PASSWORD": "x"}
    with make_pool(world) as pool:
        credentials = Credentials(environment, tmp_path)
        act(NotaryServer(pool, BASE, GUN, credentials=credentials))
    assert world.asked[0].url.params["scope"] == f"repository:{GUN}:{actions}"


@pytest.mark.parametrize(
    ("auths", "user"),
    [
        ({"notary.example.com:4443": "notary:x", "dtr.example.com": "dtr:x"}, "notary"),
        ({"dtr.example.com": "dtr:x"}, "dtr"),
    ],
)
def test_credentials_are_the_servers_else_the_registrys(
    tmp_path: Path, auths: dict[str, str], user: str
) -> None:
    import base64
    import json

    entries = {
        host: {"auth": base64.b64encode(pair.encode()).decode()} for host, pair in auths.items()
    }
    (tmp_path / "config.json").write_text(json.dumps({"auths": entries}))
    world = TokenWorld(accounts={user: "x"})
    with make_pool(world) as pool:
        server(pool, tmp_path).get_metadata("root", max_bytes=100)
    assert world.asked[0].url.params["account"] == user


def test_a_refusal_is_an_auth_error_with_the_scope(tmp_path: Path) -> None:
    error = fault(tmp_path, lambda: httpx.Response(401, headers={"WWW-Authenticate": "Basic"}))
    assert isinstance(error, AuthError)
    assert f"repository:{GUN}:pull" in str(error)
    assert "NOTARY_AUTH" in error.hint


# Uploads.


def parts_of(request: httpx.Request) -> list[email.message.Message]:
    """Read a multipart body with the standard library, which is not what wrote it."""
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    parsed = email.parser.BytesParser(policy=email.policy.compat32).parsebytes(
        head + request.content
    )
    assert parsed.is_multipart()
    return list(parsed.get_payload())


def test_all_files_go_up_in_one_post(tmp_path: Path) -> None:
    handler, seen = recording(lambda: httpx.Response(200))
    files = {
        RoleName("targets/releases"): b'{"r":1}\r\n--x',
        RoleName("targets"): b'{"t":1}',
        RoleName("root"): b'{"o":1}',
    }
    with make_pool(handler) as pool:
        server(pool, tmp_path).publish(files)
    assert [(request.method, str(request.url)) for request in seen] == [("POST", PREFIX)]
    parts = parts_of(seen[0])
    assert [part["Content-Disposition"] for part in parts] == [
        'form-data; name="files"; filename="root"',
        'form-data; name="files"; filename="targets"',
        'form-data; name="files"; filename="targets/releases"',
    ]
    assert {part["Content-Type"] for part in parts} == {"application/octet-stream"}
    assert [part.get_payload(decode=True) for part in parts] == [
        b'{"o":1}',
        b'{"t":1}',
        b'{"r":1}\r\n--x',
    ]


@pytest.mark.parametrize(("status", "code"), [(400, "VERSION"), (500, "UPDATING")])
def test_another_publishers_success_is_a_conflict(tmp_path: Path, status: int, code: str) -> None:
    error = fault(tmp_path, lambda: httpx.Response(status, json=error_json(code)), publish)
    assert isinstance(error, ConflictError)
    assert error.exit_code == 9
    assert GUN in str(error)


def test_a_rejection_carries_the_servers_words(tmp_path: Path) -> None:
    detail = {"Name": "ErrBadTargets", "Error": {"Msg": "valid signatures did not meet threshold"}}
    body = error_json("INVALID_UPDATE", "Update sent by the client is invalid.", detail)
    error = fault(tmp_path, lambda: httpx.Response(400, json=body), publish)
    assert error.code == "server-rejected"
    assert error.exit_code == 1
    for part in (
        "Update sent by the client is invalid",
        "INVALID_UPDATE",
        "ErrBadTargets: valid signatures did not meet threshold",
    ):
        assert part in str(error)


def test_the_servers_words_cannot_control_the_terminal(tmp_path: Path) -> None:
    body = error_json("INVALID\x1b[2J", "a\x07b\r\nc" + "x" * 10_000, {"Error": {"Msg": "\x9b"}})
    error = fault(tmp_path, lambda: httpx.Response(400, json=body), publish)
    assert str(error).isprintable()
    assert len(str(error)) < 1000


@pytest.mark.parametrize(
    "detail", [None, "text", 5, [], {"Error": "x"}, {"Error": None}, {"Name": 1, "Error": {}}]
)
def test_details_of_any_shape_are_no_obstacle(tmp_path: Path, detail: object) -> None:
    body = {"errors": [{"code": "INVALID_UPDATE", "message": "No.", "detail": detail}]}
    error = fault(tmp_path, lambda: httpx.Response(400, json=body), publish)
    assert error.code == "server-rejected"


def test_a_proxy_that_limits_uploads_is_told_apart(tmp_path: Path) -> None:
    error = fault(tmp_path, lambda: httpx.Response(413, content=PAGE, headers=HTML), publish)
    assert error.code == "server-rejected"
    assert "too large" in str(error)


def test_an_acknowledgement_that_is_a_login_page_is_none(tmp_path: Path) -> None:
    error = fault(tmp_path, lambda: httpx.Response(200, content=PAGE, headers=HTML), publish)
    assert error.code == "not-a-notary-server"


def test_a_redirected_upload_is_not_followed(tmp_path: Path) -> None:
    answer = httpx.Response(308, headers={"Location": "https://elsewhere.example.com/"})
    error = fault(tmp_path, lambda: answer, publish)
    assert isinstance(error, NetworkError)
    assert error.code == "redirected"


# Answers that are none.


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    error = fault(tmp_path, lambda: httpx.Response(404, json=error_json("METADATA_NOT_FOUND")))
    assert isinstance(error, NotFoundError)
    assert "root.json" in str(error)
    assert GUN in str(error)
    assert "signer init" in error.hint


def test_a_page_that_is_missing_asks_whether_the_server_is_right(tmp_path: Path) -> None:
    error = fault(tmp_path, lambda: httpx.Response(404, content=PAGE, headers=HTML))
    assert isinstance(error, NotFoundError)
    assert "--server" in error.hint


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (lambda: httpx.Response(200, content=PAGE, headers=HTML), "not-a-notary-server"),
        (lambda: httpx.Response(200, content=b""), "not-a-notary-server"),
        (lambda: httpx.Response(200, content=b"\x1f\x8b\0garbage"), "not-a-notary-server"),
        (lambda: httpx.Response(200, content=b'["list"]'), "not-a-notary-server"),
        (lambda: httpx.Response(204), "not-a-notary-server"),
        (lambda: httpx.Response(400, content=b"Client sent HTTP"), "not-a-notary-server"),
        (lambda: httpx.Response(418, content=PAGE), "not-a-notary-server"),
        (lambda: httpx.Response(500, content=PAGE), "server-error"),
        (lambda: httpx.Response(500, json=error_json("UNKNOWN")), "server-error"),
        (lambda: httpx.Response(503, content=b"upstream"), "server-error"),
        (lambda: httpx.Response(429), "rate-limited"),
    ],
)
def test_an_answer_that_is_none_is_a_network_error_that_names_the_server(
    tmp_path: Path, answer: Callable[[], httpx.Response], code: str
) -> None:
    errors = [fault(tmp_path, answer)]
    if answer().status_code != 200 or answer().content:  # an upload is acknowledged by nothing
        errors.append(fault(tmp_path, answer, publish))
    for error in errors:
        assert isinstance(error, NetworkError)
        assert error.code == code
        assert "notary.example.com:4443" in str(error)
        assert error.hint


def test_a_file_over_its_limit_is_not_read(tmp_path: Path) -> None:
    body = Chunks(b"{" * 2**20 for _ in range(100))
    error = fault(tmp_path, lambda: httpx.Response(200, stream=body))
    assert isinstance(error, TrustDataError)
    assert error.code == "too-large"
    assert body.taken == 2**20


def test_several_threads_may_read_at_once(tmp_path: Path) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b'{"url":"%s"}' % request.url.path.encode())

    roles = [f"targets/{letter}" for letter in "abcdefghijkl"]
    results: dict[str, bytes] = {}
    with make_pool(handler) as pool:
        notary = server(pool, tmp_path)

        def read(role: str) -> None:
            results[role] = notary.get_metadata(role, max_bytes=1000)

        threads = [threading.Thread(target=read, args=(role,)) for role in roles]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == {
        role: f'{{"url":"/v2/{GUN}/_trust/tuf/{role}.json"}}'.encode() for role in roles
    }
